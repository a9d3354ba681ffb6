// What a plain scalar of YAML stands for, as go.yaml.in/yaml/v3 resolves it: YAML 1.2's core schema, with 1.1's octals and underscores.
import type { Value } from '../value.ts'

const words: Readonly<Record<string, null | boolean>> = { '': null, '~': null, null: null, Null: null, NULL: null, true: true, True: true, TRUE: true, false: false, False: false, FALSE: false }
const noNumbers = /^[+-]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$/
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/

export class NoYaml extends Error {}

export type Tag = 'null' | 'bool' | 'int' | 'float' | 'str'

/** @throws NoYaml for a number that JSON does not have */
export function resolveScalar(text: string): { readonly tag: Tag; readonly value: Value } {
  if (Object.hasOwn(words, text)) {
    const value = words[text] ?? null
    return { tag: value === null ? 'null' : 'bool', value }
  }
  if (noNumbers.test(text)) throw new NoYaml()
  // A date is text on its way to JSON.
  if (/^[0-9]{4}-[0-9]/.test(text)) return { tag: 'str', value: text }
  if (/^[-+0-9]/.test(text)) {
    const plain = text.replaceAll('_', '')
    const integer = integerIn(plain)
    if (integer !== undefined) return { tag: 'int', value: { number: String(integer) } }
    if (float.test(plain) && Number.isFinite(Number(plain))) return floatOf(Number(plain))
  } else if (/^\.[0-9]/.test(text) && float.test(text) && Number.isFinite(Number(text))) return floatOf(Number(text))
  return { tag: 'str', value: text }
}

function floatOf(value: number): { readonly tag: 'float'; readonly value: Value } {
  return { tag: 'float', value: { number: Object.is(value, -0) ? '-0' : String(value) } }
}

// Go's ParseInt with base 0, from an int64's least to a uint64's most.
function integerIn(text: string): bigint | undefined {
  const [, sign = '', digits = ''] = /^([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9][0-9]*)$/.exec(text) ?? []
  if (digits === '' || digits.length > 66) return undefined
  const octal = /^0([0-7]+)$/.exec(digits)?.[1]
  const magnitude = BigInt(octal === undefined ? digits.toLowerCase() : `0o${octal}`)
  const value = sign === '-' ? -magnitude : magnitude
  return value >= -(2n ** 63n) && value < (sign === '' ? 2n ** 64n : 2n ** 63n) ? value : undefined
}
