// What the host knows of a call besides the call itself.
import type { Json, PeerAddress, PolicyInput, Principal } from '../call.ts'

/** What the host knows about a call and policy may read. */
export interface ProjectionContext {
  /** `id` in hex; `startedAt` as RFC 3339 says it. */
  readonly session: { readonly id: string; readonly seq: number; readonly startedAt: string }
  readonly principal: Principal
  readonly peer: PeerAddress
  /** 16 bytes. */
  readonly decisionId: Uint8Array
  /** ms since the Unix epoch. */
  readonly now: number
  readonly phase?: PolicyInput['phase']
  readonly approval?: Json
  readonly grants?: readonly Json[]
  readonly breakGlass?: boolean
}
