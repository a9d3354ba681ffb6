// A call to show to many: an input that both versions decide as they decided a recorded one, and in which every value is a word of a source.
// Values of callers are tried for without, then as each word of the source; one that neither version can do without makes no example.
import { entrypoints } from '../../../rego/index.ts'
import type { Decision, PolicySource } from '../../../rego/index.ts'
import type { Engine } from './engine.ts'
import type { Vocabulary } from './vocabulary.ts'

type Path = readonly (string | number)[]
type Members = { readonly [name: string]: unknown }

/** What an example may say: words that stand in a source, and those of them that a value is tried as. */
export interface Sayable { readonly vocabulary: Vocabulary; readonly words: Words }

/** What a value is tried as, of each kind: two decisions for each. */
const maxWords = 128
const maxFileChars = 1_048_576
/** Members inside one another that are tried one by one. */
const maxDepth = 5

/** Texts and numbers that a value may be replaced by; of numbers also their neighbours, for what is compared. */
export interface Words { readonly texts: readonly string[]; readonly numbers: readonly number[] }

export function wordsOf(sources: readonly (PolicySource | undefined)[]): Words {
  const [texts, numbers] = [new Set(['x', '']), new Set([0, 1])]
  for (const [name, bytes] of sources.flatMap((files) => [...files ?? []])) {
    if (name.endsWith('.schema.json') || name.endsWith('_test.rego')) continue
    const source = Buffer.from(bytes).toString('utf8').slice(0, maxFileChars)
    for (const [, text = ''] of source.matchAll(/"([^"\\\n]{1,64})"/g)) if (texts.size < maxWords) texts.add(text)
    for (const [digits] of source.matchAll(/\d{1,15}/g)) if (numbers.size < maxWords) for (const near of [0, 1, -1]) numbers.add(Number(digits) + near)
  }
  return { texts: [...texts], numbers: [...numbers] }
}

/** Undefined where what decides is something that no source says. */
export function exampleOf(input: object, engines: readonly Engine[], { vocabulary, words }: Sayable): object | undefined {
  const answers = engines.map((engine) => told(engine.decide(input).decision))
  const isSame = (asked: object): boolean => engines.every((engine, at) => told(engine.decide(asked).decision) === answers[at])
  let kept = smallest(input, engines.at(-1), isSame)
  // Behind a dot in the source, which makes no word by itself.
  const read = new Set(engines.flatMap(({ bundle }) => bundle.inputs[entrypoints.decision] ?? []).flat())
  for (const path of namesIn(kept)) {
    const name = String(path.at(-1))
    if (read.has(name) || vocabulary.has(name)) continue
    const tried = changed(kept, path, undefined) as object
    if (!isSame(tried)) return undefined
    kept = tried
  }
  for (const [path, value] of valuesIn(kept)) {
    if (isPublic(value, vocabulary)) continue
    const found = (typeof value === 'number' ? words.numbers : words.texts).find((word) => isSame(changed(kept, path, word) as object))
    if (found === undefined) return undefined
    kept = changed(kept, path, found) as object
  }
  return kept
}

/** All of a decision but what its rules say in words: those may quote. */
function told({ reasons, ...others }: Decision): string {
  return JSON.stringify([others, reasons.map(({ id, mode, controls, severity }) => [id, mode, controls, severity])])
}

function isPublic(value: unknown, vocabulary: Vocabulary): boolean {
  if (typeof value === 'string') return vocabulary.has(value)
  return typeof value !== 'number' || (Number.isInteger(value) && value >= 0 && value <= 9) || vocabulary.has(String(value))
}

/** Without every member that neither version needs for what it decides: what is left is why. */
function smallest(input: object, head: Engine | undefined, isSame: (asked: object) => boolean): object {
  let kept = JSON.parse(head?.prune(input) ?? '{}') as object
  if (!isSame(kept)) kept = input
  for (const path of pathsIn(kept, maxDepth)) {
    const tried = changed(kept, path, undefined) as object
    if (isSame(tried)) kept = tried
  }
  return kept
}

/** Members before what is in them: a whole branch may go at once. */
function pathsIn(value: unknown, depth: number): Path[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth === 0) return []
  return Object.entries(value).flatMap(([name, member]) => [[name], ...pathsIn(member, depth - 1).map((path) => [name, ...path])])
}

/** Members that a caller may have named: all else in an input is the schema's. */
function namesIn(input: object): Path[] {
  const all = (value: unknown, path: Path): Path[] => {
    if (typeof value !== 'object' || value === null) return []
    if (Array.isArray(value)) return value.flatMap((item, at) => all(item, [...path, at]))
    return Object.entries(value).flatMap(([name, member]) => [...all(member, [...path, name]), [...path, name]])
  }
  return all(input, []).filter((path) => (path[0] === 'request' && path.length > 2) || path.includes('claims') || path.length > 4)
}

function valuesIn(value: unknown, path: Path = []): (readonly [Path, unknown])[] {
  if (typeof value !== 'object' || value === null) return [[path, value]]
  return (Array.isArray(value) ? value.map((item, at) => [at, item] as const) : Object.entries(value)).flatMap(([name, member]) => valuesIn(member, [...path, name]))
}

/** A copy with another value at `path`; `undefined` leaves the member out. A path that is gone already changes nothing. */
function changed(value: unknown, [name, ...rest]: Path, to: unknown): unknown {
  if (name === undefined) return to
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return value
  const member = changed((value as Members)[name], rest, to)
  if (Array.isArray(value)) return value.with(Number(name), member)
  return Object.fromEntries(Object.entries(value).flatMap(([other, kept]) => other !== String(name) ? [[other, kept]] : member === undefined ? [] : [[other, member]]))
}
