// How an operation ended, as the record and the client are told: by the server's command tag or error, with what that undid or may have left standing; where its
// result was withheld, by the refusal. An outcome is what was said of the statement, before its transaction ended.
import type { PartSummary } from '../../../call.ts'
import type { Refusal, RefusalCode } from '../../../refusal.ts'
import { encodeReady, parseCommandTag, parseDiagnostic, type Frame } from '../messages.ts'
import { errorOf } from '../refuse.ts'
import type { Act } from './act.ts'
import type { Delivery } from './delivery.ts'
import type { SessionState } from './state.ts'

/** What is said where a transaction ends and stays; one that had failed says ROLLBACK. */
const commits: ReadonlySet<string> = new Set(['COMMIT', 'PREPARE TRANSACTION', 'COMMIT PREPARED'])
const notRun: PartSummary = { title: 'not run: an earlier statement failed', status: 'cancelled', isFinal: true }
const readyTag = 0x5a

export class Outcomes {
  readonly #state: SessionState
  readonly #delivery: Delivery
  /** Statements that have ended well in the implicit transaction that the next Sync ends, and change something: an error behind them undoes them. Undefined where it says itself when it ends. */
  #undoable: number | undefined = 0

  constructor(state: SessionState, delivery: Delivery) {
    this.#state = state
    this.#delivery = delivery
  }

  /** ReadyForQuery: an implicit transaction is over. */
  ready(): void { this.#undoable = 0 }

  /** A command tag: one of a simple message's several results, or the end of an execution. */
  completed(act: Act, frame: Frame): void {
    act.title = parseCommandTag(frame.bytes)
    if (commits.has(act.title)) act.hasCommitted = true
    // Behind a COMMIT the next transaction may be one that the next Sync ends.
    if (effectsOf(act).includes('transaction')) this.#state.isInBlock = false
    act.results++
    act.isDescribed = false
  }

  /** An execution has ended well, inside of what the next Sync ends. */
  executed(act: Act): void {
    const effects = effectsOf(act)
    const endsTransaction = effects.includes('transaction')
    // What ends a failed transaction, or a part of one, is told by no ReadyForQuery before the Sync.
    if (endsTransaction && this.#state.status === 'E') this.#state.status = 'T'
    if (endsTransaction || (this.#undoable === 0 && mayCommit(act))) this.#undoable = undefined
    else if (this.#undoable !== undefined && !this.#state.isInBlock && effects.some((effect) => effect !== 'read')) this.#undoable++
  }

  /** The server's error. The act may have more to come: `end` tells. */
  failed(act: Act, frame: Frame): void {
    const code = parseDiagnostic(frame.bytes).get('C') ?? 'XX000'
    act.failure = code
    act.title = act.hasCommitted ? `ERROR ${code}, after a COMMIT` : this.#mayHaveCommitted(act) ? `ERROR ${code}, after what it may have committed` : this.#undoable ? `ERROR ${code}, which undid ${this.#undoable} before it` : `ERROR ${code}`
    act.broken ??= act.overdue
    if (act.broken === undefined) this.#delivery.for(act).diagnostic(frame.bytes)
  }

  /** Outside of a transaction a procedure, a block or VACUUM may have committed a part of what it did. */
  #mayHaveCommitted(act: Act): boolean {
    return this.#state.status === 'I' && (effectsOf(act).includes('maintenance') || act.statements.some(({ kind }) => kind === 'call' || kind === 'do'))
  }

  /** The last message of an act; where its result was withheld, the refusal stands for it. */
  end(act: Act, last: Frame | undefined): void {
    const masker = this.#delivery.for(act)
    if (act.broken !== undefined) return this.#withheld(act, act.broken, last?.tag === readyTag ? last : undefined)
    if (last !== undefined) masker.pass(last.bytes)
    this.#delivery.finish(act, act.failure === undefined ? { title: act.title, status: 'delivered', isFinal: true } : { title: act.title, status: 'failed', isFinal: true, code: `postgres.${act.failure}` })
  }

  #withheld(act: Act, broken: Refusal, ready: Frame | undefined): void {
    const { status } = this.#state
    const masker = this.#delivery.for(act)
    const isKept = ready !== undefined && act.failure === undefined && status === 'I' && effectsOf(act).some((effect) => effect !== 'read')
    if (isKept) act.title = `${act.title}, committed and its result withheld`
    masker.pass(errorOf(broken, {
      ...isKept ? { message: `${broken.message}; what the statement changed is committed` } : {},
      ...broken.code !== 'policy.limit' ? {} : { advice: isKept ? 'The statement was run, and only its result withheld: do not repeat it.' : 'The result was withheld: ask for less.' },
    }))
    // The transaction that goes on in the server is made to fail before anything else is sent there.
    if (ready !== undefined) masker.pass(act.failure === undefined && status === 'T' ? encodeReady('E') : ready.bytes)
    this.#delivery.finish(act, { title: act.title, status: 'failed', isFinal: true, code: broken.code })
  }

  /** The server skipped it, or never had it. */
  notRun(act: Act): void { this.#delivery.finish(act, notRun) }

  /** Its portal is gone, or asked about anew: what it did is done. */
  left(act: Act): void {
    this.#delivery.finish(act, act.hasEnded ? notRun : act.hasRows ? { title: 'not read to its end', status: 'delivered', isFinal: true } : { title: 'not run', status: 'cancelled', isFinal: true })
  }

  /** The connection is over: what had no reply may have taken effect, and a read has none. */
  abandoned(act: Act, code: RefusalCode): void {
    const isRead = effectsOf(act).every((effect) => effect === 'read')
    this.#delivery.finish(act, { title: 'the connection ended', status: isRead ? 'failed' : 'ambiguous', isFinal: true, code })
  }
}

const effectsOf = ({ operation }: Act) => operation.action.properties.effects

/** By itself, where it is the first since the last Sync: CREATE INDEX CONCURRENTLY, VACUUM, a procedure that says COMMIT. Behind others the server refuses them. */
function mayCommit(act: Act): boolean {
  return effectsOf(act).some((effect) => effect === 'ddl' || effect === 'maintenance') || act.statements.some(({ kind }) => kind === 'call' || kind === 'do' || kind === 'discard')
}
