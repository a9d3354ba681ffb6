// The upstream side of HTTP: spends a permit and sends what it permits. Parsed requests take undici's raw path; see passage.ts for the rest.
import type { Permit } from '../../call.ts'
import type { Answer, AnswerHeaders, Upstream, UpstreamAccess } from '../../protocol.ts'
import { refusal, RefusalError } from '../../refusal.ts'
import { mediaType, type HttpMessage, type HttpOperation } from './messages.ts'
import { Passage } from './passage.ts'

export class HttpUpstream implements Upstream<HttpOperation> {
  readonly access: UpstreamAccess
  #passage: Passage | undefined

  constructor(access: UpstreamAccess) {
    this.access = access
  }

  /** @throws RefusalError `upstream.*`, `mask.unenforceable` */
  forward(permit: Permit<HttpOperation>, onSent: (cancel: () => void) => void): Promise<Answer> {
    const { limits, mask } = permit.call.decision
    const { target } = this.access
    const { message } = permit.spend()
    return this.access.send({
      method: message.method, path: message.path, headers: mask.length > 0 ? withoutTags(message) : [...message.headers], body: message.body,
      maxBytes: Math.min(target.limits.maxResultBytes, limits.bytes ?? Infinity),
      timeoutMs: Math.min(target.upstream.timeoutMs, limits.timeout_ms ?? Infinity),
      isStreamed, onSent,
    })
  }

  /** Bytes nobody parses: uploads over the cap, opaque routes, upgrades. */
  get passage(): Passage {
    return this.#passage ??= new Passage(this.access)
  }
}

/**
 * Many servers make an entity tag of the body's digest: who names one hears whether a body that they guessed is the real one, a list of guesses
 * at a time. A masked caller was never shown a tag; one that is kept from before costs a cached read its 304 and nothing else.
 * @throws RefusalError `mask.unenforceable` where the request would be another one without it (RFC 9110 §13.1)
 */
function withoutTags({ method, headers }: HttpMessage): string[] {
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const [name = '', value = ''] = headers.slice(at, at + 2)
    const isTag = (name === 'if-match' || name === 'if-none-match') && value.trim() !== '*'
    if (!isTag) kept.push(name, value)
    else if (name === 'if-match' || (method !== 'GET' && method !== 'HEAD')) throw new RefusalError(refusal('mask.unenforceable', 'An entity tag would tell whether a masked value was guessed'))
  }
  return kept
}

/** Lines can be masked one by one and other types not at all, so both may flow; JSON is masked as a whole. */
function isStreamed(status: number, headers: AnswerHeaders): boolean {
  if (status === 204 || status === 304) return false
  const { type } = mediaType(headers['content-type'])
  return !(type === 'application/json' || (type.endsWith('+json') && type !== 'application/stream+json')) && type !== ''
}
