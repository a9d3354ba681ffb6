// `semver.*`: Semantic Versioning 2.0.0 as OPA reads it, with a leading `v` allowed and numbers up to 64 bits.
import { number, ofTexts } from './operand.ts'
import type { Family } from './operand.ts'
import type { Value } from './value.ts'

interface Version { readonly numbers: readonly bigint[]; readonly preRelease: readonly string[] }

export const semver: Family = [
  ['semver.is_valid', text => typeof text === 'string' && parseVersion(text) !== undefined],
  ['semver.compare', ofTexts(compare)],
]

const identifiers = /^[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*$/

function parseVersion(text: string): Version | undefined {
  const [, core = '', , preRelease, , metadata] = /^v?([^+-]*)(-([^+]*))?(\+([^]*))?$/.exec(text) ?? []
  if (metadata !== undefined && !identifiers.test(metadata)) return undefined
  if (preRelease !== undefined && (!identifiers.test(preRelease) || preRelease.split('.').some(part => /^0[0-9]+$/.test(part)))) return undefined
  const parts = core.split('.')
  if (parts.length !== 3 || !parts.every(part => /^(?:0|[1-9][0-9]{0,18})$/.test(part))) return undefined
  const numbers = parts.map(BigInt)
  if (numbers.some(part => part !== BigInt.asIntN(64, part))) return undefined
  return { numbers, preRelease: preRelease?.split('.') ?? [] }
}

function compare(left: string, right: string): Value | undefined {
  const [a, b] = [parseVersion(left), parseVersion(right)]
  return a && b && number(compareVersions(a, b))
}

function compareVersions(a: Version, b: Version): number {
  for (const [at, part] of a.numbers.entries()) {
    const other = b.numbers[at] ?? 0n
    if (part !== other) return part < other ? -1 : 1
  }
  if (a.preRelease.length === 0 || b.preRelease.length === 0) return Number(a.preRelease.length === 0) - Number(b.preRelease.length === 0)
  for (const [at, part] of a.preRelease.entries()) {
    const other = b.preRelease[at]
    if (other === undefined) return 1
    const order = comparePart(part, other)
    if (order !== 0) return order
  }
  return a.preRelease.length < b.preRelease.length ? -1 : 0
}

// §11.4: numbers come before words.
function comparePart(a: string, b: string): number {
  const [isNumber, isOtherNumber] = [/^[0-9]+$/.test(a), /^[0-9]+$/.test(b)]
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1
  if (!isNumber) return a < b ? -1 : a > b ? 1 : 0
  const [x, y] = [clamp(BigInt(a)), clamp(BigInt(b))]
  return x < y ? -1 : x > y ? 1 : 0
}

// Go's Atoi says the largest int for anything larger.
function clamp(value: bigint): bigint {
  const largest = 2n ** 63n - 1n
  return value > largest ? largest : value
}
