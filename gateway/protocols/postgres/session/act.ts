// One recorded operation on its way through a session: from its permit, or refusal, to its last part.
import type { MaskedPart, PartSummary, Permit } from '../../../call.ts'
import { refusal, type Refusal } from '../../../refusal.ts'
import type { RequestStream } from '../dial.ts'
import type { ResultMasker } from '../mask.ts'
import type { Frame } from '../messages.ts'
import type { PostgresOperation } from '../operation.ts'
import type { Statement } from '../sql/analysis.ts'
import type { SessionNames } from './state.ts'

export class Act {
  readonly operation: PostgresOperation
  /** Of the text as the server will read it; empty where nobody could parse it. */
  readonly statements: readonly Statement[]
  /** As the client sent it. */
  readonly text: string
  /** A Parse without its Bind. */
  readonly isLoneParse: boolean
  /** Nothing behind it is sent before it has ended: names may resolve differently after it, or its end may have to undo what follows. */
  isBarrier: boolean
  /** Its result may be withheld, for a limit or a mask: the client is told of an error where the server saw none. */
  mayBeWithheld = false
  /** As they resolved when it was decided, of what the server has yet to resolve. */
  names: SessionNames | undefined
  permit: Permit<PostgresOperation> | undefined
  /** Its permit is spent: something of it has left, or is about to. */
  stream: RequestStream | undefined
  refused: Refusal | undefined
  /** It was held, and the client cancelled or had waited long enough: PostgreSQL's query_canceled. */
  isWaitOver = false
  masker: ResultMasker | undefined
  /** Why the rest of its result is withheld. */
  broken: Refusal | undefined
  /** Its time is over: what it still shows is withheld, and the server's error is this. One that has ended well all the same has nothing to withhold. */
  overdue: Refusal | undefined
  /** The server's command tag, or its error. */
  title = ''
  /** One of its results was a COMMIT: what stands before it has taken effect, whatever fails behind it. */
  hasCommitted = false
  /** SQLSTATE of the server's error. */
  failure: string | undefined
  /** Results that are complete; a simple message may have several. */
  results = 0
  /** The current result's columns are known to the masker. */
  isDescribed = false
  timer: NodeJS.Timeout | undefined
  /** Made when somebody waits: few are waited for. */
  #ended: PromiseWithResolvers<void> | undefined
  #pause: PromiseWithResolvers<void> | undefined
  #hasEnded = false
  #isSettled = false
  #rows = 0
  #taken = 0
  #bytes = 0

  constructor(operation: PostgresOperation, statements: readonly Statement[], { text, isBarrier, isLoneParse = false }: { readonly text: string; readonly isBarrier: boolean; readonly isLoneParse?: boolean }) {
    this.operation = operation
    this.statements = statements
    this.text = text
    this.isBarrier = isBarrier
    this.isLoneParse = isLoneParse
  }

  /** Resolves when its outcome is on record, or its refusal has reached the client. */
  get ended(): Promise<void> {
    this.#ended ??= Promise.withResolvers()
    if (this.#isSettled) this.#ended.resolve()
    return this.#ended.promise
  }
  /** Resolves when it has ended, or next waits for the client: for CopyData, or to be asked for more rows. Take it before what it waits for is sent. */
  get paused(): Promise<void> { return Promise.race([this.ended, (this.#pause ??= Promise.withResolvers()).promise]) }
  get hasEnded(): boolean { return this.#hasEnded }
  get hasRows(): boolean { return this.#rows > 0 }
  /** Nothing of its result is masked: its columns need not be known. */
  get isOpen(): boolean { return this.permit?.call.decision.mask.length === 0 }

  get mayHaveRows(): boolean { return !this.statements.every(hasNoRows) }

  /** All rows of this run are within the decision's limits. */
  hasRoom({ count, start, end }: Frame): boolean {
    const { rows = Infinity, bytes = Infinity } = this.permit?.call.decision.limits ?? {}
    return this.#rows + count <= rows && this.#bytes + end - start <= bytes
  }

  /** @returns why this row, or a row of this run, is one too many for the decision's limits */
  count({ part, count, start, end }: Frame): Refusal | undefined {
    const { rows, bytes } = this.permit?.call.decision.limits ?? {}
    if (part === 'whole' || part === 'first') this.#rows += count
    this.#bytes += end - start
    if (rows !== undefined && this.#rows > rows) return refusal('policy.limit', `The result has more rows than policy allows (${rows})`)
    if (bytes !== undefined && this.#bytes > bytes) return refusal('policy.limit', `The result is longer than policy allows (${bytes} bytes)`)
    return undefined
  }

  /** Messages around its rows: the record counts them, too. */
  add({ bytes: { length } }: Frame): void { this.#bytes += length }

  /** What has been collected since the last part. `summary.isFinal` ends it. */
  take(summary: PartSummary): readonly [Permit<PostgresOperation>, MaskedPart] | undefined {
    if (this.#hasEnded || this.permit === undefined || this.masker === undefined) return undefined
    if (summary.isFinal) this.#hasEnded = true
    const rows = this.masker.rows - this.#taken
    this.#taken += rows
    return [this.permit, this.masker.take(rows === 0 ? summary : { ...summary, rows })]
  }

  pause(): void {
    this.#pause?.resolve()
    this.#pause = undefined
  }

  /** Its last part, or its refusal, is out. */
  settle(): void {
    this.#hasEnded = true
    this.#isSettled = true
    if (this.timer !== undefined) clearTimeout(this.timer)
    this.#ended?.resolve()
  }
}

function hasNoRows({ kind, hasReturning }: Statement): boolean {
  return !hasReturning && (kind === 'insert' || kind === 'update' || kind === 'delete' || kind === 'transaction')
}
