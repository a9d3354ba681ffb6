// The upstream side of Streamable HTTP: one permitted message, sent once, with the gateway's credential and the upstream's own session id.
import type { Permit } from '../../call.ts'
import type { Answer, Upstream, UpstreamAccess } from '../../protocol.ts'
import { refusalWords, type Refusal } from '../../refusal.ts'
import { writeError, type RpcId } from './messages.ts'
import { closeMethod, streamMethod } from './methods.ts'
import type { McpOperation } from './operation.ts'
import type { McpSession } from './sessions.ts'

const acceptBoth = 'application/json, text/event-stream'

export class McpUpstream implements Upstream<McpOperation> {
  readonly #access: UpstreamAccess

  constructor(access: UpstreamAccess) {
    this.#access = access
  }

  /** @throws RefusalError `upstream.*` */
  forward(permit: Permit<McpOperation>, onSent: (cancel: () => void) => void): Promise<Answer> {
    const { limits } = permit.call.decision
    const { message } = permit.spend()
    const isStream = message.method === streamMethod
    const isPost = !isStream && message.method !== closeMethod
    const headers = isPost ? ['content-type', 'application/json', 'accept', acceptBoth] : ['accept', isStream ? 'text/event-stream' : acceptBoth]
    for (const text of message.transport) headers.push(text)
    for (const text of message.headers) headers.push(text)
    if (message.session !== undefined) headers.push('mcp-session-id', message.session.upstreamId)
    return this.#send(isPost ? 'POST' : isStream ? 'GET' : 'DELETE', headers, isPost ? message.body : null, limits.bytes, limits.timeout_ms, onSent)
  }

  /** Tells the server that a request it made of the client was refused. Made from the refusal alone: no operation is in it. */
  async answerRefused(session: McpSession, id: RpcId, refused: Refusal): Promise<void> {
    const body = Buffer.from(writeError(id, refusalWords[refused.code].jsonRpc, refused.message, undefined))
    const headers = ['content-type', 'application/json', 'accept', acceptBoth, 'mcp-session-id', session.upstreamId]
    await this.#send('POST', headers, body, undefined, undefined, () => undefined)
  }

  #send(method: string, headers: string[], body: Uint8Array | null, maxBytes = Infinity, timeoutMs = Infinity, onSent: (cancel: () => void) => void): Promise<Answer> {
    const { limits, upstream } = this.#access.target
    return this.#access.send({
      method, path: '', headers, body, onSent,
      maxBytes: Math.min(limits.maxResultBytes, maxBytes),
      timeoutMs: Math.min(upstream.timeoutMs, timeoutMs),
      isStreamed: () => false,                                   // a JSON answer is masked whole; events stream by themselves
    })
  }
}
