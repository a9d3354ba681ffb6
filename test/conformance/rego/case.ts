// One of OPA's compliance cases as its module publishes it (v1/test/cases), and where they come from. Numbers keep their text.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import { parseValueText } from '../../../rego/builtins/value.ts'
import type { Value } from '../../../rego/builtins/value.ts'

export interface OpaCase {
  /** Below OPA's testdata/v1; its folder is the family. */
  readonly file: string
  readonly note: string
  readonly query: string
  readonly modules: readonly string[]
  readonly data: Value | undefined
  readonly input: Value | undefined
  /** A Rego term, where JSON cannot say the input. It wins over `input`. */
  readonly inputTerm: string | undefined
  /** Bindings of the query's variables, one object an answer. */
  readonly want: readonly Value[] | undefined
  readonly wantErrorCode: string | undefined
  readonly isErrorWanted: boolean
  /** The error is a built-in's, which outside OPA's strict mode makes the expression undefined. */
  readonly isStrictError: boolean
  readonly sortBindings: boolean
}

/** What a case is listed by: notes occur twice. */
export function nameOf({ file, note }: OpaCase): string {
  return `${file}: ${note}`
}

/** @param file JSON lines, gzipped where the name says so */
export function readCases(file: string): readonly OpaCase[] {
  const bytes = readFileSync(file)
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  return text.split('\n').filter(line => line !== '').map(readCase)
}

/** The cases of the module that rego/toolchain pins; undefined where there is no Go. */
export function makeCases(): readonly OpaCase[] | undefined {
  const toolchain = path.resolve(import.meta.dirname, '../../../rego/toolchain')
  const go = (...args: readonly string[]) => spawnSync('go', args, { cwd: toolchain, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (go('mod', 'download', 'github.com/open-policy-agent/opa').status !== 0) return undefined
  const folder = go('list', '-m', '-f', '{{.Dir}}', 'github.com/open-policy-agent/opa').stdout.trim()
  const made = go('run', path.join(import.meta.dirname, 'cases.go'), path.join(folder, 'v1/test/cases/testdata/v1'))
  if (made.status !== 0) throw new Error(`the cases could not be made from OPA's module: ${made.stderr}`)
  return made.stdout.split('\n').filter(line => line !== '').map(readCase)
}

function readCase(line: string): OpaCase {
  const fields = parseValueText(line)
  if (typeof fields !== 'object' || fields === null || !('object' in fields)) throw new Error('a case is an object')
  const members = new Map(fields.object.map(([name, value]) => [String(name), value]))
  const text = (name: string) => { const value = members.get(name); return typeof value === 'string' ? value : undefined }
  const list = (name: string) => { const value = members.get(name); return typeof value === 'object' && value !== null && 'array' in value ? value.array : undefined }
  return {
    file: text('file') ?? '',
    note: text('note') ?? '',
    query: text('query') ?? '',
    modules: (list('modules') ?? []).map(String),
    data: members.get('data'),
    input: members.get('input'),
    inputTerm: text('input_term'),
    want: list('want_result'),
    wantErrorCode: text('want_error_code'),
    isErrorWanted: members.has('want_error') || members.has('want_error_code'),
    isStrictError: members.get('strict_error') === true,
    sortBindings: members.get('sort_bindings') === true,
  }
}
