// What a session knows of its server: which replies are due, which statements and portals exist, and in which transaction state it is.
// Every message that was forwarded has its place in one queue; whatever comes back belongs to the head of it (PostgreSQL §54.2).
import type { Act } from './act.ts'
import { Held } from './held.ts'
import type { Bind, Field } from '../messages.ts'
import type { Naming, Statement } from '../sql/analysis.ts'
import type { createViewLineage } from '../sql/view-lineage.ts'
import { Touched } from './touched.ts'

/** Due replies; once there are more, the client's next read waits for all of them. */
export const maxDue = 16_384
/** Prepared statements and portals of one session; drivers keep hundreds. */
export const maxPrepared = 10_000
/** Bytes of their names, texts and types, and of the values that portals were bound with; what is short is not worth counting. */
export const maxHeldBytes = 128 * 1024 * 1024
const shortBytes = 4_096
/** Columns of descriptions that are kept, some 100 bytes each. */
const maxColumns = 262_144
/** Descriptions that are due: how many columns they have only the answers tell, 1,664 at most (MaxTupleAttributeNumber). */
const maxDescribing = 256

export interface Prepared {
  readonly name: string
  readonly text: string
  readonly textBytes: Uint8Array
  readonly parameterTypes: readonly number[]
  /** What Describe said, `null` for a statement without rows; undefined until it said something. */
  fields: readonly Field[] | null | undefined
  /** The last RowDescription of it or of a portal of it. */
  described?: { readonly bytes: Uint8Array; readonly fields: readonly Field[] } | undefined
  /** Somebody has asked, and the answer is due. */
  isDescribing: boolean
  /** As the server inferred them. */
  describedTypes: readonly number[] | undefined
  /** What the name stood for, until the server has taken this one. */
  before: Prepared | undefined
  /** The server never took it. */
  isUndone: boolean
}

export interface Portal {
  readonly name: string
  readonly prepared: Prepared
  readonly resultFormats: readonly number[]
  readonly message: Bind
  /** As they resolved at its Bind: what the server runs was fixed then. */
  readonly names: SessionNames
  isDescribing: boolean
  /** The operation its Bind was permitted as; further runs of a finished portal are operations of their own. */
  act: Act
  fields: readonly Field[] | null | undefined
  before: Portal | undefined
  isUndone: boolean
  /** µs, by the server's clock, once it was asked. */
  madeAt?: string | undefined
}

export type Reply = 'parse' | 'bind' | 'describe' | 'execute' | 'close' | 'query' | 'function' | 'ready' | 'poison'

/** One reply that is due. */
export interface Due {
  readonly reply: Reply
  readonly act?: Act
  /** Describe: where the answer is kept. */
  readonly prepared?: Prepared
  readonly portal?: Portal
  /** The client did not ask for it and does not see it. */
  readonly own?: Own
  /** What the server never came to do is taken back. */
  readonly undo?: () => void
  /** poison: the ErrorResponse that the client gets for the server's own. */
  readonly error?: Uint8Array
  /** poison: what the poison stands for. A simple message ends by itself, an extended one skips to Sync. */
  readonly isExtended?: boolean
  /** ready: due to a Sync, to which the server skips after an error. */
  readonly isSync?: boolean
}

/** A question of the gateway's own on the session's connection. */
export interface Own { row(bytes: Uint8Array): void; failed(error?: Uint8Array): void; /** The last of its replies is here. */ end?(): void }

export interface SessionNames extends Naming { readonly role: string; readonly sessionRole: string; readonly values?: string; readonly viewLineage: ReturnType<typeof createViewLineage> }

export class SessionState {
  /** As ReadyForQuery last said: I idle, T in a transaction, E in a failed one. */
  status: 'I' | 'T' | 'E' = 'I'
  /** The transaction is a block that BEGIN opened: a Sync leaves it as it is. One that only a Sync ends has status T, too, behind a Query in it. */
  isInBlock = false
  /** After an error in extended messages, until the next Sync is forwarded: the server reads and drops everything. */
  isSkipping = false
  /** Extended messages were forwarded and no Sync yet. */
  isUnsynced = false
  /** The server waits for CopyData. */
  copyIn: Act | undefined
  /** Names may have changed since they were last resolved. */
  isStale = true
  /** Something since the last idle moment may have changed how names resolve; a rollback would change it back. */
  isTouched = false
  /** Code ran that may have given names of messages to something else. */
  mayBeGivenAnew = false
  /** Catalogue changes of this transaction that nobody else sees yet. */
  hasUncommittedNames = false
  /** Counts statements that may have changed the catalogue, or taken back a change of it. */
  nameChanges = 0
  /** SQL's own prepared statements and cursors. */
  readonly held = new Held()
  readonly prepared = new Map<string, Prepared>()
  readonly portals = new Map<string, Portal>()
  /** Number of the Sync that comes next: an error skips to the next one, and no further. */
  segment = 0
  /** Names that were defined or closed, with the segment in which. */
  readonly touched = new Touched()
  /** Columns that were described, of what has a name, since descriptions were last forgotten. */
  columns = 0
  #describing = 0
  #queue: Due[] = []
  #head = 0
  #idle: (() => void)[] = []

  /** Of statements that run, or have run: SQL gives names in the same space, so what a message by that name would run is not what it was. */
  rename(statements: readonly Statement[]): void {
    this.held.forget(statements)
    for (const { kind, prepared: statement, cursor } of statements) {
      if (kind === 'prepare' && statement !== undefined) this.prepared.delete(statement)
      if (kind === 'declare_cursor' && cursor !== undefined) this.portals.delete(cursor)
    }
  }

  /** Whether one of this size may join those that the client keeps. */
  hasRoomFor(bytes: number): boolean {
    if (bytes <= shortBytes) return true
    let sum = bytes
    for (const prepared of this.prepared.values()) sum += sizeOfText(prepared)
    for (const { message } of this.portals.values()) sum += sizeOf(message)
    return sum <= maxHeldBytes
  }

  get due(): number { return this.#queue.length - this.#head }
  get head(): Due | undefined { return this.#queue[this.#head] }

  /** The operation that the server is at, or comes to next. */
  get current(): Act | undefined {
    for (let i = this.#head; i < this.#queue.length; i++) { const { act } = this.#queue[i] as Due; if (act !== undefined) return act }
    return undefined
  }

  /** Of which a masked result may yet begin: what its columns are was worked out before it was sent. What changes names itself shows nothing, and has been seen to change them. */
  *unbegun(): Generator<Act> {
    for (let i = this.#head; i < this.#queue.length; i++) {
      const { act } = this.#queue[i] as Due
      if (act?.permit !== undefined && act.names !== undefined && !act.isOpen && !act.hasEnded && act.mayHaveRows && !(act.isDescribed && act.statements.length === 1) && !act.operation.action.properties.effects.includes('ddl')) yield act
    }
  }

  /** Whether so many more descriptions may be asked for before the server has answered. */
  mayDescribe(more: number): boolean { return this.columns <= maxColumns && this.#describing + more <= maxDescribing }

  /** When no reply is due: what is not known of a portal that runs, the gateway asks for. */
  forgetDescriptions(): void {
    if (this.columns <= maxColumns) return
    this.columns = 0
    for (const prepared of this.prepared.values()) prepared.fields = prepared.described = undefined
    for (const portal of this.portals.values()) portal.fields = undefined
  }

  expect(due: Due): void {
    if (due.reply === 'describe') this.#describing++
    this.#queue.push(due)
  }

  pop(): Due | undefined {
    const head = this.#queue[this.#head]
    if (head === undefined) return undefined
    if (head.reply === 'describe') this.#describing--
    this.#head++
    if (this.#head === this.#queue.length) {
      this.#queue = []
      this.#head = 0
      const waiting = this.#idle
      this.#idle = []
      for (const resolve of waiting) resolve()
    } else if (this.#head > 1_024 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
    return head
  }

  /** The server failed an extended message: everything up to the next Sync will have no reply. Last first, as it must be taken back. */
  skip(): Due[] {
    const skipped: Due[] = []
    while (this.head !== undefined && !(this.head.reply === 'ready' && this.head.isSync === true)) skipped.push(this.pop() as Due)
    this.isSkipping = this.head === undefined
    for (const { undo } of skipped.toReversed()) undo?.()
    return skipped
  }

  /** COPY IN has begun: the server ignores each Sync and Flush behind it, and takes anything else as an error of the copy. */
  forgetBehind(): Due[] {
    const head = this.pop()
    const forgotten: Due[] = []
    while (this.head !== undefined) forgotten.push(this.pop() as Due)
    if (head !== undefined) this.expect(head)
    return forgotten
  }

  /** Resolves when no reply is due. */
  async settled(): Promise<void> {
    if (this.due === 0) return
    await new Promise<void>((resolve) => { this.#idle.push(resolve) })
  }
}

/** What its rows are is known, or on its way. */
export function isDescribed({ fields, isDescribing, prepared }: Portal): boolean {
  return fields !== undefined || isDescribing || prepared.fields !== undefined || prepared.isDescribing
}

/** What the server never took stands for what was before it, unless the name was given again meanwhile. */
export function undoOf<T extends { readonly name: string; before: T | undefined; isUndone: boolean }>(names: Map<string, T>, undone: T): () => void {
  return () => {
    undone.isUndone = true
    if (names.get(undone.name) !== undone) return
    const before = standing(undone)
    if (before === undefined) names.delete(undone.name)
    else names.set(undone.name, before)
  }
}

/** What the server never closed stands for its name again: at once, or once all is undone by which the name was given meanwhile. */
export function undoOfClose<T extends { readonly name: string; before: T | undefined; isUndone: boolean }>(names: Map<string, T>, closed: T | undefined): () => void {
  return () => {
    const left = standing(closed)
    if (left === undefined) return
    let given = names.get(left.name)
    while (given?.before !== undefined) given = given.before
    if (given === undefined) names.set(left.name, left)
    else if (given !== left) given.before = left
  }
}

/** Of a Bind, its lists of values and formats included: 65,535 NULLs are half a megabyte. */
export function sizeOf({ values, formats, resultFormats }: Bind): number {
  return values.reduce((sum, value) => sum + (value?.length ?? 0), bytesOfItem * (values.length + formats.length + resultFormats.length))
}

/** Of a Parse, whose list of types may be much longer than its text. */
export function sizeOfText({ name, textBytes, parameterTypes }: Pick<Prepared, 'name' | 'textBytes' | 'parameterTypes'>): number {
  return name.length + textBytes.length + bytesOfItem * parameterTypes.length
}

const bytesOfItem = 8

/** What a closed name stood for when the server takes no notice of the Close: not what it never took either. */
export function standing<T extends { readonly before: T | undefined; readonly isUndone: boolean }>(last: T | undefined): T | undefined {
  let found = last
  while (found?.isUndone === true) found = found.before
  return found
}
