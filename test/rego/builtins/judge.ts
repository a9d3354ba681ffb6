// OPA's own evaluator as the judge of our built-ins: the same arguments through both, and what differs.
import type { Family } from '../../../rego/builtins/operand.ts'
import { compareValues } from '../../../rego/builtins/text.ts'
import type { Value } from '../../../rego/builtins/value.ts'
import { Toolchain } from '../../../rego/toolchain/process.ts'

/** Of a built-in, and its arguments as JSON text. */
export type Case = readonly [string, ...string[]]

/** `name(arguments): ours, OPA's` for each that differs. Errors of OPA's are undefined, as they are to a policy. */
export async function differences(family: Family, cases: readonly Case[]): Promise<readonly string[]> {
  const theirs = await topdown(cases)
  const wrong: string[] = []
  for (const [at, [name, ...texts]] of cases.entries()) {
    const ours = answer(family, name, ...texts.map(text => fromJson(JSON.parse(text, keepNumber))))
    const own = ours === undefined ? 'undefined' : JSON.stringify(JSON.parse(toJson(ours)))
    const opa = at in theirs ? JSON.stringify(sorted(theirs[at])) : 'undefined'
    if (JSON.stringify(sorted(own === 'undefined' ? own : JSON.parse(own))) !== JSON.stringify(sorted(opa === 'undefined' ? opa : JSON.parse(opa)))) wrong.push(`${name}(${texts.join(', ').slice(0, 300)}): ${own.slice(0, 500)}, OPA says ${opa.slice(0, 500)}`)
  }
  return wrong
}

/** Our own answer. */
export function answer(family: Family, name: string, ...values: Value[]): Value | undefined {
  const builtin = family.find(([known]) => known === name)?.[1]
  if (!builtin) throw new Error(`there is no ${name}`)
  return builtin(...values)
}

async function topdown(cases: readonly Case[]): Promise<Record<number, unknown>> {
  using toolchain = new Toolchain()
  const names = new Map<string, [string, number][]>()
  for (const [at, [name, ...texts]] of cases.entries()) names.set(name, [...names.get(name) ?? [], [texts.join(', '), at]])
  const rules = [...names.keys()].map(name => {
    const count = cases.find(([known]) => known === name)?.length ?? 1
    return `a contains [at, answer] if {\n\tsome at, args in data.cases["${name}"]\n\tanswer := ${name}(${Array.from({ length: count - 1 }, (_, index) => `args[${index}]`).join(', ')})\n}\n`
  })
  const data = [...names].map(([name, list]) => `${JSON.stringify(name)}: {${list.map(([texts, at]) => `"${at}": [${texts}]`).join(', ')}}`)
  const capabilities = await toolchain.request({ cmd: 'capabilities' })
  const { findings, result } = await toolchain.request({
    cmd: 'eval',
    files: { 'policy/t.rego': `package t\n\n${rules.join('\n')}`, 'data/data.json': `{"cases": {${data.join(', ')}}}` },
    capabilities: (capabilities.result as { capabilities: unknown }).capabilities,
    query: 'data.t.a',
    inputs: [{}],
  })
  if (findings.length > 0) throw new Error(findings.map(({ message }) => message).join('\n'))
  const [all] = result as { value: [string, unknown][] }[]
  return Object.fromEntries(all?.value ?? [])
}

// Numbers keep the digits they have.
function keepNumber(_: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' ? { number: context?.source ?? String(value) } : value
}

/** A value of JSON, in which a number may be `{number: "1"}` already. */
export function fromJson(value: unknown): Value {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return { number: String(value) }
  if (Array.isArray(value)) return { array: value.map(fromJson) }
  if (typeof value === 'object' && 'number' in value && typeof value.number === 'string' && Object.keys(value).length === 1) return { number: value.number }
  return { object: Object.entries(value as object).map(([name, member]) => [name, fromJson(member)] as const) }
}

function toJson(value: Value): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if ('number' in value) return value.number
  if ('array' in value) return `[${value.array.map(toJson).join(',')}]`
  if ('set' in value) return `[${[...value.set].sort(compareValues).map(toJson).join(',')}]`
  return `{${value.object.map(([name, member]) => `${JSON.stringify(typeof name === 'string' ? name : toJson(name))}:${toJson(member)}`).join(',')}}`
}

/** With the names of objects in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]))
}

/** The same numbers every time, from 0 to `below`. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
