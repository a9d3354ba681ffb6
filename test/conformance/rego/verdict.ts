// What became of each case: compiled by our compiler under our capabilities, asked of our host, and beside it of plain opa-wasm.
import { readBundle } from '../../../rego/index.ts'
import { writeValueText } from '../../../rego/builtins/value.ts'
import type { ToolchainRequest } from '../../../rego/toolchain/process.ts'
import { nameOf } from './case.ts'
import type { OpaCase } from './case.ts'
import type { Asking } from './compile.ts'
import { textBuiltin } from './engines.ts'
import type { Engine } from './engines.ts'
import { isWanted } from './judge.ts'

export interface Verdict {
  readonly name: string
  readonly family: string
  /** Why it failed; undefined: passed. */
  readonly ours: string | undefined
  readonly plain: string | undefined
}

export interface Judges {
  readonly ours: Engine
  readonly plain: Engine
  /** OPA capabilities documents: ours, and everything that OPA has. */
  readonly capabilities: unknown
  readonly everything: unknown
}

const entrypoint = 'conformance_query/results'

export function* judge(cases: readonly OpaCase[], judges: Judges): Asking<Verdict[]> {
  const verdicts: Verdict[] = []
  for (const one of cases) {
    const family = one.file.split('/')[0] ?? ''
    const own = yield* compile(one, judges.capabilities)
    const any = own.bundle === undefined ? yield* compile(one, judges.everything) : own
    verdicts.push({
      name: nameOf(one),
      family,
      ours: own.bundle === undefined ? own.why : answer(one, judges.ours, own.bundle),
      plain: any.bundle === undefined ? any.why : answer(one, judges.plain, any.bundle),
    })
  }
  return verdicts
}

function answer(one: OpaCase, engine: Engine, bytes: Uint8Array): string | undefined {
  let answers
  try {
    answers = engine.open(readBundle(bytes))(entrypoint, inputIn(one))
  } catch (error) {
    const why = error instanceof Error ? error.message : JSON.stringify(error)
    // Wasm has no strict mode: a built-in's error is no error of the evaluation there, so only the others are wanted.
    if (one.isErrorWanted && !one.isStrictError && one.wantErrorCode === 'eval_conflict_error' && /var assignment conflict|object insert conflict/.test(why)) return undefined
    return `gave up: ${why}`
  }
  if (one.isErrorWanted && !one.isStrictError) return `answered, where ${one.wantErrorCode ?? 'an error'} was wanted`
  if (isWanted(one, answers) || (!engine.knowsSets && isWanted(one, answers, true))) return undefined
  return `answered ${shown(answers.map(writeValueText).join(' '))}, wanted ${shown((one.want ?? []).map(writeValueText).join(' '))}`
}

function shown(text: string): string {
  return text === '' ? 'nothing' : text.length > 300 ? `${text.slice(0, 300)}…` : text
}

function inputIn(one: OpaCase): string | undefined {
  if (one.inputTerm !== undefined) return isJson(one.inputTerm) ? one.inputTerm : undefined
  return one.input === undefined ? undefined : writeValueText(one.input)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function* compile(one: OpaCase, capabilities: unknown): Asking<{ readonly bundle?: Uint8Array; readonly why: string }> {
  const files = sourceOf(one)
  const request: ToolchainRequest = {
    cmd: 'bundle',
    files,
    entrypoints: [entrypoint],
    capabilities,
    revision: 'conformance',
    metadata: { serial: 0, compiler_digest: '0'.repeat(64), source_digest: '0'.repeat(64) },
  }
  try {
    // Ours is a strict compiler: a name that is never used must be `_`. OPA's cases have such names, so they become `_` here.
    for (let turn = 0; ; turn++) {
      const { findings, result } = yield request
      if (findings.length === 0) return { bundle: Buffer.from((result as { bundle: string }).bundle, 'base64'), why: '' }
      const isMended = turn < 8 && findings.every(finding => {
        const name = /^(?:unused argument|assigned var) (\w+)[. ]/.exec(finding.message)?.[1]
        return name !== undefined && blank(files, finding.file, finding.row, finding.col, name)
      })
      if (!isMended) return { why: `does not compile: ${[...new Set(findings.map(({ message }) => message))].join('; ')}` }
    }
  } catch (error) {
    return { why: `does not compile: ${error instanceof Error ? error.message : String(error)}` }
  }
}

function blank(files: Record<string, string>, file: string, row: number, col: number, name: string): boolean {
  const lines = (files[file] ?? '').split('\n')
  const line = lines[row - 1] ?? ''
  const at = line.indexOf(name, col - 1)
  if (at < 0) return false
  lines[row - 1] = `${line.slice(0, at)}_${line.slice(at + name.length)}`
  files[file] = lines.join('\n')
  return true
}

/** The case's modules and data, and its query as a rule. Each answer is given as the host reads it and as the module writes it. */
function sourceOf(one: OpaCase): Record<string, string> {
  const files: Record<string, string> = {}
  for (const [at, module] of one.modules.entries()) files[`module-${at}.rego`] = module
  if (one.data !== undefined) files['data.json'] = writeValueText(one.data)
  const [first] = one.want ?? []
  const names = typeof first === 'object' && first !== null && 'object' in first ? first.object.map(([name]) => String(name)) : []
  // An input that JSON cannot say is put in place by the query itself.
  const input = one.inputTerm !== undefined && !isJson(one.inputTerm) ? ` with input as ${one.inputTerm.replaceAll('\n', ' ')}` : ''
  const query = /^data = \w+$/.test(one.query) ? one.query.replace('data', wholeOf(one)) : one.query
  files['query.rego'] = `package conformance_query

results contains [conformance_bindings, ${textBuiltin}(conformance_bindings)] if {
	${query}${input}
	conformance_bindings := {${names.map(name => `"${name}": ${name}`).join(', ')}}
}
`
  return files
}

// All of `data`, without the query's own package, which could not ask for itself.
function wholeOf(one: OpaCase): string {
  const packages = one.modules.map(module => /^package\s+(\w+)/m.exec(module)?.[1] ?? '')
  const documents = typeof one.data === 'object' && one.data !== null && 'object' in one.data ? one.data.object.map(([name]) => String(name)) : []
  return `object.union_n([${[...new Set([...packages, ...documents])].map(name => `{"${name}": conformance_part | conformance_part = data.${name}}`).join(', ')}])`
}
