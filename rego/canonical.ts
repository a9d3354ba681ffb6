// RFC 8785 text of a JSON value, with the members that a schema marks `x-set` sorted and de-duplicated first.
// Compiled policy emits sets in hash order and topdown sorts them: without this, equal decisions would have unequal digests.
import { PolicyError } from './errors.ts'

/** Where sets are in a value, read off its JSON Schema once. */
export interface SetShape {
  readonly isSet: boolean
  readonly items: SetShape | undefined
  readonly properties: ReadonlyMap<string, SetShape>
}

interface Schema { readonly 'x-set'?: boolean; readonly items?: Schema; readonly properties?: Readonly<Record<string, Schema>>; readonly anyOf?: readonly Schema[] }

/** Reads `x-set`, `items`, `properties` and `anyOf`: all that our schemas use to say where an array is. */
export function readSetShape(schema: Schema): SetShape {
  const properties = new Map<string, SetShape>()
  let items = schema.items && readSetShape(schema.items)
  for (const [name, member] of Object.entries(schema.properties ?? {})) properties.set(name, readSetShape(member))
  for (const branch of schema.anyOf ?? []) {
    const shape = readSetShape(branch)
    items ??= shape.items
    for (const [name, member] of shape.properties) properties.set(name, member)
  }
  return { isSet: schema['x-set'] === true, items, properties }
}

/**
 * RFC 8785 text of `value`.
 * @throws PolicyError `ERR_POLICY_MALFORMED` for what JSON cannot say: a number that is not finite, a lone surrogate
 */
export function writeCanonical(value: unknown, shape?: SetShape): string {
  if (typeof value === 'string') return writeString(value)
  if (typeof value === 'number') {
    // RFC 8785 §3.2.2.3: ECMAScript's own shortest form, which has no NaN and no infinity.
    if (!Number.isFinite(value)) throw new PolicyError('ERR_POLICY_MALFORMED', 'the decision has a number that is not finite')
    return String(Object.is(value, -0) ? 0 : value)
  }
  if (Array.isArray(value)) {
    const texts = value.map(item => writeCanonical(item, shape?.items))
    // RFC 8785 sorts names by UTF-16 code units; elements are sorted the same way, by their own text.
    return `[${(shape?.isSet ? [...new Set(texts)].sort() : texts).join(',')}]`
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${members.map(([name, member]) => `${writeString(name)}:${writeCanonical(member, shape?.properties.get(name))}`).join(',')}}`
  }
  if (value === null || typeof value === 'boolean') return String(value)
  throw new PolicyError('ERR_POLICY_MALFORMED', `the decision has a value of type ${typeof value}`)
}

function writeString(text: string): string {
  if (!text.isWellFormed()) throw new PolicyError('ERR_POLICY_MALFORMED', 'the decision has text that is not Unicode')
  return JSON.stringify(text)
}
