// The server's half of a session: each message belongs to the reply that is due, is masked by the plan of its operation, and keeps its place.
import type { PartSummary } from '../../../call.ts'
import { RefusalError, type Refusal, type RefusalCode } from '../../../refusal.ts'
import type { Act } from './act.ts'
import { Delivery } from './delivery.ts'
import { Descriptions } from './descriptions.ts'
import { ProtocolViolation, encodeReady, messagesOf, parseCommandTag, parseCopyResponse, parseDiagnostic, parseParameterDescription, parseParameterStatus, parseReady, type Frame } from '../messages.ts'
import type { Out } from './out.ts'
import { errorOf } from '../refuse.ts'
import type { Due, Portal, SessionState } from './state.ts'

export interface RepliesEvents {
  /** The server says a setting's value, at start-up or when it changes. @throws RefusalError for one that would change how text is read */
  setting(name: string, value: string): void
  /** The rest of this result is withheld; the server need not go on with it. */
  broken(act: Act): void
  /** A message that belongs to no reply: a notification, a setting changed from outside, the server's farewell. */
  unasked(frame: Frame): Out
  /** ReadyForQuery outside a transaction. */
  idle(): void
  /** An error with which the server ends the connection. */
  farewell(): void
}

/** What is said where a transaction ends and stays; one that had failed says ROLLBACK. */
const commits: ReadonlySet<string> = new Set(['COMMIT', 'PREPARE TRANSACTION', 'COMMIT PREPARED'])
const notRun: PartSummary = { title: 'not run: an earlier statement failed', status: 'cancelled', isFinal: true }

export class Replies {
  readonly #state: SessionState
  readonly #events: RepliesEvents
  /** Portals the server holds, by name; the client may have bound further ones meanwhile. */
  readonly #bound = new Map<string, Portal>()
  readonly #descriptions = new Descriptions()
  readonly #delivery = new Delivery()
  /** Statements that have ended well in the implicit transaction that the next Sync ends, and change something: an error behind them undoes them. Undefined where it says itself when it ends. */
  #undoable: number | undefined = 0

  constructor(state: SessionState, events: RepliesEvents) {
    this.#state = state
    this.#events = events
  }

  /** @throws ProtocolViolation for a message that no reply due can hold */
  read(frames: readonly Frame[]): Out[] {
    for (const frame of frames) this.#message(frame)
    return this.#delivery.take()
  }

  /** Permitted, and never sent: the server had failed before. */
  notRun(acts: Iterable<Act>): Out[] {
    for (const act of acts) this.#delivery.finish(act, notRun)
    return this.#delivery.take()
  }

  /** The connection is over: what had no reply may have taken effect, and a read has none. */
  abandon(code: RefusalCode): Out[] {
    this.#state.copyIn = undefined
    const acts = new Set<Act>()
    for (let due = this.#state.pop(); due !== undefined; due = this.#state.pop()) {
      due.own?.failed()
      if (due.act !== undefined) acts.add(due.act)
    }
    for (const { act } of this.#bound.values()) acts.add(act)
    for (const act of acts) {
      const isRead = act.operation.action.properties.effects.every((effect) => effect === 'read')
      this.#delivery.finish(act, { title: 'the connection ended', status: isRead ? 'failed' : 'ambiguous', isFinal: true, code })
    }
    return this.#delivery.take()
  }

  #message(frame: Frame): void {
    const head = this.#state.head
    switch (String.fromCharCode(frame.tag)) {
      case 'D': return this.#row(frame, expected(head, 'D', 'query', 'execute'))
      case 'C': return this.#complete(frame, expected(head, 'C', 'query', 'execute'))
      case 'Z': return this.#ready(frame)
      case '2': return this.#bindComplete(frame, expected(head, '2', 'bind'))
      case '1': return this.#parseComplete(frame, expected(head, '1', 'parse'))
      case 'T': return this.#fields(frame, expected(head, 'T', 'query', 'describe'))
      case 'E': return this.#error(frame)
      case 'N': return this.#aside(frame, (act) => act.masker?.diagnostic(frame.bytes))
      case 'S': return this.#parameterStatus(frame)
      case 'A': return this.#unasked(frame)
      case 't': { const due = expected(head, 't', 'describe'); if (due.prepared !== undefined) due.prepared.describedTypes = parseParameterDescription(frame.bytes); return this.#visible(due, frame) }
      case 'n': return this.#noData(frame, expected(head, 'n', 'describe'))
      case 's': return this.#suspended(frame, expected(head, 's', 'execute'))
      case 'I': return this.#empty(frame, expected(head, 'I', 'query', 'execute'))
      case '3': { const due = this.#pop(expected(head, '3', 'close')); if (due.portal !== undefined) this.#unbind(due.portal.name); return this.#visible(due, frame) }
      case 'G': return this.#copyIn(frame, expected(head, 'G', 'query', 'execute'))
      case 'H': return this.#copyOut(frame, expected(head, 'H', 'query', 'execute'))
      case 'd': return this.#copyData(frame, expected(head, 'd', 'query', 'execute'))
      case 'c': return this.#pass(expected(head, 'c', 'query', 'execute'), frame)
      case 'V': return this.#functionResult(frame, expected(head, 'V', 'function'))
      default: throw new ProtocolViolation(`the server sent a message of type ${frame.tag} out of place`)
    }
  }

  #row(frame: Frame, due: Due): void {
    const { own } = due
    if (own !== undefined) return messagesOf(frame).forEach(({ bytes }) => own.row(bytes))
    const { act } = due
    if (act === undefined || act.broken !== undefined) return
    try {
      if (!act.isDescribed && !act.isOpen) this.#describe(act, due.portal?.fields ?? due.portal?.prepared.fields, due.portal?.resultFormats)
      this.#counted(act, frame, (row) => this.#delivery.for(act).row(row))
    } catch (error) {
      this.#withhold(act, error)
    }
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

  #describe(act: Act, fields: Portal['fields'], formats?: readonly number[]): void {
    if (fields === undefined || fields === null) throw new ProtocolViolation('the server sent a row of a result that it never described')
    act.isDescribed = true
    // Another number of columns than was followed: nobody knows which of them is which.
    const outputs = act.statements[act.results]?.outputs
    this.#delivery.for(act).describe(fields, outputs?.length === fields.length ? outputs : undefined, formats)
  }

  #fields(frame: Frame, due: Due): void {
    const fields = this.#descriptions.read(frame.bytes, due)
    if (due.reply === 'describe') return this.#described(frame, due, fields)
    const act = due.act as Act
    this.#guard(act, () => {
      this.#describe(act, fields)
      act.add(frame)
      this.#delivery.for(act).pass(frame.bytes)
    })
  }

  #noData(frame: Frame, due: Due): void { this.#described(frame, due, null) }

  #described(frame: Frame, due: Due, fields: Portal['fields'] & object | null): void {
    due.undo?.()
    if (due.portal !== undefined) due.portal.fields = fields
    else if (due.prepared !== undefined) due.prepared.fields = fields
    this.#visible(this.#pop(due), frame)
  }

  /** One of a simple message's several results, or the end of an execution. */
  #complete(frame: Frame, due: Due): void {
    if (due.own !== undefined) { this.#pop(due); return }
    const act = due.act as Act
    // Its portal had run to its end before: it has no more rows.
    if (act.hasEnded) { this.#pop(due); this.#afterEnd(act, frame); return }
    act.title = parseCommandTag(frame.bytes)
    if (commits.has(act.title)) act.hasCommitted = true
    // Behind a COMMIT the next transaction may be one that the next Sync ends.
    if (act.operation.action.properties.effects.includes('transaction')) this.#state.isInBlock = false
    act.results++
    act.isDescribed = false
    this.#state.copyIn = undefined
    if (due.reply === 'query') { this.#pass(due, frame); return }
    const { effects } = act.operation.action.properties
    // What ends a failed transaction, or a part of one, is told by no ReadyForQuery before the Sync.
    if (effects.includes('transaction') && this.#state.status === 'E') this.#state.status = 'T'
    if (effects.includes('transaction') || (this.#undoable === 0 && mayCommit(act))) this.#undoable = undefined
    else if (this.#undoable !== undefined && !this.#state.isInBlock && effects.some((effect) => effect !== 'read')) this.#undoable++
    this.#pop(due)
    this.#end(act, frame)
  }

  #empty(frame: Frame, due: Due): void {
    if (due.reply === 'query') return this.#pass(due, frame)
    this.#pop(due)
    const act = due.act as Act
    if (act.hasEnded) this.#afterEnd(act, frame)
    else this.#end(act, frame)
  }

  #suspended(frame: Frame, due: Due): void {
    this.#pop(due)
    const act = due.act as Act
    if (act.hasEnded) return this.#afterEnd(act, frame)
    if (act.broken !== undefined) return this.#end(act, undefined)
    this.#pass(due, frame)
    act.pause()
  }

  #ready(frame: Frame): void {
    const status = parseReady(frame.bytes)
    this.#undoable = 0
    const head = this.#state.head
    const due = expected(head, 'Z', 'ready', 'query', 'function')
    this.#state.status = status
    if (status === 'I' || due.isSync === true || !this.#state.isUnsynced) this.#state.isInBlock = status !== 'I'
    if (due.reply === 'ready') {
      this.#pop(due)
      this.#visible(due, frame)
    } else {
      this.#pop(due)
      this.#pop(expected(this.#state.head, 'Z', 'ready'))
      this.#end(due.act as Act, frame)
    }
    if (status !== 'I') return
    // Only those the server had: what the client has bound meanwhile may be on its way.
    const { portals } = this.#state
    for (const [name, portal] of this.#bound) {
      this.#unbind(name)
      if (portals.get(name) === portal) portals.delete(name)
    }
    this.#events.idle()
  }

  #parseComplete(frame: Frame, due: Due): void {
    this.#pop(due)
    if (due.prepared !== undefined) due.prepared.before = undefined
    if (due.act?.isLoneParse === true) { due.act.title = 'PARSE'; this.#end(due.act, frame) } else this.#visible(due, frame)
  }

  #bindComplete(frame: Frame, due: Due): void {
    this.#pop(due)
    if (due.portal !== undefined) {
      due.portal.before = undefined
      this.#unbind(due.portal.name)
      this.#bound.set(due.portal.name, due.portal)
    }
    this.#visible(due, frame)
  }

  /** A portal that is gone ends what it had begun: a cursor that was not read to its end. */
  #unbind(name: string): void {
    const portal = this.#bound.get(name)
    this.#bound.delete(name)
    if (portal === undefined) return
    this.#leave(portal.act)
  }

  /** What it did is done; the next run of its portal is an operation of its own. */
  leave(act: Act): Out[] {
    this.#leave(act)
    return this.#delivery.take()
  }

  #leave(act: Act): void {
    this.#delivery.finish(act, act.hasEnded ? notRun : act.hasRows ? { title: 'not read to its end', status: 'delivered', isFinal: true } : { title: 'not run', status: 'cancelled', isFinal: true })
  }

  #error(frame: Frame): void {
    const state = this.#state
    const severity = parseDiagnostic(frame.bytes).get('V')
    if (severity === 'FATAL' || severity === 'PANIC') this.#events.farewell()
    const head = state.head
    if (head === undefined || (head.reply === 'ready' && head.own === undefined)) return this.#unasked(frame)
    state.copyIn = undefined
    if (head.own !== undefined) {
      head.own.failed(frame.bytes)
      // A question about a portal whose Execute is behind it: the server skips that, and this is its error.
      if (head.act !== undefined) this.#failed(frame, head.act, false)
    }
    else if (head.reply === 'poison') this.#refused(head)
    else if (head.act !== undefined && (head.reply !== 'parse' || head.act.isLoneParse || head.act.permit !== undefined)) this.#failed(frame, head.act, head.reply === 'query' || head.reply === 'function')
    else this.#control(frame.bytes)
    if (head.reply === 'query' || head.reply === 'function') return
    this.#state.pop()
    // A Parse that fails has lost the unnamed statement before it.
    if (head.prepared?.name === '' && head.reply === 'parse') head.prepared.before = undefined
    if (head.reply !== 'poison') head.undo?.()
    if (head.reply === 'poison' && head.isExtended !== true) return
    for (const due of state.skip()) {
      due.own?.failed(frame.bytes)
      if (due.act !== undefined) this.#delivery.finish(due.act, notRun)
    }
  }

  #failed(frame: Frame, act: Act, isOpen: boolean): void {
    const code = parseDiagnostic(frame.bytes).get('C') ?? 'XX000'
    if (act.hasEnded) return this.#afterEnd(act, frame)      // its portal was gone before
    act.failure = code
    act.title = act.hasCommitted ? `ERROR ${code}, after a COMMIT` : this.#mayHaveCommitted(act) ? `ERROR ${code}, after what it may have committed` : this.#undoable ? `ERROR ${code}, which undid ${this.#undoable} before it` : `ERROR ${code}`
    if (act.broken === undefined) this.#delivery.for(act).diagnostic(frame.bytes)
    if (!isOpen) this.#end(act, undefined)
  }

  /** Outside of a transaction a procedure, a block or VACUUM may have committed a part of what it did. */
  #mayHaveCommitted(act: Act): boolean {
    return this.#state.status === 'I' && (act.operation.action.properties.effects.includes('maintenance') || act.statements.some(({ kind }) => kind === 'call' || kind === 'do'))
  }

  /** The poison has failed, as it must: the client gets the refusal's words for the server's. */
  #refused(head: Due): void {
    if (head.error !== undefined) this.#delivery.between({ kind: 'bytes', bytes: head.error, ...head.act === undefined ? {} : { act: head.act } })
  }

  #parameterStatus(frame: Frame): void {
    const { name, value } = parseParameterStatus(frame.bytes)
    this.#events.setting(name, value)
    // Said at the next chance, which may be a question of ours; no question of ours changes one.
    if (this.#state.head?.own !== undefined) return this.#unasked(frame)
    this.#aside(frame, (act) => act.masker?.parameterStatus(frame.bytes))
  }

  /** Notices and settings come in the middle of an operation, or of nothing. */
  #aside(frame: Frame, feed: (act: Act) => void): void {
    const head = this.#state.head
    if (head?.own !== undefined) return
    const act = head?.act
    if (act?.masker === undefined || act.hasEnded) return this.#unasked(frame)
    if (act.broken !== undefined) return
    this.#delivery.for(act)
    feed(act)
  }

  #copyIn(frame: Frame, due: Due): void {
    const act = due.act as Act
    this.#state.copyIn = act
    if (due.reply === 'execute') for (const forgotten of this.#state.forgetBehind()) if (forgotten.act !== undefined) this.#delivery.finish(forgotten.act, notRun)
    this.#control(frame.bytes)
    act.pause()
  }

  #copyOut(frame: Frame, due: Due): void {
    const act = due.act as Act
    this.#guard(act, () => {
      const { format, formats } = parseCopyResponse(frame.bytes)
      const { copyFormat, outputs } = act.statements[act.results] ?? {}
      this.#delivery.for(act).copyOut(format, formats, copyFormat === undefined ? undefined : { format: copyFormat, outputs })
      act.add(frame)
      this.#delivery.for(act).pass(frame.bytes)
    })
  }

  #copyData(frame: Frame, due: Due): void {
    const act = due.act as Act
    if (act.broken !== undefined) return
    this.#guard(act, () => {
      this.#counted(act, frame, (rows) => this.#delivery.for(act).copyRow(rows))
    })
  }

  #functionResult(frame: Frame, due: Due): void {
    const act = due.act as Act
    act.title = 'FUNCTION CALL'
    this.#guard(act, () => this.#delivery.for(act).functionResult(frame.bytes))
  }

  #guard(act: Act, feed: () => void): void {
    if (act.broken !== undefined) return
    try {
      feed()
    } catch (error) {
      this.#withhold(act, error)
    }
  }

  /** What cannot be masked, and what is too much, is withheld: the rest of the result is read and dropped. */
  #withhold(act: Act, error: unknown): void {
    if (!(error instanceof RefusalError)) throw error
    act.broken = error.refusal
    this.#events.broken(act)
  }

  #pass(due: Due, frame: Frame): void {
    if (due.own !== undefined || due.act === undefined || due.act.broken !== undefined) return
    due.act.add(frame)
    this.#delivery.for(due.act).pass(frame.bytes)
  }

  /** The last message of an act; where its result was withheld, the refusal stands for it. */
  #end(act: Act, last: Frame | undefined): void {
    const masker = this.#delivery.for(act)
    const isReady = last !== undefined && last.tag === 0x5a
    if (act.broken !== undefined) {
      const { message, code } = act.broken
      const isKept = isReady && act.failure === undefined && this.#state.status === 'I' && act.operation.action.properties.effects.some((effect) => effect !== 'read')
      if (isKept) act.title = `${act.title}, committed and its result withheld`
      masker.pass(errorOf(act.broken, {
        ...isKept ? { message: `${message}; what the statement changed is committed` } : {},
        ...code !== 'policy.limit' ? {} : { advice: isKept ? 'The statement was run, and only its result withheld: do not repeat it.' : 'The result was withheld: ask for less.' },
      }))
      // The transaction that goes on in the server is made to fail before anything else is sent there.
      if (isReady) masker.pass(act.failure === undefined && this.#state.status === 'T' ? encodeReady('E') : last.bytes)
      this.#delivery.finish(act, { title: act.title, status: 'failed', isFinal: true, code: act.broken.code })
      return
    }
    if (last !== undefined) masker.pass(last.bytes)
    this.#delivery.finish(act, act.failure === undefined ? { title: act.title, status: 'delivered', isFinal: true } : { title: act.title, status: 'failed', isFinal: true, code: `postgres.${act.failure}` })
  }

  /** Its portal was asked for more than there was. Where its result was withheld the client has its error, and what the server says of the rest is nobody's: an error may quote it. */
  #afterEnd(act: Act, frame: Frame): void {
    if (act.broken === undefined) this.#control(frame.bytes)
  }

  #visible(due: Due, frame: Frame): void { if (due.own === undefined) this.#control(frame.bytes) }

  #control(bytes: Uint8Array): void { this.#delivery.between({ kind: 'bytes', bytes }) }

  #unasked(frame: Frame): void { this.#delivery.between(this.#events.unasked(frame)) }

  #pop(due: Due): Due {
    this.#state.pop()
    due.own?.end?.()
    return due
  }
}

/** Of an empty cell in COPY one byte is left, and a constant may stand for it. */
const maxGrowth = 80

/** As many rows, of so many bytes. */
const ofSize = ({ tag, part, count, source }: Pick<Frame, 'tag' | 'part' | 'count' | 'source'>, end: number): Frame => ({ tag, part, count, source, bytes: source, start: 0, end })

/** By itself, where it is the first since the last Sync: CREATE INDEX CONCURRENTLY, VACUUM, a procedure that says COMMIT. Behind others the server refuses them. */
function mayCommit({ statements, operation }: Act): boolean {
  return operation.action.properties.effects.some((effect) => effect === 'ddl' || effect === 'maintenance') || statements.some(({ kind }) => kind === 'call' || kind === 'do' || kind === 'discard')
}

function expected(head: Due | undefined, tag: string, ...replies: readonly Due['reply'][]): Due {
  if (head === undefined || !replies.includes(head.reply)) throw new ProtocolViolation(`the server sent ${tag} where ${head?.reply ?? 'nothing'} was due`)
  return head
}
