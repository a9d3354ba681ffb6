// Which parts of a change no recorded call meets, clause by clause: a second `allow` has the id of the first, and a list in data has none, so ids
// alone would let them pass. Clauses are asked of OPA's interpreter, which says what it went through; data of the module, with and without.
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { inspectPolicies, PolicyError, shippedCapabilities, testPolicies } from '../../../rego/index.ts'
import type { FileCoverage, InspectedRule, PolicySource, Toolchain } from '../../../rego/index.ts'
import type { Corpus } from './corpus.ts'
import { engineOf } from './engine.ts'
import type { Engine } from './engine.ts'
import { spread } from './spread.ts'
import type { PolicyVersion } from './version.ts'

/** Of one run of the interpreter. */
const deadlineMs = 120_000
/** Characters of the inputs that it is asked about: some 1,000 calls. */
const maxAsked = 2_097_152
/** Of data that differ, each a module with other data and a replay; those beyond are taken as unmet. */
const maxDataPlaces = 64

/** `isAlone`: no other begins in its row, which coverage could not tell apart. */
interface Clause { readonly file: string; readonly row: number; readonly end: number; readonly hasElse: boolean; readonly isAlone: boolean; readonly key: string }
/** By the name that it gives. */
const plainImport = /^import [A-Za-z0-9_.]+(?: as)?(?<=[ .])([A-Za-z0-9_]+)$/
type Side = Pick<PolicyVersion, 'files' | 'engine'>

/**
 * @param places rows that differ most, for the interpreter
 * @returns `file:row` of clauses that only one side has and that no call goes through, and places of data whose change no decision shows
 */
export async function findUnmet(corpus: Corpus, places: readonly number[], base: Side, head: Side, toolchain: Toolchain): Promise<readonly string[]> {
  if (base.files === undefined || head.files === undefined || base.engine.behaviour === head.engine.behaviour || corpus.header.rows === 0) return []
  const [before, after] = await Promise.all([clausesOf(base.files, toolchain), clausesOf(head.files, toolchain)])
  const [come, gone] = [without(after, before), without(before, after)]
  const unmet = [...await notGoneThrough(corpus, places, head.files, come, toolchain), ...await notGoneThrough(corpus, places, base.files, gone, toolchain)]
  return [...new Set([...unmet, ...unreadData(corpus, places, base.engine, head.engine)])].toSorted()
}

async function clausesOf(files: PolicySource, toolchain: Toolchain): Promise<readonly Clause[]> {
  const packages = await inspectPolicies({ files, toolchain })
  return packages.flatMap(({ package: name, rules }) => Map.groupBy(rules, ({ file }) => file).entries().toArray().flatMap(([file, own]) => clausesOfFile(name, file, own, files)))
}

/** By what it says, not by where: a clause that was moved is the same. An import that it uses is part of what it says. */
function clausesOfFile(name: string, file: string, rules: readonly InspectedRule[], files: PolicySource): readonly Clause[] {
  const lines = Buffer.from(files.get(file) ?? new Uint8Array(0)).toString('utf8').split('\n')
  const ordered = rules.toSorted((a, b) => a.row - b.row)
  const imports = lines.slice(0, (ordered[0]?.row ?? 1) - 1).map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#') && !line.startsWith('package '))
  return ordered.map(({ row, has_else: hasElse = false }, at) => {
    const end = (ordered[at + 1]?.row ?? lines.length + 1) - 1
    const written = lines.slice(row - 1, Math.max(row, end))
    // In a string of several lines each of them counts, whatever it looks like.
    const said = written.some((line) => line.split('`').length % 2 === 0) ? written : written.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
    const words = new Set(said.join(' ').match(/[A-Za-z_][A-Za-z0-9_]*/g))
    const used = imports.filter((line) => isUsed(line, words))
    return { file, row, end: Math.max(row, end), hasElse, isAlone: ordered[at - 1]?.row !== row && ordered[at + 1]?.row !== row, key: JSON.stringify([name, used, said]) }
  })
}

/** What is not written plainly may be used by any. */
function isUsed(line: string, words: ReadonlySet<string>): boolean {
  const name = plainImport.exec(line)?.[1]
  return name === undefined || words.has(name)
}

function without(clauses: readonly Clause[], others: readonly Clause[]): readonly Clause[] {
  const known = new Set(others.map(({ key }) => key))
  return clauses.filter(({ key }) => !known.has(key))
}

async function notGoneThrough(corpus: Corpus, places: readonly number[], files: PolicySource, clauses: readonly Clause[], toolchain: Toolchain): Promise<readonly string[]> {
  if (clauses.length === 0) return []
  // As literals of a test whose name nobody can know: a policy that could see that it is reviewed could go through all that it has.
  const name = `replay_${randomBytes(8).toString('hex')}_test`
  const asked: string[] = []
  let size = 0
  for (const [at, place] of places.entries()) {
    const text = `test_${at} if data.countersign.request.decision with input as ${JSON.stringify(corpus.row(place).input)}\n`
    size += text.length
    if (size > maxAsked) break
    asked.push(text)
  }
  const place = [...files.keys()].some((file) => file.startsWith('policy/')) ? `policy/${name}.rego` : `${name}.rego`
  const spreads = new Map([...files].filter(([file]) => file.endsWith('.rego') && !file.endsWith('_test.rego')).map(([file, bytes]) => [file, spread(Buffer.from(bytes).toString('utf8'))]))
  const source = new Map([...[...files].filter(([file]) => !file.endsWith('_test.rego')), ...[...spreads].map(([file, { text }]): [string, Uint8Array] => [file, Buffer.from(text)]), [place, Buffer.from(`package ${name}\n\n${asked.join('\n')}`)]])
  const seen = await coverageOf(source, toolchain)
  return clauses.filter((clause) => !isGoneThrough(clause, seen[clause.file], spreads.get(clause.file)?.rows ?? [])).map(({ file, row }) => `${file}:${row}`)
}

/** What the interpreter cannot go through at all, it was not shown to go through. */
async function coverageOf(files: PolicySource, toolchain: Toolchain): Promise<Readonly<Record<string, FileCoverage>>> {
  try {
    return (await testPolicies({ files, capabilities: shippedCapabilities(), coverage: true, deadlineMs, toolchain })).coverage?.files ?? {}
  } catch (cause) {
    if (cause instanceof PolicyError) return {}
    throw cause
  }
}

/** Its head is gone through once its body holds; of a chain of `else` each link has a head. */
function isGoneThrough({ row, end, hasElse, isAlone }: Clause, seen: FileCoverage | undefined, rows: readonly number[]): boolean {
  const [first, next] = [rows[row - 1], rows[end] ?? Infinity]
  if (first === undefined || !isAlone) return false
  const isHeld = (seen?.covered ?? []).some((range) => range.start.row <= first && range.end.row >= first)
  return isHeld && !(hasElse && (seen?.not_covered ?? []).some((range) => range.start.row < next && range.end.row >= first))
}

/** Head with one place of its data as base has it: if each call is decided the same, none shows what was changed there. */
function unreadData(corpus: Corpus, places: readonly number[], base: Engine, head: Engine): readonly string[] {
  const [before, after] = [base, head].map(({ bundle }) => JSON.parse(bundle.data) as Json) as [Json, Json]
  const inputs = places.map((place) => corpus.row(place).input)
  const decided = inputs.map((input) => head.decide(input).canonical)
  return changedPlaces(before, after, []).filter((path, at) => at >= maxDataPlaces || !isShown(path)).map(told)

  function isShown(path: readonly string[]): boolean {
    const other = engineOf({ ...head.bundle, data: JSON.stringify(restored(after, before, path)) })
    try {
      return inputs.some((input, at) => Buffer.compare(other.decide(input).canonical, decided[at] ?? nothing) !== 0)
    } finally {
      other.close()
    }
  }
}

/** Down to where one side has nothing, or something else than an object: a list is one value. */
function changedPlaces(before: Json, after: Json, path: readonly string[]): (readonly string[])[] {
  if (isDeepStrictEqual(before, after)) return []
  if (!isObject(before) || !isObject(after)) return [path]
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted().flatMap((name) => changedPlaces(own(before, name), own(after, name), [...path, name]))
}

/** `value` with what `source` has at `path`; nothing, where it has nothing. */
function restored(value: Json, source: Json, path: readonly string[]): Json {
  const [name, ...rest] = path
  if (name === undefined) return source
  const changed = restored(own(value, name), own(source, name), rest)
  const others = isObject(value) ? Object.entries(value).filter(([one]) => one !== name) : []
  return Object.fromEntries(changed === undefined ? others : [...others, [name, changed]])
}

type Json = unknown

function isObject(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function own(value: Json, name: string): Json {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
}

function told(path: readonly string[]): string {
  return ['data', ...path.map((name) => name.length <= 64 ? name : `${name.slice(0, 64)}…`)].join('.')
}

const nothing = new Uint8Array(0)
