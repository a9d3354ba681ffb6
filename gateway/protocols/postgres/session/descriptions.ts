// RowDescriptions, read once: a portal is described with each run, a text with each of those like it, and what is said of it is the same.
import { Few } from '../few.ts'
import { parseRowDescription, type Field } from '../messages.ts'
import type { Statement } from '../sql/analysis.ts'
import type { Due, Prepared } from './state.ts'

/** Of a description that is kept to be compared with. */
const maxKeptBytes = 4_096

export class Descriptions {
  /** Of results of simple messages, by their statements. */
  readonly #simple = new Few<readonly Statement[], NonNullable<Prepared['described']>>()

  /** The same bytes are the same fields. */
  read(bytes: Uint8Array, { portal, prepared, act }: Due): readonly Field[] {
    const owner = portal?.prepared ?? prepared
    const last = owner !== undefined ? owner.described : act === undefined ? undefined : this.#simple.get(act.statements)
    if (last !== undefined && Buffer.compare(last.bytes, bytes) === 0) return last.fields
    const fields = parseRowDescription(bytes)
    if (bytes.length > maxKeptBytes) return fields
    const described = { bytes: new Uint8Array(bytes), fields }
    if (owner !== undefined) owner.described = described
    else if (act !== undefined) this.#simple.set(act.statements, described)
    return fields
  }
}
