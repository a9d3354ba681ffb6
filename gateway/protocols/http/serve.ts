// The client side of HTTP: one exchange from its head to the last byte of its answer. Every exit is an answer or a refusal, and on record.
import type { ServerResponse } from 'node:http'
import { receiptHeaders, type Permit } from '../../call.ts'
import { Caller, drained } from '../../caller.ts'
import type { Masking, MaskPlan } from '../../mask/index.ts'
import type { Answer, ConnectionEnd } from '../../protocol.ts'
import { isRefusal, refusal, RefusalError, type Refusal } from '../../refusal.ts'
import type { HttpDoor, HttpExchange, HttpGate } from './gate.ts'
import { failedPart, maskWhole, Pieces, planOf } from './mask.ts'
import { opaqueRequest, parseHead, parseRequest, type HttpHead, type HttpOperation } from './messages.ts'
import { passExchange } from './pass.ts'
import { refuseResponse } from './refuse.ts'
import { answerHeaders } from './response.ts'
import type { Routes } from './routes.ts'

export async function serveExchange(client: HttpExchange, door: HttpDoor, routes: Routes, publicUrl: string): Promise<ConnectionEnd> {
  const { response } = client
  const { target } = door
  const entered = door.enter(client.credential)
  const gate = entered instanceof Promise ? await entered : entered
  if (isRefusal(gate)) return refuse(gate)
  const head: HttpHead = { method: client.request.method ?? '', path: client.path, headers: client.request.headers }
  let operation: HttpOperation
  let unread: AsyncIterable<Uint8Array> | undefined
  try {
    const parsed = parseHead(head, target, routes)
    if (parsed.entry?.isOpaque === true) {
      unread = client.request
      operation = opaqueRequest(head, parsed, target)
    } else {
      const body = await client.readBody(target.limits.maxBodyBytes)
      if (body.kind === 'aborted') return 'aborted'
      if (body.kind === 'long') unread = body.chunks
      operation = body.kind === 'long' ? opaqueRequest(head, parsed, target) : parseRequest(head, parsed, body.bytes, target)
    }
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    return refuse(await gate.refuse(error.refusal.code, error.refusal.message))
  }
  const caller = new Caller(response)
  const [permit] = await gate.request([operation], 'client', caller)
  if (permit === undefined || isRefusal(permit)) return refuse(permit ?? refusal('gateway.fault'))
  try {
    const plan = planOf(permit, door.masking)                     // a mask that cannot be enforced stops the call here
    const opening = gate.open()
    const upstream = opening instanceof Promise ? await opening : opening
    if (unread !== undefined) await passExchange(upstream.passage, permit, gate, client, unread, caller, door.masking)
    else await relay(await upstream.forward(permit, caller.onSent), permit, gate, response, plan)
    return caller.isGone ? 'aborted' : 'ended'
  } catch (error) {
    const failed = error instanceof RefusalError ? error.refusal : refusal('gateway.fault')
    await recordFailure(gate, permit, failed, caller.isGone, door.masking)
    return refuse(failed.decisionId === undefined ? { ...failed, decisionId: Buffer.from(permit.call.decisionId).toString('hex') } : failed)
  }

  function refuse(refused: Refusal): ConnectionEnd {
    return refuseResponse(response, refused, target, publicUrl) ? 'refused' : 'aborted'
  }
}

/** The outcome of a call that got no result. A result that could not be recorded is already *ambiguous*: nothing more is written. */
export async function recordFailure(gate: HttpGate, permit: Permit<HttpOperation>, failed: Refusal, isCancelled: boolean, masking: Masking): Promise<void> {
  if (failed.code === 'record.ambiguous') return
  await gate.deliver([[permit, failedPart(failed, isCancelled, masking)]]).catch(() => undefined)
}

async function relay(answer: Answer, permit: Permit<HttpOperation>, gate: HttpGate, response: ServerResponse, plan: MaskPlan): Promise<void> {
  if (answer.kind === 'whole') {
    const parts = maskWhole(answer, plan)
    const recorded = await gate.deliver(parts.map((part) => [permit, part] as const))
    const length = recorded.reduce((sum, part) => sum + part.bytes.length, 0)
    response.writeHead(answer.status, { ...answerHeaders(answer, permit, length), ...receiptHeaders(gate.session, permit) })
    for (const part of recorded.slice(0, -1)) response.write(part.bytes)
    response.end(recorded.at(-1)?.bytes)
    return
  }
  const revoked = (): void => answer.source.cancel()
  gate.signal.addEventListener('abort', revoked, { once: true })
  try {
    await stream(answer, permit, gate, response, plan)
  } catch (error) {
    answer.source.cancel()
    throw error
  } finally {
    gate.signal.removeEventListener('abort', revoked)
  }
}

/** One read, one commit, one write; the next read waits for the caller to take it, so memory stays flat. */
async function stream(answer: Exclude<Answer, { kind: 'whole' }>, permit: Permit<HttpOperation>, gate: HttpGate, response: ServerResponse, plan: MaskPlan): Promise<void> {
  const pieces = new Pieces(answer, plan)
  response.writeHead(answer.status, { ...answerHeaders(answer, permit, undefined), ...receiptHeaders(gate.session, permit) })
  response.flushHeaders()
  for (let parts = await pieces.next(); parts !== undefined; parts = await pieces.next()) {
    if (parts.length === 0) continue
    for (const recorded of await gate.deliver(parts.map((part) => [permit, part] as const))) {
      if (recorded.bytes.length > 0 && !response.write(recorded.bytes)) await drained(response)
    }
  }
  response.end()
}
