// One frame's leaf (FORMAT §3, §4), read in place: numbers and offsets into the leaves object, nothing copied.
import { CborError, CborReader } from './cbor.ts'
import type { CborItem } from './cbor.ts'

export const maxLeafBytes = 4096
const maxTextBytes = 256

/** FORMAT §4. */
export const kind = {
  epoch: 0, open: 1, intent: 2, requestChunk: 3, resultChunk: 4, outcome: 5, refusal: 6, approval: 7,
  policy: 8, config: 9, admin: 10, unauthenticated: 11, recovery: 12, close: 13, shadow: 14,
} as const

/** Labels of FORMAT §5, which are also the leaf's member numbers. */
export const labels = [7, 8, 9] as const

type Shape = 'uint' | 'hash' | 'id' | 'text'
interface Rule {
  /** Members that this kind cannot be without; any other of 7 to 12 may be there. */
  readonly due: readonly number[]
  readonly structure?: { readonly [member: number]: { readonly shape: Shape; readonly max?: number; readonly isOptional?: true } }
}

// What each kind is made of, row by row the table of FORMAT §4.
const rules: readonly Rule[] = [
  { due: [], structure: { 1: { shape: 'uint' }, 2: { shape: 'uint', max: 0 }, 3: { shape: 'id' }, 4: { shape: 'text' }, 5: { shape: 'uint', max: 2 }, 6: { shape: 'hash' } } },
  { due: [7], structure: { 1: { shape: 'uint' }, 2: { shape: 'uint' }, 3: { shape: 'id' } } },
  { due: [7, 8] },
  { due: [12], structure: { 1: { shape: 'uint' }, 2: { shape: 'uint', max: 1, isOptional: true } } },
  { due: [12], structure: { 1: { shape: 'uint' }, 2: { shape: 'uint', max: 1, isOptional: true } } },
  { due: [12], structure: { 1: { shape: 'uint', max: 3 } } },
  { due: [], structure: { 1: { shape: 'text' } } },
  { due: [], structure: { 1: { shape: 'id' }, 2: { shape: 'uint', max: 7 } } },
  { due: [], structure: { 1: { shape: 'uint', max: 5 }, 2: { shape: 'uint' } } },
  { due: [], structure: { 1: { shape: 'hash' } } },
  { due: [] },
  { due: [], structure: { 1: { shape: 'uint' } } },
  { due: [], structure: { 1: { shape: 'id' }, 2: { shape: 'uint' } } },
  { due: [], structure: { 1: { shape: 'uint' }, 2: { shape: 'hash' }, 3: { shape: 'uint', max: 5 }, 4: { shape: 'uint', isOptional: true } } },
  { due: [7, 8, 11], structure: { 1: { shape: 'id' }, 2: { shape: 'uint' } } },
]

/** The leaf just read. Offsets are −1 where the member is absent; `ref` likewise. One object is reused for all leaves of a verification. */
export class Leaf {
  start = 0
  end = 0
  session = 0
  seq = 0
  time = 0
  kind = 0
  previous = 0
  /** Offsets of the commitments, by label 7, 8, 9. */
  readonly commitments: [number, number, number] = [-1, -1, -1]
  decisionId = -1
  bundle = -1
  ref = -1
  structure: ReadonlyMap<number, CborItem> | undefined

  get hasContent(): boolean { return this.commitments[0] >= 0 || this.commitments[1] >= 0 || this.commitments[2] >= 0 }

  number(member: number): number {
    const value = this.structure?.get(member)
    return typeof value === 'number' ? value : -1
  }

  bytes(member: number): Uint8Array {
    const value = this.structure?.get(member)
    return value instanceof Uint8Array ? value : new Uint8Array(0)
  }

  text(member: number): string {
    const value = this.structure?.get(member)
    return typeof value === 'string' ? value : ''
  }

  /** Reads the next leaf of a sequence. @throws CborError */
  read(reader: CborReader): void {
    this.start = reader.at
    this.commitments[0] = this.commitments[1] = this.commitments[2] = this.decisionId = this.bundle = this.ref = -1
    this.structure = undefined
    const count = reader.mapLength()
    if (count < 6) throw new CborError('not a leaf', this.start)
    this.#head(reader)
    let last = 6
    let present = 0
    for (let i = 6; i < count; i++) {
      last = reader.key(last)
      present |= 1 << last
      switch (last) {
        case 7: this.commitments[0] = reader.bytesAt(32); break
        case 8: this.commitments[1] = reader.bytesAt(32); break
        case 9: this.commitments[2] = reader.bytesAt(32); break
        case 10: this.decisionId = reader.bytesAt(16); break
        case 11: this.bundle = reader.bytesAt(32); break
        case 12: this.ref = reader.uint(); break
        case 13: {
          const structure = reader.item(1, Math.min(this.start + maxLeafBytes, reader.bytes.length))
          if (!(structure instanceof Map)) throw new CborError('member 13 is not a map', reader.at)
          this.structure = structure
          break
        }
        default: throw new CborError(`a leaf has no member ${last}`, reader.at)
      }
    }
    this.end = reader.at
    if (this.end - this.start > maxLeafBytes) throw new CborError(`a leaf of ${this.end - this.start} bytes`, this.start)
    this.#checkKind(present)
  }

  /** Members 1 to 6, which every leaf has, in this order. */
  #head(reader: CborReader): void {
    this.#due(reader, 1)
    if (reader.uint() !== 1) throw new CborError('a leaf of another version', this.start)
    this.#due(reader, 2)
    this.session = reader.bytesAt(16)
    this.#due(reader, 3)
    this.seq = reader.uint()
    this.#due(reader, 4)
    this.time = reader.uint()
    this.#due(reader, 5)
    this.kind = reader.uint()
    this.#due(reader, 6)
    this.previous = reader.bytesAt(32)
  }

  #due(reader: CborReader, member: number): void {
    if (reader.uint() !== member) throw new CborError(`member ${member} of a leaf is missing`, reader.at)
  }

  #checkKind(present: number): void {
    const rule = rules[this.kind]
    if (rule === undefined) throw new CborError(`unknown kind ${this.kind}`, this.start)
    for (const member of rule.due) if ((present & (1 << member)) === 0) throw new CborError(`kind ${this.kind} without member ${member}`, this.start)
    if (rule.structure === undefined && this.structure !== undefined) throw new CborError(`kind ${this.kind} with a structure it does not have`, this.start)
    if (rule.structure === undefined) return
    if (this.structure === undefined) throw new CborError(`kind ${this.kind} without its structure`, this.start)
    let known = 0
    for (const name in rule.structure) {
      const part = rule.structure[name]
      const value = this.structure.get(Number(name))
      if (part === undefined || (value === undefined && part.isOptional === true)) continue
      if (!fits(value, part.shape, part.max)) throw new CborError(`member ${name} of the structure of kind ${this.kind} is not as it must be`, this.start)
      known += 1
    }
    if (known !== this.structure.size) throw new CborError(`the structure of kind ${this.kind} has a member that is not its own`, this.start)
  }
}

function fits(value: CborItem | undefined, shape: Shape, max = Number.MAX_SAFE_INTEGER): boolean {
  if (shape === 'uint') return typeof value === 'number' && value >= 0 && value <= max
  if (shape === 'text') return typeof value === 'string' && value.length <= maxTextBytes
  return value instanceof Uint8Array && value.length === (shape === 'hash' ? 32 : 16)
}
