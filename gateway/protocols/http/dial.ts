// The upstream side of HTTP: spends a permit and sends what it permits. Parsed requests take undici's raw path; see passage.ts for the rest.
import type { Permit } from '../../call.ts'
import type { Answer, AnswerHeaders, Upstream, UpstreamAccess } from '../../protocol.ts'
import { mediaType, type HttpOperation } from './messages.ts'
import { Passage } from './passage.ts'

export class HttpUpstream implements Upstream<HttpOperation> {
  readonly access: UpstreamAccess
  #passage: Passage | undefined

  constructor(access: UpstreamAccess) {
    this.access = access
  }

  /** @throws RefusalError `upstream.*` */
  forward(permit: Permit<HttpOperation>, onSent: (cancel: () => void) => void): Promise<Answer> {
    const { limits } = permit.call.decision
    const { target } = this.access
    const { message } = permit.spend()
    return this.access.send({
      method: message.method, path: message.path, headers: [...message.headers], body: message.body,
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

/** Lines can be masked one by one and other types not at all, so both may flow; JSON is masked as a whole. */
function isStreamed(status: number, headers: AnswerHeaders): boolean {
  if (status === 204 || status === 304) return false
  const { type } = mediaType(headers['content-type'])
  return !(type === 'application/json' || (type.endsWith('+json') && type !== 'application/stream+json')) && type !== ''
}
