// The arrows between the folders and the countable rules of the house style, checked over import specifiers and file sizes.
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'

const root = path.join(import.meta.dirname, '..')
const roots = ['gateway', 'rego', 'evidence', 'scripts', 'test']

/** Every .ts file of the project, as a path from the root. */
const files = roots.flatMap((top) => readdirSync(path.join(root, top), { recursive: true, encoding: 'utf8' }).map((file) => `${top}/${file}`))
  .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
const sources = files.filter((file) => !file.startsWith('test/'))
const text = new Map(files.map((file) => [file, readFileSync(path.join(root, file), 'utf8')]))

/** Files of ours that this one imports, static and dynamic. */
function imports(file: string): string[] {
  const found = [...(text.get(file) ?? '').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) => match[1] as string)
  return found.map((specifier) => path.posix.normalize(path.posix.join(path.posix.dirname(file), specifier)))
}

function violations(from: (file: string) => boolean, allowed: (to: string, file: string) => boolean): string[] {
  return sources.filter(from).flatMap((file) => imports(file).filter((to) => !allowed(to, file)).map((to) => `${file} → ${to}`))
}

/** Prose says "any" now and then. */
const withoutComments = (file: string) => (text.get(file) ?? '').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')

const inside = (folder: string) => (file: string) => file.startsWith(`${folder}/`)
const stages = ['connection', 'identity', 'sensitive', 'project', 'policy', 'approval', 'upstream', 'mask', 'record', 'state', 'decision-log']
const protocols = ['mcp', 'http', 'postgres', 'grpc', 'authzen']

test('rego imports nothing of ours', (t) => {
  t.deepEqual(violations(inside('rego'), (to) => to.startsWith('rego/')), [])
})

test('evidence can be used alone: only its audit knows rego, by its door', (t) => {
  t.deepEqual(violations(inside('evidence'), (to, file) => to.startsWith('evidence/') || (file.startsWith('evidence/audit/') && to === 'rego/index.ts')), [])
})

test('the judge shares no code path with the accused: verify never imports seal, keys or a package', (t) => {
  t.deepEqual(violations(inside('evidence/verify'), (to) => to.startsWith('evidence/verify/') || to === 'evidence/errors.ts'), [])
  const packages = sources.filter(inside('evidence/verify')).flatMap((file) => [...(text.get(file) ?? '').matchAll(/from '((?!node:)[^.'][^']*)'/g)].map((match) => `${file} → ${match[1]}`))
  t.deepEqual(packages, [])
})

test('the gateway enters rego and evidence by their doors only', (t) => {
  const allowed = new Set(['rego/index.ts', 'evidence/index.ts', 'rego/cli.ts', 'evidence/cli.ts'])
  t.deepEqual(violations(inside('gateway'), (to, file) => to.startsWith('gateway/') || (allowed.has(to) && (!to.endsWith('cli.ts') || file === 'gateway/cli.ts'))), [])
})

test('a stage imports the shared types and itself, never another stage and never a protocol', (t) => {
  const shared = ['call', 'errors', 'refusal', 'config'].map((name) => `gateway/${name}.ts`)
  const extra: Record<string, readonly string[]> = {
    project: ['gateway/sensitive/'], mask: ['gateway/sensitive/', 'rego/index.ts'],
    record: ['evidence/index.ts'], policy: ['rego/index.ts'],
    connection: ['gateway/protocol.ts'], upstream: ['gateway/protocol.ts'],
  }
  for (const stage of stages) {
    t.deepEqual(violations(inside(`gateway/${stage}`), (to) => to.startsWith(`gateway/${stage}/`) || shared.includes(to) || (extra[stage] ?? []).some((prefix) => to.startsWith(prefix))), [], stage)
  }
})

test('a protocol sees the contract and the masker, never another protocol', (t) => {
  const shared = ['call', 'caller', 'errors', 'refusal', 'protocol', 'config', 'ticket', 'mask/index'].map((name) => `gateway/${name}.ts`)
  for (const protocol of protocols) {
    t.deepEqual(violations(inside(`gateway/protocols/${protocol}`), (to) => to.startsWith(`gateway/protocols/${protocol}/`) || shared.includes(to)), [], protocol)
  }
})

test('scripts are imported by none', (t) => {
  t.deepEqual(violations((file) => !file.startsWith('scripts/'), (to) => !to.startsWith('scripts/')), [])
})

test('no files need each other in a circle, but those that walk one recursive tree', (t) => {
  const walkers = ['facts', 'lineage'].map((folder) => `gateway/protocols/postgres/sql/${folder}/`)
  /** Types are gone when the program runs. */
  const needs = new Map(sources.map((file) => [file, [...(text.get(file) ?? '').matchAll(/^(?:import|export) (?!type\b)[^;]*? from '(\.[^']+)'/gm)].map((match) => path.posix.join(path.posix.dirname(file), match[1] as string))]))
  const reached = new Map<string, Set<string>>()
  const reach = (file: string): Set<string> => {
    const known = reached.get(file)
    if (known !== undefined) return known
    const all = new Set<string>()
    const open = [...needs.get(file) ?? []]
    for (let next = open.pop(); next !== undefined; next = open.pop()) if (!all.has(next)) { all.add(next); open.push(...needs.get(next) ?? []) }
    reached.set(file, all)
    return all
  }
  t.deepEqual(sources.filter((file) => reach(file).has(file) && !walkers.some((folder) => file.startsWith(folder))), [])
  t.true(reach('gateway/gateway.ts').has('gateway/pipeline.ts'), 'imports are found')
})

test('permits have one maker and masked parts have one maker', (t) => {
  const takers = sources.filter((file) => file !== 'gateway/call.ts' && (text.get(file) ?? '').includes('.takeIssuer('))
  t.deepEqual(takers.toSorted(), ['gateway/mask/part.ts', 'gateway/record/intent.ts'])
})

test('no file is longer than 500 lines and the median source file is at most 130', (t) => {
  const lengths = sources.map((file) => [file, (text.get(file) ?? '').split('\n').length - 1] as const)
  t.deepEqual(lengths.filter(([, lines]) => lines > 500), [])
  const sorted = lengths.map(([, lines]) => lines).toSorted((a, b) => a - b)
  t.true((sorted[Math.floor(sorted.length / 2)] ?? 0) <= 130, `median is ${sorted[Math.floor(sorted.length / 2)]}`)
})

// ava (8.1) forgets to look again after a test's own, longer time: a file that does not end would then hold the run for ever.
test('no test asks for as much time as the run may be idle', (t) => {
  const { ava } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { ava: { timeout: string } }
  const idleMs = Number(/^(\d+)m$/.exec(ava.timeout)?.[1]) * 60_000
  const asked = files.filter((file) => file.endsWith('.test.ts')).flatMap((file) => [...(text.get(file) ?? '').matchAll(/(?:\.timeout\(|timeoutMs = )([\d_]+)/g)].map((match) => ({ file, ms: Number((match[1] ?? '').replaceAll('_', '')) })))
  t.deepEqual(asked.filter(({ ms }) => !(ms < idleMs)), [])
  t.true(asked.length > 30, 'times are found')
})

test('no folder or file is named for having no name', (t) => {
  t.deepEqual(files.filter((file) => /(^|\/)(utils?|helpers?|common|managers?|services?|shared|core|misc)(\/|\.ts$)/.test(file)), [])
})

test('no type is typed away, and only entry points read the environment or write to the terminal', (t) => {
  t.deepEqual(sources.filter((file) => /(:|\bas|<)\s*any\b|@ts-ignore/.test(withoutComments(file))), [])
  const entry = /(^|\/)(main|cli|[a-z-]+-cli|start)\.ts$|^scripts\//
  t.deepEqual(sources.filter((file) => !entry.test(file) && /\bprocess\.env\b|\bconsole\.(log|error|warn|info)\(/.test(text.get(file) ?? '')), [])
})

test('every source file says in its first line what it is', (t) => {
  t.deepEqual(sources.filter((file) => !/^(#!.*\n)?(\/\/|\/\*\*)/.test(text.get(file) ?? '')), [])
})
