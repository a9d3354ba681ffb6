// Three engines, one answer: calls of every built-in function that a policy may use, with mutated arguments, through our host, through
// plain opa-wasm and through OPA's own evaluator. Disagreements between ours and OPA's are printed; those that are known are counted.
import { hostBuiltins } from '../../rego/builtins/index.ts'
import { jsonOf } from '../../rego/builtins/marshal.ts'
import { keyOf } from '../../rego/builtins/operand.ts'
import { parseValueText, writeValueText } from '../../rego/builtins/value.ts'
import type { Value } from '../../rego/builtins/value.ts'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { PolicyError, readBundle } from '../../rego/index.ts'
import { Toolchain } from '../../rego/toolchain/process.ts'
import { ours as ourEngine, plain as plainEngine, textBuiltin, textDeclaration } from '../conformance/rego/engines.ts'
import { hidden, readCall } from '../rego/builtins/agree.ts'
import { families } from '../rego/builtins/calls.ts'
import { known } from './rego-known.ts'

// Of a number or network that is large, these make more than anybody waits for.
const growing = /^(?:numbers\.range|bits\.lsh|net\.cidr_expand)/
const batchSize = 48
const deadlineMs = 20_000
const maxShown = 40
const spent = 'gave up: the evaluation took more steps than it may'

interface Declared { readonly name: string; readonly deprecated?: boolean; readonly relation?: boolean; readonly decl: { readonly args?: readonly Type[] } }
interface Type { readonly type: string }

type Random = (below: number) => number

/** @returns 1 when a disagreement was found that is not known */
export async function fuzzRego(seconds: number, random: Random): Promise<number> {
  const capabilities = shippedCapabilities() as { readonly builtins: readonly Declared[] }
  const withText = { ...capabilities, builtins: [...capabilities.builtins, textDeclaration] }
  const generate = createGenerator(capabilities.builtins, random)
  const counts = { calls: 0, defined: 0, ours: 0, plain: 0, known: 0, endless: 0 }
  const shown: string[] = []
  const explained = new Map<string, number>()
  using toolchain = new Toolchain()
  for (const end = performance.now() + seconds * 1_000; performance.now() < end;) {
    const calls = Array.from({ length: batchSize }, generate)
    const theirs = await askTopdown(toolchain, calls)
    if (theirs === undefined) { counts.endless++; continue }
    const files = { 'calls.rego': moduleOf(calls) }
    const { findings, result } = await toolchain.request({ cmd: 'bundle', files, entrypoints: calls.map((_call, at) => `calls/answer_${at}`), capabilities: withText, revision: 'fuzz', metadata: { serial: 0, compiler_digest: '0'.repeat(64), source_digest: '0'.repeat(64) } }, deadlineMs)
    if (findings.length > 0) throw new Error(findings.map(({ message }) => message).join('; '))
    const bundle = readBundle(Buffer.from((result as { readonly bundle: string }).bundle, 'base64'))
    const [ours, plain] = [ourEngine.open(bundle), plainEngine.open(bundle)]
    for (const [at, call] of calls.entries()) {
      const own = answerOf(() => ours(`calls/answer_${at}`, undefined)[0])
      // What burns all fuel here never comes back there.
      const other = own === spent ? own : answerOf(() => plain(`calls/answer_${at}`, undefined)[0])
      const wanted = theirs[at]
      counts.calls++
      if (wanted !== undefined) counts.defined++
      if (other !== wanted) counts.plain++
      if (own === wanted) continue
      counts.ours++
      const why = known(readCall(call), own, wanted)
      if (why !== undefined) { counts.known++; explained.set(why, (explained.get(why) ?? 0) + 1) }
      else if (shown.length < maxShown) shown.push(`${call.slice(0, 400)}\n    ours: ${(own ?? 'undefined').slice(0, 300)}\n    OPA:  ${(wanted ?? 'undefined').slice(0, 300)}`)
    }
  }
  for (const line of shown) process.stdout.write(`DIFFERS ${line}\n`)
  for (const [why, count] of [...explained].sort(([, a], [, b]) => b - a)) process.stdout.write(`known, ${count} times: ${why}\n`)
  const unknown = counts.ours - counts.known
  process.stdout.write(`${counts.calls} calls, ${counts.defined} with an answer; other than OPA's evaluator: ours ${counts.ours} (${counts.known} known, ${unknown} not), plain opa-wasm ${counts.plain}; ${counts.endless} batches that OPA did not come to an end with\n`)
  return unknown === 0 ? 0 : 1
}

// A rule for each call, so that one that aborts does not take the others with it. The second part says what a set is.
function moduleOf(calls: readonly string[]): string {
  return `package calls\n\n${calls.map((call, at) => `answer_${at} := [[answer, ${textBuiltin}(answer)]] if {\n\tanswer := ${hidden(call)}\n}\n`).join('\n')}`
}

async function askTopdown(toolchain: Toolchain, calls: readonly string[]): Promise<readonly (string | undefined)[] | undefined> {
  const answers = calls.map(call => `[x | x := ${hidden(call)}]`)
  try {
    const { findings, result } = await toolchain.request({ cmd: 'eval', files: { 'calls.rego': `package calls\n\nanswers := [${answers.join(',\n')}]\n` }, query: 'json.marshal(data.calls.answers)', inputs: [{}] }, deadlineMs)
    if (findings.length > 0) throw new Error(findings.map(({ message }) => message).join('; '))
    const [{ value, error }] = result as [{ readonly value?: string; readonly error?: string }]
    if (value === undefined) throw new Error(error)
    const list = parseValueText(value) as { readonly array: readonly { readonly array: readonly Value[] }[] }
    return list.array.map(({ array: [answer] }) => answer === undefined ? undefined : keyOf(answer))
  } catch (cause) {
    if (cause instanceof PolicyError && cause.code === 'ERR_TOOLCHAIN_DEADLINE') return undefined
    throw cause
  }
}

function answerOf(ask: () => Value | undefined): string | undefined {
  try {
    const answer = ask()
    return answer === undefined ? undefined : keyOf(jsonOf(answer))
  } catch (cause) {
    return `gave up: ${cause instanceof Error ? cause.message : JSON.stringify(cause)}`
  }
}

const texts = ['', 'a', 'abc', 'é😀', '\u0000\u001f', '<&>\u2028', '"\\', '1', '01', '1.0', '-1e3', '1d2h', '0x1f', ' x ', '/a/0', '~1~0', 'http://u@h:80/p?q=1#f', '10.0.0.0/8', '::1/64', '1.2.3-a.1+b', 'aGk=', 'e30', 'zz', '2021-01-02T03:04:05Z', 'UTC', 'Europe/Berlin', '(a|b)*c?', '[a-z]+', '{{.a}}', '{"a":[1]}', 'a: [1, 2]', 'query { a }', '%41+%zz', 'x'.repeat(300), 'a,b,,c', '\t\n', 'İ', 'ß', '\ufffd']
const numbers = ['0', '1', '-1', '2', '3.5', '-0.5', '1e3', '1e21', '1E-7', '9007199254740993', '9223372036854775807', '-9223372036854775808', '18446744073709551616', '123456789012345678901234567890', '0.1', '100', '65', '1.0', '2147483648']

function createGenerator(declared: readonly Declared[], random: Random): () => string {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
  const seeds = Object.values(families).flat()
  const usable = declared.filter(({ name, deprecated, relation }) => !growing.test(name) && relation !== true && deprecated !== true && !/^(?:assign|eq|print|trace|internal\.|rego\.|walk$|cast_)/.test(name))
  const supplied = usable.filter(({ name }) => hostBuiltins.has(name))
  const text = (): string => {
    const base = pick(texts)
    switch (random(5)) {
      case 0: return base + pick(texts)
      case 1: return base.slice(0, random(base.length + 1))
      default: return base
    }
  }
  const any = (depth: number): Value => {
    switch (random(depth > 2 ? 5 : 9)) {
      case 0: return null
      case 1: return random(2) === 0
      case 2: return { number: pick(numbers) }
      case 3:
      case 4: return text()
      case 5: return { array: Array.from({ length: random(4) }, () => any(depth + 1)) }
      case 6: return { set: unique(Array.from({ length: random(4) }, () => any(depth + 1))) }
      default: return { object: [...new Map(Array.from({ length: random(4) }, () => [random(5) === 0 ? any(depth + 1) : text(), any(depth + 1)] as const).map(pair => [keyOf(pair[0]), pair])).values()] }
    }
  }
  const ofType = ({ type }: Type): Value => {
    if (random(12) === 0) return any(0)
    if (type === 'string') return text()
    if (type === 'number') return { number: pick(numbers) }
    if (type === 'boolean') return random(2) === 0
    if (type === 'array') return { array: Array.from({ length: random(4) }, () => random(2) === 0 ? text() : any(1)) }
    if (type === 'set') return { set: unique(Array.from({ length: random(4) }, () => random(2) === 0 ? text() : any(1))) }
    if (type === 'object') return { object: unique(Array.from({ length: random(4) }, text)).map(name => [name, any(1)] as const) }
    return any(0)
  }
  const write = (name: string, values: readonly Value[]) => `${name}(${values.map(writeValueText).join(',')})`
  return () => {
    if (random(2) === 0) {
      const { name, values } = readCall(pick(seeds))
      if (growing.test(name)) return write(name, values)
      const at = random(values.length)
      const old = values[at]
      return write(name, values.with(at, typeof old === 'string' && random(3) > 0 ? mutate(old) : random(2) === 0 ? any(0) : old ?? null))
    }
    const builtin = pick(random(4) === 0 ? usable : supplied)
    return write(builtin.name, (builtin.decl.args ?? []).map(ofType))
  }

  function mutate(old: string): string {
    const characters = [...old]
    const at = random(characters.length + 1)
    switch (random(4)) {
      case 0: return characters.toSpliced(at, 1).join('')
      case 1: return characters.toSpliced(at, 0, pick([...'0123456789.-+:/%[](){}*?\\$ #"\'aZéT'])).join('')
      case 2: return characters.toSpliced(at, 0, ...characters.slice(random(characters.length + 1), at)).join('').slice(0, 2_000)
      default: return old + pick(texts)
    }
  }
}

function unique<T extends Value>(values: readonly T[]): readonly T[] {
  return [...new Map(values.map(value => [keyOf(value), value])).values()]
}
