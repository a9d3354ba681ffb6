// The one interface a protocol implements, and the doors through which it reaches the rest of the gateway.
// A protocol owns wire order and how a refusal is said at each point of it; it decides nothing.
import type { Agent, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionOptions, SecureContext } from 'node:tls'
import type { Challenge, Credential, MaskedPart, Operation, PeerAddress, Pending, Permit, ProtocolName, RecordedPart, TargetName } from './call.ts'
import type { TargetConfig } from './config.ts'
import type { Masking } from './mask/index.ts'
import type { Refusal, RefusalCode } from './refusal.ts'

/** One client connection; for the HTTP family one exchange, routed to its target by `connection/`. `path` is the part of the URL behind the target's prefix.
 * `request.headers` holds no credential any more (Authorization, Proxy-Authorization, Cookie): what a protocol cannot see it cannot forward. */
export type Connection =
  | { readonly framing: 'exchange'; readonly target: TargetName; readonly path: string; readonly credential: Credential; readonly peer: PeerAddress; readonly admit: Admit; readonly request: IncomingMessage; readonly response: ServerResponse; readBody(maxBytes: number): Promise<RequestBody> }
  | { readonly framing: 'upgrade'; readonly target: TargetName; readonly path: string; readonly credential: Credential; readonly peer: PeerAddress; readonly admit: Admit; readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Uint8Array }
  | ByteConnection

/** One connection of a listener that belongs to one target. The protocol reads every byte of it, says when TLS starts, and ends it. */
export interface ByteConnection {
  readonly framing: 'bytes'
  readonly target: TargetName
  readonly peer: PeerAddress
  /** Nothing was read of it, no deadline runs on it but the listener's own on strangers. */
  readonly socket: Socket
  /** The listener's certificate, for when the protocol starts TLS (it picks the ALPN name); absent only on loopback. */
  readonly secureContext?: SecureContext
  readonly admit: Admit
}

/** The caller is known: the connection is none of the few that strangers may hold. False: they hold as many as one may. Called by the door. */
export type Admit = (caller: string) => boolean

/** What the caller sent: all of it, or a stream when it is longer than the cap asked for (nothing is lost: the stream starts at the first byte). */
export type RequestBody =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  | { readonly kind: 'long'; readonly chunks: AsyncIterable<Uint8Array> }
  | { readonly kind: 'aborted' }

export type ConnectionEnd = 'ended' | 'refused' | 'aborted'

/** `A` is what its upstreams are reached by: requests on a pool, or byte streams. */
export interface Protocol<O extends Operation, U extends Upstream<O>, A extends NoAccess = UpstreamAccess> extends Traits {
  readonly name: ProtocolName
  run(client: Connection, door: Door<O, U>): Promise<ConnectionEnd>
  /** Called once a session, by `gate.open()`; makes no connection yet. */
  dial(access: A): U
}

/** What a protocol says of itself; absent: as the HTTP family has it. */
export interface Traits {
  /** It is reached by byte-stream listeners only; each `enter` opens a session of its own, which lasts as long as the connection and its token. */
  readonly sessions?: 'connection'
  /** Calls and streams of one session at once; absent: 192. A protocol that pipelines wants more. */
  readonly maxInFlight?: number
  /** It counts rows (`PartSummary.rows`) and stops at `decision.limits.rows`; without it such a decision is refused. */
  readonly countsRows?: true
}

/** For a protocol that answers by itself. */
export interface NoAccess { readonly target: TargetConfig }

/** What `upstream/` lends a protocol to dial with: a keep-alive pool and a credential the client never sees. */
export interface UpstreamAccess {
  readonly target: TargetConfig
  /** Scheme, host and port of the upstream, and its base path without a trailing slash. */
  readonly origin: URL
  readonly basePath: string
  /** Lower-case header names to add; the caller's own Authorization is never among what is forwarded. */
  credentialHeaders(): Readonly<Record<string, string>>
  /** Sends one request on the keep-alive pool, once: nothing is ever retried. @throws RefusalError `upstream.*` */
  send(request: UpstreamRequest): Promise<Answer>
  /** Keep-alive agent for pass-through routes and upgrades. */
  readonly agent: Agent
}

/** What `upstream/` lends a protocol whose upstream is a byte stream: an address, and credentials the client never sees. */
export interface StreamAccess {
  readonly target: TargetConfig
  /** A name or address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Who the gateway is there; absent: the client's own name goes through. */
  readonly user: string | undefined
  /** From the URL's path; absent: the client's choice. */
  readonly database: string | undefined
  password(): string | undefined
  /** For `tls.connect` over the socket: what is trusted and who must answer, always verified. Absent: plaintext, on loopback or by config.
   * `tls.connect` itself throws where a secret is no certificate or key. */
  readonly tls: ConnectionOptions | undefined
  /** A new connection, not yet under TLS, within 5 s; the caller owns it and its errors from here on. @throws RefusalError `upstream.unavailable`, also when the signal aborts */
  connect(signal: AbortSignal): Promise<Socket>
}

/** One request as it goes out. `headers` is a flat list of names and values; `origin`, `host` and `accept-encoding: identity` are added. */
export interface UpstreamRequest {
  readonly method: string
  /** Path and query behind `basePath`. */
  readonly path: string
  readonly headers: string[]
  readonly body: Uint8Array | null
  /** A whole answer longer than this is `upstream.too_large`. */
  readonly maxBytes: number
  /** Time for the answer's head, and for a whole answer's body; a streamed body may idle. */
  readonly timeoutMs: number
  /** Which answers are handed on chunk by chunk: called once, with the head. */
  isStreamed(status: number, headers: AnswerHeaders): boolean
  /** Takes the function that cancels this request upstream; the caller went away. */
  onSent(cancel: () => void): void
}

export type AnswerHeaders = Readonly<Record<string, string | string[] | undefined>>

/** The upstream's answer: whole, or a stream that is read piece by piece (not reading stops the source). `text/event-stream` is always `events`. */
export type Answer =
  | { readonly kind: 'whole'; readonly status: number; readonly headers: AnswerHeaders; readonly bytes: Uint8Array }
  | { readonly kind: 'stream'; readonly status: number; readonly headers: AnswerHeaders; readonly source: AnswerSource<Uint8Array> }
  | { readonly kind: 'events'; readonly status: number; readonly headers: AnswerHeaders; readonly source: AnswerSource<readonly ServerEvent[]> }

export interface AnswerSource<T> {
  /** What the next read brought; null at the end. @throws RefusalError `upstream.*` */
  read(): Promise<T | null>
  cancel(): void
}

/** One server-sent event (WHATWG HTML §9.2.6). `data` is undefined where a block has fields but no data, `comment` is set for a comment line. */
export interface ServerEvent {
  readonly data: string | undefined
  readonly event: string | undefined
  readonly id: string | undefined
  readonly retry: string | undefined
  readonly comment: string | undefined
}

/** One per listener and target. PostgreSQL enters once per connection; HTTP, MCP and gRPC on every request. */
export interface Door<O extends Operation, U extends Upstream<O>> {
  readonly target: TargetConfig
  /** This target's masks: `masking.planFor(permit.call.decision, entry)` before a result is walked. */
  readonly masking: Masking
  /** Verifies the credential and opens or finds the session. A refusal is already on record (before authentication: aggregated). */
  enter(credential: Credential): Promise<Gate<O, U> | Refusal> | Gate<O, U> | Refusal
  /** For one who is refused before `enter` could know who it is: on record, aggregated. */
  turnAway(refused: Refusal, from: PeerAddress): void
  /** For a machine user that proves a password, whether or not there is one of this name. Absent: nobody proves one here. */
  challenge?(name: string): Challenge
  /** Where callers get tokens for this target, for protocols that can say so on the connection (RFC 7628 §3.2.2). */
  tokensFrom?(): TokenSource | undefined
}

/** `configuration` is the URL of a provider's OpenID or RFC 8414 metadata. */
export interface TokenSource { readonly configuration: string; readonly scope: string }

/** One per session; the only way to the upstream and back. */
export interface Gate<O extends Operation, U extends Upstream<O>> {
  /** Hex id of the session; `<session>/<seq>` names a frame and is the caller's receipt (header `countersign-frame`). */
  readonly session: string
  /** Who this session belongs to: principal and client. State that a protocol keeps across sessions (MCP session ids) is bound to it. */
  readonly owner: string
  /** Aborts when the session is revoked or expired, its target's config has changed, or the gateway stops; `reason` is a `SessionEnd`. A connection's own session takes no calls from then on. */
  readonly signal: AbortSignal
  /** The connection has ended: its own session closes once the last call has its outcome. Again: nothing. @throws where sessions are shared (a fault of the protocol) */
  close(): void
  /** The upstream of this session, dialled with credentials the client never sees. */
  open(): Promise<U> | U
  /** Projects, decides, holds, and puts on record. One read = one call = one commit; answers in order. */
  request(operations: readonly O[], from: 'client' | 'upstream', hold: Hold): Promise<(Permit<O> | Refusal)[]>
  /** The policy that permitted it is still the one in force, and the session goes on: what was permitted and has not begun may begin. */
  holds(permit: Permit<O>): boolean
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
  /** Spends the permit and sends the operation. `onSent` takes the function that cancels it upstream. */
  forward(permit: Permit<O>, onSent: (cancel: () => void) => void): unknown
}
