// Sessions. Of stateless protocols they are shared: one principal as one set of tokens states them, one address and one target on one node in one epoch;
// such a one opens with the first call and closes after 5 min idle, 1 h of age, on revocation and on stop. A protocol with connections has one for each:
// it lasts as long as the connection, and is told to end when its token does. None closes before the outcome of its last call. The table owns each writer.
import { closeReason } from '../../evidence/index.ts'
import type { CloseReason, Recorder, SessionWriter } from '../../evidence/index.ts'
import type { PeerAddress, Principal, SessionEnd, TargetName } from '../call.ts'

export const idleLimitMs = 5 * 60_000
export const ageLimitMs = 60 * 60_000
/** More open shared sessions than this and an idle one is closed first; own ones are as many as listeners take connections. */
export const maxOpenSessions = 50_000

const leaveReason = { expired: closeReason.age, revoked: closeReason.revoked, reconfigured: closeReason.stop, stopping: closeReason.stop } as const satisfies Record<SessionEnd, CloseReason>

export class Session {
  readonly writer: SessionWriter
  readonly principal: Principal
  readonly target: TargetName
  readonly peer: PeerAddress
  readonly startedAt: string
  /** It belongs to one connection. */
  readonly isOwn: boolean
  readonly #abort = new AbortController()
  readonly #now: () => number
  readonly #load: Load
  /** Whoever it is, at this target. */
  readonly #caller: string
  #inFlight = 0
  #retired: CloseReason | undefined
  lastUsedAt: number
  /** When the newest token of this session expires: streams end then, unless a renewed one came. */
  validUntil: number

  constructor(writer: SessionWriter, principal: Principal, target: TargetName, peer: PeerAddress, now: () => number, isOwn: boolean, load: Load) {
    this.isOwn = isOwn
    this.#load = load
    this.#caller = [target, principal.id].join('\n')
    this.writer = writer
    this.principal = principal
    this.target = target
    this.peer = peer
    this.#now = now
    this.lastUsedAt = writer.openedAt
    this.validUntil = principal.expiresAt
    this.startedAt = new Date(writer.openedAt).toISOString()
  }

  /** Aborts when the session is revoked, its token has expired, or the gateway stops. */
  get signal(): AbortSignal { return this.#abort.signal }
  get isIdle(): boolean { return this.#inFlight === 0 }
  /** Calls that have their intent and no outcome yet: of a connection's own session, or of all that this caller has at the target, from whatever address. */
  get inFlight(): number { return this.isOwn ? this.#inFlight : this.#load.of(this.#caller) }

  /** Why a connection's session takes no more calls. To the millisecond, though the signal comes with the next sweep. */
  get over(): SessionEnd | 'left' | undefined {
    if (!this.isOwn) return undefined
    if (this.#retired !== undefined) return 'left'
    if (this.signal.aborted) return this.signal.reason as SessionEnd
    return this.#now() >= this.validUntil ? 'expired' : undefined
  }

  begin(): void {
    this.#inFlight++
    if (!this.isOwn) this.#load.add(this.#caller, 1)
  }

  end(): void {
    this.#inFlight--
    if (!this.isOwn) this.#load.add(this.#caller, -1)
    this.lastUsedAt = this.#now()
    if (this.#retired !== undefined && this.#inFlight === 0) this.writer.close(this.#retired)
  }

  /** Ends what is under way: nobody is known to stand behind it any more. The first reason stays. */
  tell(end: SessionEnd): void { this.#abort.abort(end) }

  /** Takes no more calls; closes once the last one in flight has its outcome. */
  retire(reason: CloseReason): void {
    this.#retired = reason
    if (reason === closeReason.revoked) this.tell('revoked')
    if (reason === closeReason.stop) this.tell('stopping')
    if (this.#inFlight === 0) this.writer.close(reason)
  }
}

/** Calls under way by whose they are; who has none is not in it. */
class Load {
  readonly #calls = new Map<string, number>()

  of(caller: string): number { return this.#calls.get(caller) ?? 0 }

  add(caller: string, change: 1 | -1): void {
    const calls = this.of(caller) + change
    if (calls === 0) this.#calls.delete(caller)
    else this.#calls.set(caller, calls)
  }
}

export class Sessions {
  readonly #load = new Load()
  readonly #recorder: Recorder
  readonly #now: () => number
  readonly #byKey = new Map<string, Session>()
  readonly #byHex = new Map<string, Session>()
  /** Sessions of connections that are open. */
  readonly #own = new Set<Session>()
  /** Retired with calls in flight: out of reach of new calls, not of a revocation. Emptied by each sweep. */
  readonly #leaving = new Set<Session>()
  /** A verified token's principal is one object for as long as it is cached: what it says is read once, and short from then on. */
  readonly #facts = new WeakMap<Principal, number>()
  readonly #factsByText = new Map<string, number>()
  #nextFacts = 0

  constructor(recorder: Recorder, now: () => number) {
    this.#recorder = recorder
    this.#now = now
  }

  get size(): number { return this.#byKey.size + this.#own.size }

  /**
   * The open session of this principal, address and target. A new one appends its open frame, on record with the first commit.
   * Policy judges a call by its session's principal and peer, so a token that says anything else (groups, acr, actor) opens another.
   */
  enter(principal: Principal, target: TargetName, peer: PeerAddress): Session {
    const key = `${target}\n${peer.ip}\n${this.#factsOf(principal)}`
    const open = this.#byKey.get(key)
    // One whose opening was undone, because the disk was full, never was.
    if (open !== undefined && open.writer.isClosed) this.#forget(key, open)
    else if (open !== undefined) {
      if (this.#now() - open.writer.openedAt < ageLimitMs) {
        if (principal.expiresAt > open.validUntil) open.validUntil = principal.expiresAt
        return open
      }
      this.#retire(key, open, closeReason.age)
    }
    if (this.#byKey.size >= maxOpenSessions) {
      for (const [oldest, session] of this.#byKey) if (session.isIdle) { this.#retire(oldest, session, closeReason.idle); break }
    }
    const session = this.#openSession(principal, target, peer, false)
    this.#byKey.set(key, session)
    return session
  }

  /** A session for one connection, whoever else has one. It ends by `leave`, whatever its signal says. */
  open(principal: Principal, target: TargetName, peer: PeerAddress): Session {
    const session = this.#openSession(principal, target, peer, true)
    this.#own.add(session)
    return session
  }

  #openSession(principal: Principal, target: TargetName, peer: PeerAddress, isOwn: boolean): Session {
    const who = { subject: principal.id, type: principal.type, client: principal.clientId, target, ip: peer.ip, ...(principal.sponsor === undefined ? {} : { sponsor: principal.sponsor }) }
    const session = new Session(this.#recorder.openSession(Buffer.from(JSON.stringify(who))), principal, target, peer, this.#now, isOwn, this.#load)
    this.#byHex.set(session.writer.hex, session)
    return session
  }

  /** The connection of an own session has ended. Once. */
  leave(session: Session): void {
    if (!this.#own.delete(session)) return
    this.#byHex.delete(session.writer.hex)
    const { over } = session
    session.retire(over === undefined || over === 'left' ? closeReason.ended : leaveReason[over])
    if (!session.isIdle) this.#leaving.add(session)
  }

  find(hex: string): Session | undefined { return this.#byHex.get(hex) }

  /** Ends every session that matches, e.g. of a principal just off-boarded; their calls in flight see the signal. */
  revoke(matches: (session: Session) => boolean): void {
    for (const [key, session] of this.#byKey) if (matches(session)) this.#retire(key, session, closeReason.revoked)
    for (const session of this.#leaving) if (!session.isIdle && matches(session)) session.retire(closeReason.revoked)
    for (const session of this.#own) if (matches(session)) session.tell('revoked')
  }

  /** Asks connections with sessions of their own to end; what is under way there may finish. */
  drain(end: 'reconfigured' | 'stopping', matches: (session: Session) => boolean = () => true): void {
    for (const session of this.#own) if (matches(session)) session.tell(end)
  }

  /** Called on a timer by the composition root. */
  sweep(): void {
    const at = this.#now()
    for (const session of this.#leaving) {
      if (session.isIdle) this.#leaving.delete(session)
      else if (at >= session.validUntil) session.tell('expired')
    }
    for (const session of this.#own) if (at >= session.validUntil) session.tell('expired')
    for (const [key, session] of this.#byKey) {
      if (!session.isIdle) {
        if (at < session.validUntil) continue
        session.tell('expired')
        this.#retire(key, session, closeReason.age)
        continue
      }
      if (at - session.lastUsedAt >= idleLimitMs) this.#retire(key, session, closeReason.idle)
      else if (at - session.writer.openedAt >= ageLimitMs) this.#retire(key, session, closeReason.age)
    }
  }

  closeAll(): void {
    for (const [key, session] of this.#byKey) this.#retire(key, session, closeReason.stop)
    for (const session of this.#leaving) if (!session.isIdle) session.retire(closeReason.stop)
    this.drain('stopping')
    for (const session of this.#own) this.leave(session)
  }

  /** A number for all that policy may read of a principal; the expiry is not among it, so a renewed token goes on in its session. */
  #factsOf(principal: Principal): number {
    const known = this.#facts.get(principal)
    if (known !== undefined) return known
    const text = JSON.stringify({ ...principal, expiresAt: 0 })
    let facts = this.#factsByText.get(text)
    if (facts === undefined) {
      // Forgotten together, never reused: the worst that comes of it is a second session.
      if (this.#factsByText.size >= maxOpenSessions) this.#factsByText.clear()
      this.#factsByText.set(text, facts = this.#nextFacts++)
    }
    this.#facts.set(principal, facts)
    return facts
  }

  #retire(key: string, session: Session, reason: CloseReason): void {
    this.#forget(key, session)
    session.retire(reason)
    if (!session.isIdle) this.#leaving.add(session)
  }

  #forget(key: string, session: Session): void {
    this.#byKey.delete(key)
    this.#byHex.delete(session.writer.hex)
  }
}
