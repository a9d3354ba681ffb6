// The one interface a protocol implements, and the doors through which it reaches the rest of the gateway.
// A protocol owns wire order and how a refusal is said at each point of it; it decides nothing.
import type { Agent, IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Credential, MaskedPart, Operation, PeerAddress, Pending, Permit, ProtocolName, RecordedPart, TargetName } from './call.ts'
import type { TargetConfig } from './config.ts'
import type { Refusal, RefusalCode } from './refusal.ts'

/** One client connection; for the HTTP family one exchange, routed to its target by `connection/`. `path` is the part of the URL behind the target's prefix. */
export type Connection =
  | { readonly framing: 'exchange'; readonly target: TargetName; readonly path: string; readonly peer: PeerAddress; readonly request: IncomingMessage; readonly response: ServerResponse }
  | { readonly framing: 'upgrade'; readonly target: TargetName; readonly path: string; readonly peer: PeerAddress; readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Uint8Array }
  | { readonly framing: 'bytes'; readonly target: TargetName; readonly peer: PeerAddress; readonly socket: Duplex }

export type ConnectionEnd = 'ended' | 'refused' | 'aborted'

export interface Protocol<O extends Operation, U extends Upstream<O>> {
  readonly name: ProtocolName
  run(client: Connection, door: Door<O, U>): Promise<ConnectionEnd>
  dial(access: UpstreamAccess): U
}

/** What `upstream/` lends a protocol to dial with: a keep-alive pool and a credential the client never sees. */
export interface UpstreamAccess {
  readonly target: TargetConfig
  /** Scheme, host and port of the upstream, and its base path without a trailing slash. */
  readonly origin: URL
  readonly basePath: string
  /** Lower-case header names to add; the caller's own Authorization is never among what is forwarded. */
  credentialHeaders(): Readonly<Record<string, string>>
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean
  /** Keep-alive agent for pass-through routes and upgrades. */
  readonly agent: Agent
}

/** One per listener and target. PostgreSQL enters once per connection; HTTP, MCP and gRPC on every request. */
export interface Door<O extends Operation, U extends Upstream<O>> {
  readonly target: TargetConfig
  /** Verifies the credential and opens or finds the session. A refusal is already on record (before authentication: aggregated). */
  enter(credential: Credential): Promise<Gate<O, U> | Refusal> | Gate<O, U> | Refusal
}

/** One per session; the only way to the upstream and back. */
export interface Gate<O extends Operation, U extends Upstream<O>> {
  /** Aborts when the session is revoked, expired or draining. */
  readonly signal: AbortSignal
  /** The upstream of this session, dialled with credentials the client never sees. */
  open(): Promise<U> | U
  /** Projects, decides, holds, and puts on record. One read = one call = one commit; answers in order. */
  request(operations: readonly O[], from: 'client' | 'upstream', hold: Hold): Promise<(Permit<O> | Refusal)[]>
  /** Later bytes of a permitted request (uploads, COPY IN): on record before they may be written upstream. */
  upload(permit: Permit<O>, bytes: Uint8Array, isLast: boolean): Promise<RecordedPart>
  /** Puts masked parts on record; in order, many calls may be in flight. @throws RefusalError `record.ambiguous` when a result cannot be recorded */
  deliver(parts: readonly (readonly [Permit<O>, MaskedPart])[]): Promise<RecordedPart[]>
  /** Which of these resources the caller may see, by the rule that also decides the call. */
  visible(permit: Permit<O>, items: readonly VisibleItem[]): readonly boolean[]
  /** A message the protocol could not accept (malformed, oversize, unknown): recorded as a refusal. */
  refuse(code: RefusalCode, message: string): Promise<Refusal>
}

export interface VisibleItem { readonly type: string; readonly id: string; readonly catalogueKey: string }

export interface Hold {
  /** The caller went away or cancelled. */
  readonly signal: AbortSignal
  /** Says so to the caller (NOTICE, keep-alive), or chooses to answer "pending" at once. */
  held(pending: Pending): 'wait' | 'return'
}

export interface Upstream<O extends Operation> {
  /** Spends the permit and sends the operation. */
  forward(permit: Permit<O>): unknown
}
