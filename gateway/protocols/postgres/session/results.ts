// What a result shows: rows, COPY data and values go to the masker of their operation, within policy's limits; what cannot be masked, and what is too much, is withheld.
import { RefusalError, type Refusal } from '../../../refusal.ts'
import { messagesOf, parseCopyResponse, ProtocolViolation, type Field, type Frame } from '../messages.ts'
import type { Act } from './act.ts'
import type { Delivery } from './delivery.ts'
import { Descriptions } from './descriptions.ts'
import type { Due } from './state.ts'

/** Of an empty cell in COPY one byte is left, and a constant may stand for it. */
const maxGrowth = 80

export class Results {
  readonly #delivery: Delivery
  readonly #descriptions = new Descriptions()
  readonly #broken: (act: Act) => void

  /** @param broken the rest of this result is withheld */
  constructor(delivery: Delivery, broken: (act: Act) => void) {
    this.#delivery = delivery
    this.#broken = broken
  }

  /** What a RowDescription says. */
  fieldsOf(frame: Frame, due: Due): readonly Field[] { return this.#descriptions.read(frame.bytes, due) }

  /** Of a simple message: its rows follow. */
  begin(act: Act, frame: Frame, fields: readonly Field[]): void {
    this.#guard(act, () => {
      this.#describe(act, fields)
      act.add(frame)
      this.#delivery.for(act).pass(frame.bytes)
    })
  }

  rows(act: Act, frame: Frame, portal: Due['portal']): void {
    this.#guard(act, () => {
      if (!act.isDescribed && !act.isOpen) this.#describe(act, portal?.fields ?? portal?.prepared.fields, portal?.resultFormats)
      this.#counted(act, frame, (rows) => this.#delivery.for(act).row(rows))
    })
  }

  copyOut(act: Act, frame: Frame): void {
    this.#guard(act, () => {
      const { format, formats } = parseCopyResponse(frame.bytes)
      const { copyFormat, outputs } = act.statements[act.results] ?? {}
      this.#delivery.for(act).copyOut(format, formats, copyFormat === undefined ? undefined : { format: copyFormat, outputs })
      act.add(frame)
      this.#delivery.for(act).pass(frame.bytes)
    })
  }

  copyData(act: Act, frame: Frame): void {
    this.#guard(act, () => this.#counted(act, frame, (rows) => this.#delivery.for(act).copyRow(rows)))
  }

  functionResult(act: Act, frame: Frame): void {
    this.#guard(act, () => this.#delivery.for(act).functionResult(frame.bytes))
  }

  #describe(act: Act, fields: readonly Field[] | null | undefined, formats?: readonly number[]): void {
    if (fields === undefined || fields === null) throw new ProtocolViolation('the server sent a row of a result that it never described')
    act.isDescribed = true
    // Another number of columns than was followed: nobody knows which of them is which.
    const outputs = act.statements[act.results]?.outputs
    this.#delivery.for(act).describe(fields, outputs?.length === fields.length ? outputs : undefined, formats)
  }

  /** A run of rows in one go, where all of it is within policy's limits; else one by one, up to the last that is. Of masked rows what is shown counts: how long a value was may be what is asked. @throws RefusalError `policy.limit` */
  #counted(act: Act, run: Frame, feed: (rows: Frame) => void): void {
    const { isOpen } = act
    for (const rows of act.hasRoom(isOpen ? run : ofSize(run, maxGrowth * (run.end - run.start))) ? [run] : messagesOf(run)) {
      const exceeded = isOpen ? act.count(rows) : this.#shown(act, rows, feed)
      if (exceeded !== undefined) throw new RefusalError(exceeded)
      if (isOpen) feed(rows)
    }
  }

  /** What is one too many is masked, and goes nowhere. */
  #shown(act: Act, rows: Frame, feed: (rows: Frame) => void): Refusal | undefined {
    const masker = this.#delivery.for(act)
    const mark = masker.mark()
    const before = masker.size
    feed(rows)
    const exceeded = act.count(ofSize(rows, masker.size - before))
    if (exceeded !== undefined) masker.undo(mark)
    return exceeded
  }

  /** The rest of a withheld result is read and dropped. */
  #guard(act: Act, feed: () => void): void {
    if (act.broken !== undefined) return
    try {
      if (act.overdue !== undefined) throw new RefusalError(act.overdue)
      feed()
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      act.broken = error.refusal
      this.#broken(act)
    }
  }
}

/** As many rows, of so many bytes. */
const ofSize = ({ tag, part, count, source }: Pick<Frame, 'tag' | 'part' | 'count' | 'source'>, end: number): Frame => ({ tag, part, count, source, bytes: source, start: 0, end })
