// Names of members seen before, with what detectors say of each: one table per target, so that a name costs a look-up and not a search.
import { findSensitive } from './find.ts'
import { readMember } from './member.ts'
import type { Member } from './member.ts'

/** Names come from schemas; a caller who makes up more only empties the table. */
const MAX_NAMES = 2_048
const MAX_NAME_CHARS = 64
/** Printable ASCII without `:` and `=`, so that neither folding nor a `name: value` pair is in it. */
const PLAIN = /^[ -9;<>-~]*$/

export interface KnownMember extends Member {
  /** No detector finds anything in the name, and it is nobody's `name: value`: it may stay as it is. */
  readonly isClean: boolean
}

export class Names {
  readonly #known = new Map<string, KnownMember>()

  of(name: string): KnownMember {
    return this.#known.get(name) ?? this.#learn(name)
  }

  #learn(name: string): KnownMember {
    const isClean = name.length <= MAX_NAME_CHARS && PLAIN.test(name) && findSensitive(name).length === 0
    const member = { ...readMember(name), isClean }
    // A name that holds somebody's data is looked at each time, and not kept.
    if (!isClean) return member
    if (this.#known.size >= MAX_NAMES) this.#known.clear()
    this.#known.set(name, member)
    return member
  }
}

export const noMember: KnownMember = { ...readMember(''), isClean: true }
