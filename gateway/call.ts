// The types of one call on its way through the gateway, and the two objects that prove a stage was passed.
// Permit and MaskedPart are classes with private fields: neither can be written by hand, copied or spent twice.
import type { Decision } from '../rego/index.ts'

export type ProtocolName = 'mcp' | 'http' | 'postgres' | 'grpc' | 'authzen'
export type TargetName = string
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type Durability = 'strict' | 'bounded'

/** What a client presented, unverified. */
export type Credential =
  | { readonly kind: 'bearer'; readonly token: string; readonly from: PeerAddress }
  | { readonly kind: 'none'; readonly from: PeerAddress }
  /** A machine user's exchange has ended; only `identity/` knows what this object proves, and one that it did not make proves nothing. */
  | { readonly kind: 'machine'; readonly proof: object; readonly from: PeerAddress }

/** The server's side of one SCRAM-SHA-256 exchange (RFC 5802), used once. Both steps answer undefined when the client's message is not one. */
export interface Challenge {
  first(clientFirst: string): string | undefined
  /** `serverFinal` is for the client once it has been let in. */
  final(clientFinal: string): { readonly serverFinal: string; readonly proof: object } | undefined
}

/** Where a connection came from, as the socket says it (never a forwarded header). */
export interface PeerAddress { readonly ip: string; readonly port: number }

/** A verified caller. */
export interface Principal {
  readonly type: 'user' | 'service' | 'agent'
  /** `issuer|subject` */
  readonly id: string
  readonly clientId: string
  readonly groups: readonly string[]
  readonly acr: string
  readonly amr: readonly string[]
  readonly claims: { readonly [name: string]: Json }
  /** The agent or client acting for the subject (RFC 8693 `act`), outermost first. */
  readonly actor?: { readonly type: 'agent' | 'service'; readonly id: string; readonly chain: readonly string[] }
  /** Person answerable for a workload, from governed config. */
  readonly sponsor?: string
  /** ms since the Unix epoch: after it the credential is worth nothing. */
  readonly expiresAt: number
}

/** Why a session is over while its connection may still be open: the reason of its abort signal. */
export type SessionEnd = 'expired' | 'revoked' | 'reconfigured' | 'stopping'

/** One request value that policy may have to judge without the record learning it. */
export interface Slot {
  /** RFC 6901 pointer into `Operation.request`. */
  readonly path: string
  /** Class where the protocol itself knows the field; else the catalogue and the detectors decide. */
  readonly declared?: string
}

/** One MCP request, HTTP request, SQL statement or gRPC call, parsed once. `message` is what will be forwarded, owned by the protocol. */
export interface Operation {
  readonly action: { readonly name: string; readonly properties: { readonly effects: readonly string[] } & { readonly [name: string]: Json | readonly string[] } }
  readonly resource: { readonly type: string; readonly id: string; readonly properties: { readonly [name: string]: Json } }
  /** The name that catalogue entries use for this resource: a tool's name, a route's pattern. */
  readonly catalogueKey: string
  /** Parsed request as policy should see it, before projection: `{ protocol, arguments | path, query, headers, body … , bytes }`. */
  readonly request: { readonly [name: string]: Json }
  /** Where in `request` values of the caller are; each may be a scalar or a whole tree. */
  readonly slots: readonly Slot[]
  /** The exact bytes an approval binds to: everything that will reach the upstream, canonical. Made on demand. */
  canonical(): Uint8Array
  /** Bytes nobody parsed (uploads over the cap, upgrades): masks cannot be enforced on them. */
  readonly isOpaque: boolean
  /** More bytes will follow that `canonical` does not cover, so no approval can bind to them. */
  readonly isUnread?: boolean
  /** Operations of one session that share this object are alike in all but these members of `request`, in their order, which none of them lacks: the protocol has made sure. */
  readonly repeats?: { readonly members: readonly string[] }
  /** What its protocol knows about the text it was read from. */
  readonly findings?: { readonly sql: SqlFinding }
  /** Items of a list that the policy's `visible` is to filter, when the operation is one. */
  readonly lists?: string
  /** The change that the caller says this belongs to (ticket.ts): unverified. */
  readonly ticket?: string
  /** Set where the call is made elsewhere and only policy's answer is wanted here. */
  readonly asks?: Question
}

/** What another enforcement point asks. The subject is its word: nobody verified it here. */
export interface Question {
  readonly subject: Omit<Principal, 'actor' | 'sponsor' | 'expiresAt'>
  /** May it be held for a human, and spend the approval? Else policy's answer is all that is wanted. */
  readonly canHold: boolean
}

/** Was the text understood as SQL? `message` holds no value of the caller's; `position` counts characters from 1, 0 where there is none. */
export type SqlFinding = { readonly status: 'ok' } | { readonly status: 'error'; readonly message: string; readonly position: number }

/** What is asked of the pipeline, in one session. */
export interface Call<O extends Operation = Operation> { readonly operation: O; readonly from: 'client' | 'upstream' }

/** After projection: `input` is the object for Rego, `inputText` the exact bytes that are decided on and recorded. */
export interface ProjectedCall<O extends Operation = Operation> extends Call<O> {
  readonly input: PolicyInput
  readonly inputText: string
  readonly decisionId: Uint8Array
  /** One object for all whose `input` differs in nothing but decision id, sequence, time and these members of the request. */
  readonly alike?: { readonly members: readonly string[] }
}

/** After policy. An error of the engine arrives here as a deny with its own reason. */
export interface DecidedCall<O extends Operation = Operation> extends ProjectedCall<O> {
  readonly decision: Decision
  /** RFC 8785 bytes of `decision`. */
  readonly canonicalDecision: Uint8Array
  readonly bundle: Uint8Array
  readonly durability: Durability
}

/** The policy input, schema `rego/schema/input.schema.json`. */
export interface PolicyInput {
  readonly v: 1
  readonly phase: 'request' | 'list'
  readonly decision_id: string
  readonly session: { readonly id: string; readonly seq: number; readonly started_at: string }
  readonly subject: { readonly type: string; readonly id: string; readonly properties: { readonly [name: string]: Json | readonly string[] }; readonly actor?: Json; readonly sponsor?: string }
  readonly action: Operation['action']
  readonly resource: { readonly type: string; readonly id: string; readonly properties: { readonly [name: string]: Json } }
  readonly request: { readonly [name: string]: Json }
  readonly findings: { readonly pii: { readonly status: 'ok'; readonly classes: readonly string[] }; readonly sql?: SqlFinding; readonly projected: readonly string[] }
  readonly context: { readonly time: string; readonly ip: string; readonly ticket: string; /** Whose word the ticket is, where there is one. */ readonly ticket_by?: 'caller'; readonly approval: Json; readonly grants: readonly Json[]; readonly break_glass: boolean }
}

/** Leave to forward one call, once. Only `record/` can make one, and only once the intent is on record. */
export class Permit<O extends Operation = Operation> {
  static #issued = false
  /** seq of the intent frame in its session */
  readonly seq: number
  readonly #call: DecidedCall<O>
  #isSpent = false

  private constructor(call: DecidedCall<O>, seq: number) {
    this.#call = call
    this.seq = seq
  }

  /** Hands out the one way to make permits. `record/intent.ts` takes it when it loads; a second taker throws. */
  static takeIssuer(): <O extends Operation>(call: DecidedCall<O>, seq: number) => Permit<O> {
    if (Permit.#issued) throw new Error('permits already have an issuer')
    Permit.#issued = true
    return (call, seq) => new Permit(call, seq)
  }

  get call(): DecidedCall<O> { return this.#call }

  /** What may now be forwarded. @throws on second use */
  spend(): O {
    if (this.#isSpent) throw new Error('this permit has been spent')
    this.#isSpent = true
    return this.#call.operation
  }
}

/** The caller's receipt, as response headers: which frame says what was done, and by which decision. With it a caller can hold the record to account. */
export function receiptHeaders(session: string, { seq, call }: Permit): { 'countersign-frame': string; 'countersign-decision': string } {
  const { effect, mask } = call.decision
  const masks = mask.length === 0 ? '' : `; masks=${mask.map(({ id }) => id).join(',')}`
  return { 'countersign-frame': `${session}/${seq}`, 'countersign-decision': `${effect}; id=${Buffer.from(call.decisionId).toString('hex')}${masks}` }
}

/** What the record says about a part besides its content. */
export interface PartSummary {
  /** A line for people: "200 OK", "result", "isError". */
  readonly title: string
  readonly status: 'delivered' | 'failed' | 'ambiguous' | 'cancelled'
  /** True on the last part of a call: it becomes the outcome frame. */
  readonly isFinal: boolean
  /** Stable code when the outcome is not a plain delivery. */
  readonly code?: string
  /** Rows in this part, where the protocol has rows; a call's parts add up in its outcome. */
  readonly rows?: number
}

/** Bytes for the caller after masking. Only `mask/` can make one. */
export class MaskedPart {
  static #issued = false
  readonly bytes: Uint8Array
  readonly summary: PartSummary
  /** Cells masked, by rule id. */
  readonly masked: ReadonlyMap<string, number>
  /** What the record keeps as result content; equals `bytes` unless the bytes carry framing. */
  readonly content: Uint8Array
  /** Of `content`: how a reader should show it. */
  readonly form: 'json' | 'text' | 'opaque'

  private constructor(bytes: Uint8Array, content: Uint8Array, form: MaskedPart['form'], summary: PartSummary, masked: ReadonlyMap<string, number>) {
    this.bytes = bytes
    this.content = content
    this.form = form
    this.summary = summary
    this.masked = masked
  }

  /** As for permits: `mask/part.ts` takes it when it loads. */
  static takeIssuer(): (bytes: Uint8Array, content: Uint8Array, form: MaskedPart['form'], summary: PartSummary, masked: ReadonlyMap<string, number>) => MaskedPart {
    if (MaskedPart.#issued) throw new Error('masked parts already have an issuer')
    MaskedPart.#issued = true
    return (bytes, content, form, summary, masked) => new MaskedPart(bytes, content, form, summary, masked)
  }
}

/** Bytes that are masked and on record: the only thing a protocol may write to a client as a result. */
export interface RecordedPart { readonly bytes: Uint8Array; readonly seq: number }

/** A request that waits for a human. */
export interface Pending {
  readonly id: string
  readonly url: string
  readonly expiresAt: number
  readonly reasons: readonly { readonly id: string; readonly msg: string }[]
}
