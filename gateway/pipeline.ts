// The path of one call, stage by stage: identity → project → policy → approval → intent → upstream → mask → outcome.
// The order is the security argument (DESIGN.md, "The path"). Every exit but the last is a refusal, and every exit leaves a frame.
import { isRefusal, refusal } from './refusal.ts'
import type { Refusal, RefusalCode } from './refusal.ts'
import type { Call, Challenge, Credential, DecidedCall, Json, MaskedPart, Operation, PeerAddress, Permit, Principal, ProjectedCall, RecordedPart, TargetName } from './call.ts'
import type { TargetConfig } from './config.ts'
import type { Masking } from './mask/index.ts'
import type { Admit, Door, Gate, Hold, TokenSource, Traits, Upstream, VisibleItem } from './protocol.ts'
import type { Settled } from './record/intent.ts'
import type { Session } from './record/sessions.ts'

/** Calls and streams of one session at once: fewer than an upstream takes, so that one caller leaves room for others. */
export const maxInFlight = 192

/** What approval says: go (with the facts that policy is shown), or why not. */
export type Approved = { readonly approval: Json; /** Spends it, once; a refusal when it is not to be had any more. */ consume(): Promise<Refusal | undefined> } | Refusal

export interface Stages {
  /** Why no call may go through now: draining, or the target is fenced. */
  closed(target: TargetName): RefusalCode | undefined
  /** The token must be for this target and no other: what an agent holds for one must open none beside it. */
  identify(credential: Credential, target: TargetConfig): Principal | Refusal | Promise<Principal | Refusal>
  /** What a machine user of this name has to answer, whether or not there is one. */
  challenge(name: string): Challenge
  tokensFrom(target: TargetConfig): TokenSource | undefined
  /** Opens or finds the session; a refusal when its opening cannot be recorded. */
  enter(principal: Principal, target: TargetName, peer: PeerAddress): Session | Refusal
  /** Opens a session for one connection. */
  open(principal: Principal, target: TargetName, peer: PeerAddress): Promise<Session | Refusal>
  /** The connection of an own session has ended. */
  leave(session: Session): void
  project<O extends Operation>(call: Call<O>, session: Session, target: TargetConfig, approval: Json): ProjectedCall<O>
  decide<O extends Operation>(call: ProjectedCall<O>, target: TargetConfig): DecidedCall<O>
  /** Is this the policy that decides now? */
  isInForce(bundle: Uint8Array): boolean
  visible(call: DecidedCall, items: readonly VisibleItem[], target: TargetConfig): readonly boolean[]
  /** Why this caller may not ask what policy says of this call's subject. */
  mayAsk(call: DecidedCall, session: Session, target: TargetConfig): Refusal | undefined
  /** Takes one call from its rate, or says after how many seconds to come back. */
  limit(call: DecidedCall, session: Session): number | undefined
  approve(call: DecidedCall, session: Session, hold: Hold): Promise<Approved>
  record: {
    intents<O extends Operation>(session: Session, settled: readonly Settled<O>[]): Promise<(Permit<O> | Refusal)[]>
    refusal(session: Session, code: RefusalCode, message: string): Promise<Refusal>
    unauthenticated(refused: Refusal, from: PeerAddress, target: TargetName): void
    upload(session: Session, permit: Permit, bytes: Uint8Array, isLast: boolean): Promise<RecordedPart>
    deliver(session: Session, parts: readonly (readonly [Permit, MaskedPart])[]): Promise<RecordedPart[]>
  }
}

/** A door that asks the listener whether there is room for one more connection of a caller. */
export interface ListenerDoor<O extends Operation, U extends Upstream<O>> extends Door<O, U> {
  enter(credential: Credential, admit?: Admit): ReturnType<Door<O, U>['enter']>
}

/** The door of one target: identity, then the session's gate. */
export function createDoor<O extends Operation, U extends Upstream<O>>(target: TargetConfig, masking: Masking, stages: Stages, dial: () => U, traits: Traits = {}): ListenerDoor<O, U> {
  const gates = new WeakMap<Session, Gate<O, U>>()

  const admitted = (known: Principal | Refusal, from: PeerAddress, admit: Admit): Gate<O, U> | Refusal | Promise<Gate<O, U> | Refusal> => {
    const who = isRefusal(known) || admit(known.id) ? known : refusal('connection.limit', undefined, { subject: known.id })
    if (isRefusal(who)) {
      stages.record.unauthenticated(who, from, target.name)
      return who
    }
    return traits.sessions === 'connection' ? stages.open(who, target.name, from).then(gateOf) : gateOf(stages.enter(who, target.name, from))
  }

  const gateOf = (session: Session | Refusal): Gate<O, U> | Refusal => {
    if (isRefusal(session)) return session
    let gate = gates.get(session)
    if (gate === undefined) gates.set(session, gate = createGate(session, target, stages, dial, traits))
    return gate
  }

  return {
    target,
    masking,
    enter(credential, admit = anyone) {
      const who = stages.identify(credential, target)
      return who instanceof Promise ? who.then((principal) => admitted(principal, credential.from, admit)) : admitted(who, credential.from, admit)
    },
    turnAway: (refused, from) => stages.record.unauthenticated(refused, from, target.name),
    challenge: (name) => stages.challenge(name),
    tokensFrom: () => stages.tokensFrom(target),
  }
}

const anyone: Admit = () => true

function createGate<O extends Operation, U extends Upstream<O>>(session: Session, target: TargetConfig, stages: Stages, dial: () => U, traits: Traits): Gate<O, U> {
  let upstream: U | undefined

  /** project → policy, on the bytes that are recorded. */
  const decide = (operation: O, from: Call['from'], approval: Json = null): DecidedCall<O> =>
    stages.decide(stages.project({ operation, from }, session, target, approval), target)

  /** policy's answer → may it go, must it wait, or why not. */
  const settle = (call: DecidedCall<O>, hold: Hold): Settled<O> | Promise<Settled<O>> => {
    const { decision, operation } = call
    const closed = stages.closed(target.name)
    if (closed !== undefined) return { call, refused: refusal(closed, undefined, { ...about(call), retryAfterS: 5 }) }
    const over = overOf(session)
    if (over !== undefined) return { call, refused: refusal(over, undefined, about(call)) }
    const unasked = operation.asks === undefined ? undefined : stages.mayAsk(call, session, target)
    // Who may not ask is not told by which rules the answer would have been given.
    if (unasked !== undefined) return { call, refused: { ...unasked, ...about(call), ...unasked.code === 'identity.on_behalf' ? { reasons: [] } : {} } }
    if (decision.effect === 'deny') return { call, refused: denied(call) }
    if (operation.isOpaque && decision.mask.length > 0) return { call, refused: refusal('mask.unenforceable', undefined, about(call)) }
    if (operation.isUnread === true && decision.effect === 'require') return { call, refused: refusal('request.invalid', 'Nobody can approve bytes that are not read before they are sent', about(call)) }
    if (decision.limits.rows !== undefined && traits.countsRows !== true && operation.asks === undefined) return { call, refused: refusal('policy.unenforceable', 'Policy limits rows, which this protocol does not have', about(call)) }
    if (session.inFlight >= (traits.maxInFlight ?? maxInFlight)) return { call, refused: refusal('policy.limit', 'Too many calls of this caller are under way', { ...about(call), retryAfterS: 1 }) }
    const retryAfterS = stages.limit(call, session)
    if (retryAfterS !== undefined) return { call, refused: refusal('policy.limit', undefined, { ...about(call), retryAfterS }) }
    if (decision.effect === 'require' && operation.asks?.canHold === false) return { call, refused: refusal('approval.pending', 'A human has to approve', about(call)) }
    return decision.effect === 'allow' ? { call } : approve(call, hold)
  }

  /** A human's yes is for these bytes and this decision: after it, the policy now in force is asked again, and must say the same. */
  const approve = async (call: DecidedCall<O>, hold: Hold): Promise<Settled<O>> => {
    const approved = await stages.approve(call, session, hold)
    if (isRefusal(approved)) return { call, refused: { ...about(call), ...approved } }
    const over = overOf(session)                             // it may have ended while a human was thinking
    if (over !== undefined) return { call, refused: refusal(over, undefined, about(call)) }
    const again = decide(call.operation, call.from, approved.approval)
    if (!Buffer.from(again.canonicalDecision).equals(call.canonicalDecision)) return { call: again, refused: refusal('approval.superseded', undefined, about(again)) }
    const refused = await approved.consume()
    return refused === undefined ? { call: again } : { call: again, refused: { ...about(again), ...refused } }
  }

  /** What was decided while others of its read were held says nothing of now. */
  const current = (settled: Settled<O>): Settled<O> => {
    const { call } = settled
    if (settled.refused !== undefined) return settled
    const over = overOf(session)
    if (over !== undefined) return { call, refused: refusal(over, undefined, about(call)) }
    return stages.isInForce(call.bundle) ? settled : { call, refused: refusal('approval.superseded', 'Another policy came into force while this waited for a call beside it', about(call)) }
  }

  return {
    session: session.writer.hex,
    owner: `${session.principal.id}\n${session.principal.clientId}`,
    signal: session.signal,
    close() {
      if (traits.sessions !== 'connection') throw new Error('a shared session is not its connection\'s to close')
      stages.leave(session)
    },
    open: () => upstream ??= dial(),
    request(operations, from, hold) {
      const settling = operations.map((operation) => settle(decide(operation, from), hold))
      const isHeld = settling.some((one) => one instanceof Promise)
      return isHeld ? Promise.all(settling).then((settled) => stages.record.intents(session, settled.map(current))) : stages.record.intents(session, settling as Settled<O>[])
    },
    holds: ({ call }) => overOf(session) === undefined && stages.isInForce(call.bundle),
    upload: (permit, bytes, isLast) => stages.record.upload(session, permit as Permit, bytes, isLast),
    deliver: (parts) => stages.record.deliver(session, parts as readonly (readonly [Permit, MaskedPart])[]),
    visible: (permit, items) => stages.visible(permit.call, items, target),
    refuse: (code, message) => stages.record.refusal(session, code, message),
  }
}

/** A connection outlives the moment its token was looked at: why it takes no more calls. A shared session's caller is verified with each request. */
function overOf(session: Session): RefusalCode | undefined {
  return session.over === undefined ? undefined : overCodes[session.over]
}

const overCodes = { expired: 'identity.token_expired', revoked: 'identity.off_boarded', reconfigured: 'request.unknown_session', stopping: 'gateway.draining', left: 'request.unknown_session' } as const satisfies Record<NonNullable<Session['over']>, RefusalCode>

/** Deny: the rules that enforced it, in the words their authors chose for the caller. */
function denied(call: DecidedCall): Refusal {
  const enforced = call.decision.reasons.filter((reason) => reason.mode === 'enforce')
  const code = enforced.some((reason) => reason.id === 'policy.error') ? 'policy.error' : 'policy.denied'
  return refusal(code, asSentences(enforced.map((reason) => reason.msg)) || undefined, about(call))
}

/** Authors of policies write sentences or catchwords: a full stop ends what it is behind, all else is set apart. */
function asSentences(said: readonly string[]): string {
  return said.filter((one) => one !== '').reduce((text, one) => text === '' ? one : `${text}${/[.!?]$/.test(text) ? '' : ';'} ${one}`, '')
}

function about({ decision, decisionId, operation }: DecidedCall): Pick<Refusal, 'decisionId' | 'reasons' | 'decision'> {
  const reasons = decision.reasons.map(({ id, msg }) => ({ id, msg }))
  return { decisionId: Buffer.from(decisionId).toString('hex'), reasons, ...operation.asks === undefined ? {} : { decision } }
}

