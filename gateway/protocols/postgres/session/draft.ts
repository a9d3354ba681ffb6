// What one read of the client comes to: its messages on their way out, each with what it is part of, what is due for it, and what stands for it when it is refused.
import type { Refusal } from '../../../refusal.ts'
import type { Control } from '../dial.ts'
import type { FrontendMessage } from '../messages.ts'
import type { Act } from './act.ts'
import { mayEndTransaction } from './name-changes.ts'
import type { Due, Portal, SessionState } from './state.ts'

/** One message of the client on its way out. */
export interface Step {
  readonly kind: FrontendMessage['kind']
  readonly bytes: Uint8Array
  /** Simple messages end by themselves; an error in an extended one skips to Sync. */
  readonly isExtended: boolean
  /** The operation it is part of. A Parse gets that of its Bind, when both came at once. */
  act?: Act
  due?: Due
  /** What stands for it when it is refused. */
  readonly poison?: () => Uint8Array
  /** Refused before anybody was asked. */
  refused?: Refusal
  /** An error in PostgreSQL's own words: a name that does not exist. */
  readonly error?: Uint8Array
  /** It carries no statement. */
  readonly control?: Control
  readonly portal?: Portal
}

export interface Plan { readonly steps: readonly Step[]; /** Index of the first frame that is not in it. */ readonly end: number; readonly isTerminated: boolean }

/** A plan as it grows. */
export class Draft implements Plan {
  readonly steps: Step[] = []
  end: number
  isTerminated = false
  /** The Sync that the server skips to is in it. */
  isResumed = false
  /** An error may come in at any await; behind a Sync that is planned it skips nothing. */
  hasSync = false
  /** Descriptions that its messages ask for, or the gateway with them, of what has a name. */
  describing = 0

  constructor(from: number) {
    this.end = from
  }
}

/** It is read by names that nobody could look up: what comes before it has to end that first. */
export class NotYet extends Error {}

/** Names that nobody could look up, since the server fails or skips everything, do for what it fails or skips: not for what runs behind the end of that. @throws NotYet */
export function mayFollow({ isStale, isInBlock }: SessionState, before: readonly Step[]): void {
  if (isStale && before.some(({ kind, act }) => kind === 'sync' ? !isInBlock : act !== undefined && kind !== 'parse' && kind !== 'bind' && mayEndTransaction(act))) throw new NotYet()
}

/** A Parse that no Bind has taken. */
export function isLoose({ kind, act, error, refused }: Step): boolean {
  return kind === 'parse' && act === undefined && error === undefined && refused === undefined
}
