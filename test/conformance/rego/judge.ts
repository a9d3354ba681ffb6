// Whether an answer is the one that a case wants: sets have no order, numbers are compared by value and not by their digits.
import { compareValues } from '../../../rego/builtins/text.ts'
import { writeValueText } from '../../../rego/builtins/value.ts'
import type { Value } from '../../../rego/builtins/value.ts'
import type { OpaCase } from './case.ts'

/** As OPA turns its values into JSON: a set is its sorted list, a name that is no string is its text. */
export function toJson(value: Value): Value {
  if (typeof value !== 'object' || value === null || 'number' in value) return value
  if ('array' in value) return { array: value.array.map(toJson) }
  if ('set' in value) return { array: [...value.set].sort(compareValues).map(toJson) }
  return { object: value.object.map(([name, member]) => [typeof name === 'string' ? name : writeValueText(toJson(name)), toJson(member)] as const) }
}

/** One text for equal values. @param isUnordered lists of the same elements are equal, however deep */
export function canonical(value: Value, isUnordered = false): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if ('number' in value) return canonicalNumber(value.number)
  if ('object' in value) return `{${value.object.map(([name, member]) => `${canonical(name, isUnordered)}:${canonical(member, isUnordered)}`).sort().join(',')}}`
  const items = ('array' in value ? value.array : value.set).map(item => canonical(item, isUnordered))
  if (isUnordered || 'set' in value) items.sort()
  return `[${items.join(',')}]`
}

// 1, 1.0 and 10e-1 are one number: digits without zeros around them, and where the point is.
function canonicalNumber(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/.exec(text) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  if (kept === '') return '0'
  return `${sign}${kept}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - kept.length)}`
}

/** @param answers one object of bindings each @param isUnordered for an engine that does not tell sets from lists */
export function isWanted(one: OpaCase, answers: readonly Value[], isUnordered = false): boolean {
  const text = (list: readonly Value[]) => [...new Set(list.map(answer => canonical(one.sortBindings ? sorted(toJson(answer)) : toJson(answer), isUnordered)))].sort().join('\n')
  return text(answers) === text(one.want ?? [])
}

function sorted(bindings: Value): Value {
  if (typeof bindings !== 'object' || bindings === null || !('object' in bindings)) return bindings
  return { object: bindings.object.map(([name, value]) => [name, typeof value === 'object' && value !== null && 'array' in value ? { array: [...value.array].sort(compareValues) } : value] as const) }
}
