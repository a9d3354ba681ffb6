// The server's half of a session: each message belongs to the reply that is due, is masked by the plan of its operation, and keeps its place.
import type { RefusalCode } from '../../../refusal.ts'
import { messagesOf, parseDiagnostic, parseParameterDescription, parseParameterStatus, parseReady, ProtocolViolation, type Frame } from '../messages.ts'
import type { Act } from './act.ts'
import { Delivery } from './delivery.ts'
import type { Out } from './out.ts'
import { Outcomes } from './outcomes.ts'
import { Results } from './results.ts'
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

export class Replies {
  readonly #state: SessionState
  readonly #events: RepliesEvents
  /** Portals the server holds, by name; the client may have bound further ones meanwhile. */
  readonly #bound = new Map<string, Portal>()
  readonly #delivery = new Delivery()
  readonly #outcomes: Outcomes
  readonly #results: Results

  constructor(state: SessionState, events: RepliesEvents) {
    this.#state = state
    this.#events = events
    this.#outcomes = new Outcomes(state, this.#delivery)
    this.#results = new Results(this.#delivery, (act) => events.broken(act))
  }

  /** @throws ProtocolViolation for a message that no reply due can hold */
  read(frames: readonly Frame[]): Out[] {
    for (const frame of frames) this.#message(frame)
    return this.#delivery.take()
  }

  /** Permitted, and never sent: the server had failed before. */
  notRun(acts: Iterable<Act>): Out[] {
    for (const act of acts) this.#outcomes.notRun(act)
    return this.#delivery.take()
  }

  /** The connection is over. */
  abandon(code: RefusalCode): Out[] {
    this.#state.copyIn = undefined
    const acts = new Set<Act>()
    for (let due = this.#state.pop(); due !== undefined; due = this.#state.pop()) {
      due.own?.failed()
      if (due.act !== undefined) acts.add(due.act)
    }
    for (const { act } of this.#bound.values()) acts.add(act)
    for (const act of acts) this.#outcomes.abandoned(act, code)
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
      case 'n': return this.#described(frame, expected(head, 'n', 'describe'), null)
      case 's': return this.#suspended(frame, expected(head, 's', 'execute'))
      case 'I': return this.#empty(frame, expected(head, 'I', 'query', 'execute'))
      case '3': { const due = this.#pop(expected(head, '3', 'close')); if (due.portal !== undefined) this.#unbind(due.portal.name); return this.#visible(due, frame) }
      case 'G': return this.#copyIn(frame, expected(head, 'G', 'query', 'execute'))
      case 'H': return this.#results.copyOut(expected(head, 'H', 'query', 'execute').act as Act, frame)
      case 'd': return this.#results.copyData(expected(head, 'd', 'query', 'execute').act as Act, frame)
      case 'c': return this.#pass(expected(head, 'c', 'query', 'execute'), frame)
      case 'V': return this.#functionResult(frame, expected(head, 'V', 'function').act as Act)
      default: throw new ProtocolViolation(`the server sent a message of type ${frame.tag} out of place`)
    }
  }

  #row(frame: Frame, { own, act, portal }: Due): void {
    if (own !== undefined) messagesOf(frame).forEach(({ bytes }) => own.row(bytes))
    else if (act !== undefined) this.#results.rows(act, frame, portal)
  }

  #fields(frame: Frame, due: Due): void {
    const fields = this.#results.fieldsOf(frame, due)
    if (due.reply === 'describe') this.#described(frame, due, fields)
    else this.#results.begin(due.act as Act, frame, fields)
  }

  #described(frame: Frame, due: Due, fields: Portal['fields'] & object | null): void {
    due.undo?.()
    if (fields !== null && isNamed(due)) this.#state.columns += fields.length
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
    this.#outcomes.completed(act, frame)
    this.#state.copyIn = undefined
    if (due.reply === 'query') { this.#pass(due, frame); return }
    this.#outcomes.executed(act)
    this.#pop(due)
    this.#outcomes.end(act, frame)
  }

  #empty(frame: Frame, due: Due): void {
    if (due.reply === 'query') return this.#pass(due, frame)
    this.#pop(due)
    const act = due.act as Act
    if (act.hasEnded) this.#afterEnd(act, frame)
    else this.#outcomes.end(act, frame)
  }

  #suspended(frame: Frame, due: Due): void {
    this.#pop(due)
    const act = due.act as Act
    if (act.hasEnded) return this.#afterEnd(act, frame)
    if (act.broken !== undefined) return this.#outcomes.end(act, undefined)
    this.#pass(due, frame)
    act.pause()
  }

  #ready(frame: Frame): void {
    const status = parseReady(frame.bytes)
    this.#outcomes.ready()
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
      this.#outcomes.end(due.act as Act, frame)
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
    if (due.act?.isLoneParse === true) { due.act.title = 'PARSE'; this.#outcomes.end(due.act, frame) } else this.#visible(due, frame)
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
    this.#outcomes.left(portal.act)
  }

  /** What it did is done; the next run of its portal is an operation of its own. */
  leave(act: Act): Out[] {
    this.#outcomes.left(act)
    return this.#delivery.take()
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
      if (due.act !== undefined) this.#outcomes.notRun(due.act)
    }
  }

  #failed(frame: Frame, act: Act, isOpen: boolean): void {
    if (act.hasEnded) return this.#afterEnd(act, frame)      // its portal was gone before
    this.#outcomes.failed(act, frame)
    if (!isOpen) this.#outcomes.end(act, undefined)
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
    if (due.reply === 'execute') for (const forgotten of this.#state.forgetBehind()) if (forgotten.act !== undefined) this.#outcomes.notRun(forgotten.act)
    this.#control(frame.bytes)
    act.pause()
  }

  #functionResult(frame: Frame, act: Act): void {
    act.title = 'FUNCTION CALL'
    this.#results.functionResult(act, frame)
  }

  #pass(due: Due, frame: Frame): void {
    if (due.own !== undefined || due.act === undefined || due.act.broken !== undefined) return
    due.act.add(frame)
    this.#delivery.for(due.act).pass(frame.bytes)
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

/** It is kept, with what it is a description of. */
function isNamed({ portal, prepared = portal?.prepared }: Due): boolean {
  return portal !== undefined && portal.name !== '' || prepared !== undefined && prepared.name !== ''
}

function expected(head: Due | undefined, tag: string, ...replies: readonly Due['reply'][]): Due {
  if (head === undefined || !replies.includes(head.reply)) throw new ProtocolViolation(`the server sent ${tag} where ${head?.reply ?? 'nothing'} was due`)
  return head
}
