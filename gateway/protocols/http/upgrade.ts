// WebSocket upgrades (RFC 6455 §4): decided as one opaque operation, then every chunk of either direction is on record before it passes.
import { Caller } from '../../caller.ts'
import type { Connection, ConnectionEnd } from '../../protocol.ts'
import { isRefusal, refusal, RefusalError, type Refusal } from '../../refusal.ts'
import { GateSocket } from './gate-socket.ts'
import type { HttpDoor } from './gate.ts'
import { endPart, opaquePart, planOf } from './mask.ts'
import { opaqueRequest, parseHead, type HttpOperation } from './messages.ts'
import { refuseUpgrade } from './refuse.ts'
import type { Routes } from './routes.ts'
import { recordFailure } from './serve.ts'

const nothing = new Uint8Array(0)

export async function serveUpgrade(client: Extract<Connection, { framing: 'upgrade' }>, door: HttpDoor, routes: Routes, publicUrl: string): Promise<ConnectionEnd> {
  const { request, socket, head } = client
  const { target, masking } = door
  const refuse = (refused: Refusal): ConnectionEnd => {
    refuseUpgrade(socket, refused, target, publicUrl)
    return 'refused'
  }
  const gate = await door.enter(client.credential)
  if (isRefusal(gate)) return refuse(gate)
  let operation: HttpOperation
  try {
    if (request.method !== 'GET' || request.headers.upgrade?.toLowerCase() !== 'websocket') throw new RefusalError(refusal('request.invalid', 'Only WebSocket upgrades are served'))
    const asked = { method: 'GET', path: client.path, headers: request.headers }
    const parsed = parseHead(asked, target, routes)
    // A declared GET that reads one thing is no leave for a channel that may say anything.
    if (parsed.entry !== undefined && parsed.entry.isOpaque !== true) throw new RefusalError(refusal('request.invalid', 'This route is not declared to carry bytes that nobody reads'))
    operation = opaqueRequest(asked, parsed, target)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    return refuse(await gate.refuse(error.refusal.code, error.refusal.message))
  }
  const caller = new Caller(socket)
  const [permit] = await gate.request([operation], 'client', caller)
  if (permit === undefined || isRefusal(permit)) return refuse(permit ?? refusal('gateway.fault'))
  try {
    const plan = planOf(permit, masking)
    opaquePart(nothing, plan)
    const upstream = await gate.open()
    if (head.length > 0) socket.unshift(head)
    const joined = new GateSocket(socket, gate, permit, plan)
    const revoked = (): void => { joined.destroy() }
    gate.signal.addEventListener('abort', revoked, { once: true })
    try {
      await new Promise<void>((resolve, reject) => {
        joined.once('close', resolve)
        upstream.passage.upgrade(permit.spend().message, request, joined, reject)
      })
    } finally {
      gate.signal.removeEventListener('abort', revoked)
    }
    if (joined.errored !== null) throw joined.errored
    await gate.upload(permit, nothing, true)
    await gate.deliver([[permit, endPart('closed', masking)]])
    return 'ended'
  } catch (error) {
    const failed = error instanceof RefusalError ? error.refusal : refusal('upstream.broken')
    await recordFailure(gate, permit, failed, caller.isGone, masking)
    return socket.writable ? refuse(failed) : 'aborted'
  }
}
