// The client's data of COPY FROM STDIN: on record, as count, before the server has it. Sync and Flush are what the server would ignore (§54.2.6).
import type { Gate } from '../../../protocol.ts'
import type { PostgresUpstream } from '../dial.ts'
import { parseFrontend, ProtocolViolation, type Frame } from '../messages.ts'
import type { PostgresOperation } from '../operation.ts'
import { poison } from '../refuse.ts'
import type { Act } from './act.ts'
import { drained } from './drained.ts'
import type { SessionState } from './state.ts'

export interface CopyInOptions {
  readonly state: SessionState
  readonly gate: Gate<PostgresOperation, PostgresUpstream>
  readonly upstream: PostgresUpstream
  /** What others depend on is through: names may resolve differently now. */
  changed(act: Act): void
}

/** @returns index of the first frame that is not of the copy; of a Terminate, which ends it, where it is. @throws ProtocolViolation */
export async function copyIn(frames: readonly Frame[], from: number, { state, gate, upstream, changed }: CopyInOptions): Promise<number> {
  const act = state.copyIn as Act
  const data: Uint8Array[] = []
  let hasEnded = false
  let at = from
  for (; at < frames.length && !hasEnded; at++) {
    const frame = frames[at] as Frame
    const { kind } = parseFrontend(frame)
    if (kind === 'sync' || kind === 'flush') continue
    if (kind === 'terminate') {
      upstream.control({ kind: 'poison', bytes: poison.copy() })
      upstream.flush()
      await act.ended
      return at
    }
    // The server, too, ends the connection for it.
    if (kind !== 'copyData' && kind !== 'copyDone' && kind !== 'copyFail') throw new ProtocolViolation(`unexpected message type 0x${frame.tag.toString(16)} during COPY from stdin`)
    data.push(frame.bytes)
    hasEnded = kind !== 'copyData'
  }
  if (data.length === 0 || act.permit === undefined) return at
  const recorded = await gate.upload(act.permit, data.length === 1 ? data[0] as Uint8Array : Buffer.concat(data), hasEnded)
  // It may have failed meanwhile, and with it all that was on its way.
  if (state.copyIn !== act) return at
  act.stream?.write(recorded.bytes)
  // Of several in one text the next may begin: what follows is its data then.
  const paused = hasEnded && state.head?.reply === 'query' ? act.paused : undefined
  if (hasEnded) {
    state.copyIn = undefined
    changed(act)
  }
  if (!upstream.flush()) await drained(upstream.socket)
  await paused
  return at
}
