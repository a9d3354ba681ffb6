// An exchange whose bytes nobody parses: uploads over the cap, routes declared opaque. Every chunk goes through the gate first: it is on record
// before it is written, in either direction.
import { Readable } from 'node:stream'
import type { Permit } from '../../call.ts'
import { drained, type Caller } from '../../caller.ts'
import type { Masking } from '../../mask/index.ts'
import { refusal, RefusalError } from '../../refusal.ts'
import type { HttpExchange, HttpGate } from './gate.ts'
import { endPart, opaquePart, planOf } from './mask.ts'
import type { HttpOperation } from './messages.ts'
import type { Passage } from './passage.ts'
import { answerHeaders } from './response.ts'

const nothing = new Uint8Array(0)

/** Chunk by chunk: recorded, then written. */
export async function passExchange(passage: Passage, permit: Permit<HttpOperation>, gate: HttpGate, client: HttpExchange, chunks: AsyncIterable<Uint8Array>, caller: Caller, masking: Masking): Promise<void> {
  const plan = planOf(permit, masking)
  opaquePart(nothing, plan)                                      // masks on bytes nobody parses: refused before anything is sent
  const { request, response } = client
  const body = Readable.from(recorded(gate, permit, chunks), { objectMode: false, highWaterMark: 64 * 1024 })
  const { timeout_ms: asked = Infinity } = permit.call.decision.limits
  const answer = await passage.exchange(permit.spend().message, request, response, body, Math.min(passage.timeoutMs, asked))
  const revoked = (): void => { answer.destroy(new RefusalError(refusal('upstream.broken', 'The session was revoked'))) }
  gate.signal.addEventListener('abort', revoked, { once: true })
  caller.onSent(() => answer.destroy())
  try {
    const status = answer.statusCode ?? 502
    const headers = answerHeaders({ status, headers: answer.headers }, permit, undefined)
    // An answer that came before the upload's end leaves bytes behind that must not be read as a request.
    response.writeHead(status, request.complete ? headers : { ...headers, connection: 'close' })
    for await (const chunk of answer) {
      for (const part of await gate.deliver([[permit, opaquePart(chunk as Uint8Array, plan)]])) if (!response.write(part.bytes)) await drained(response)
    }
    if (caller.isGone) throw new RefusalError(refusal('upstream.broken', 'The caller went away'))
    await gate.deliver([[permit, endPart(String(status), masking)]])
    response.end()
  } catch (error) {
    throw error instanceof RefusalError ? error : new RefusalError(refusal('upstream.broken'), error)
  } finally {
    gate.signal.removeEventListener('abort', revoked)
  }
}

async function* recorded(gate: HttpGate, permit: Permit<HttpOperation>, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) yield (await gate.upload(permit, chunk, false)).bytes
  await gate.upload(permit, nothing, true)
}
