// Policy source in, bundle out: one run of OPA's compiler in a process of its own (toolchain/). The same source, revision,
// serial and compiler give the same bytes, so an examiner can rebuild a bundle from the commit and compare.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ReportDigests } from './bundle.ts'
import { PolicyError, type Finding } from './errors.ts'
import { located } from './hints.ts'
import { canonicalJson } from './signing/canonical-json.ts'
import { readSource, sourceDigest, type PolicySource } from './source.ts'
import { compilerDigest } from './toolchain/artefact.ts'
import { Toolchain, type ToolchainRequest } from './toolchain/process.ts'

/** One per phase; a policy without both does not compile. */
export const policyEntrypoints = ['countersign/request/decision', 'countersign/list/visible'] as const

/** Where an entrypoint first reads a path of `input`; an empty path is all of it. */
export interface InputRead { readonly path: readonly string[]; readonly file: string; readonly row: number; readonly col: number }
export type InputReads = Readonly<Record<string, readonly InputRead[]>>

export interface Run {
  readonly deadlineMs?: number
  /** A compiler that is kept, or already starting; without it one is started and ended. */
  readonly toolchain?: Toolchain
}

export interface CompileOptions extends Run {
  readonly files: PolicySource
  /** The Git commit the files are from. */
  readonly revision: string
  /** Rises with every activation. */
  readonly serial: number
  readonly entrypoints?: readonly string[]
  /** OPA capabilities document: what the host implements. */
  readonly capabilities: unknown
  /** What was found out about these files before they were built. */
  readonly reports?: ReportDigests
}

/** SHA-256 (hex) of the document as canonical JSON: `jq -cSj . capabilities.json | sha256sum` says the same. */
export function capabilitiesDigest(capabilities: unknown): string {
  return createHash('sha256').update(canonicalJson(JSON.stringify(capabilities))).digest('hex')
}

/**
 * A bundle in OPA's format (tar.gz: `.manifest`, `data.json`, `policy.wasm`; unsigned). `.manifest` metadata:
 * `source_digest`, `compiler_digest`, `capabilities_digest`, `serial`, `reports`, and `inputs`: per entrypoint the paths of `input` it can read, each an array of
 * member names, `[]` for all of it.
 * @throws PolicyError ERR_POLICY_SOURCE, ERR_POLICY_CHECK (with findings), ERR_TOOLCHAIN_*
 */
export async function compileBundle(options: CompileOptions): Promise<Uint8Array> {
  const { result } = await askCompiler({
    cmd: 'bundle',
    files: typed(readSource(options.files)),
    entrypoints: options.entrypoints ?? policyEntrypoints,
    capabilities: options.capabilities,
    revision: options.revision,
    metadata: {
      source_digest: sourceDigest(options.files), compiler_digest: compilerDigest(), capabilities_digest: capabilitiesDigest(options.capabilities), serial: options.serial,
      ...(Object.keys(options.reports ?? {}).length === 0 ? {} : { reports: options.reports }),
    },
  }, options)
  return Buffer.from((result as { bundle: string }).bundle, 'base64')
}

export interface CheckOptions extends Run {
  readonly files: PolicySource
  readonly entrypoints?: readonly string[]
  readonly capabilities: unknown
}

/** Strict check against capabilities and schemas. @throws PolicyError ERR_POLICY_CHECK with every finding, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_* */
export async function checkPolicies(options: CheckOptions): Promise<{ readonly modules: number; readonly reads: InputReads }> {
  const { result } = await askCompiler({
    cmd: 'check',
    files: typed(readSource(options.files)),
    entrypoints: options.entrypoints ?? policyEntrypoints,
    capabilities: options.capabilities,
  }, options)
  return result as { modules: number; reads: InputReads }
}

export interface TestResult {
  readonly package: string
  readonly name: string
  readonly file: string
  readonly row: number
  readonly col: number
  readonly outcome: 'pass' | 'fail' | 'error' | 'skip'
  /** The expression that failed with the values in it, on several lines; or the evaluator's error. */
  readonly message?: string
  readonly fail_file?: string
  readonly fail_row?: number
  /** Names of the cases that failed, where the test has cases. */
  readonly failed_cases?: readonly string[]
  /** What the test printed. */
  readonly output?: string
  readonly ns: number
}

interface Range { readonly start: { readonly row: number; readonly col: number }; readonly end: { readonly row: number; readonly col: number } }
export interface FileCoverage { readonly covered?: readonly Range[]; readonly not_covered?: readonly Range[]; readonly covered_lines?: number; readonly not_covered_lines?: number; readonly coverage?: number }
/** Of policy lines; tests do not count. */
export interface Coverage { readonly files: Readonly<Record<string, FileCoverage>>; readonly covered_lines: number; readonly not_covered_lines: number; readonly coverage: number }

/** What a rule's own expressions cost over all tests, without the rules that it asks. */
export interface RuleCost {
  readonly package: string
  readonly name: string
  readonly file: string
  readonly row: number
  readonly ns: number
  /** How often an expression of it was evaluated, for the first time or again. */
  readonly evals: number
}

export interface TestOptions extends Run {
  readonly files: PolicySource
  readonly capabilities: unknown
  /** RE2 expression on `<package>.<test>`. */
  readonly filter?: string
  readonly coverage?: boolean
  /** Measuring costs about as much again as the tests. */
  readonly profile?: boolean
}

export interface TestedPolicies {
  readonly tests: readonly TestResult[]
  readonly coverage?: Coverage
  /** Dearest first. */
  readonly profile?: readonly RuleCost[]
}

/** Runs every `test_…` rule. A failed test is a result, not an error. @throws PolicyError ERR_POLICY_CHECK if it does not compile, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_* */
export async function testPolicies(options: TestOptions): Promise<TestedPolicies> {
  const { result } = await askCompiler({
    cmd: 'test',
    files: typed(readSource(options.files)),
    capabilities: options.capabilities,
    filter: options.filter ?? '',
    coverage: options.coverage ?? false,
    profile: options.profile ?? false,
  }, options)
  return result as TestedPolicies
}

/** Canonical form of each file that is not in it. @throws PolicyError ERR_POLICY_CHECK where one does not parse, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_* */
export async function formatPolicies(options: Run & { readonly files: PolicySource }): Promise<ReadonlyMap<string, string>> {
  const { result } = await askCompiler({ cmd: 'fmt', files: readSource(options.files) }, options)
  return new Map(Object.entries(result as Record<string, string>))
}

/** METADATA, as OPA reads it; `custom` and `labels` are the author's own. */
export interface Annotations {
  readonly scope?: string
  readonly title?: string
  readonly description?: string
  readonly custom?: Readonly<Record<string, unknown>>
  readonly labels?: Readonly<Record<string, unknown>>
  readonly [name: string]: unknown
}

interface Place { readonly row: number; readonly col: number }

/** An object with a member `id` that is written out in a rule: a reason, a mask. */
export interface InspectedEntry extends Place {
  /** Empty where it is computed. */
  readonly id: string
  /** Values of those that are constants; null for the others. */
  readonly members: Readonly<Record<string, unknown>>
}

/** One definition of a rule; a rule of several bodies is several of them. */
export interface InspectedRule extends Place {
  readonly name: string
  readonly file: string
  readonly kind: 'complete' | 'set' | 'object' | 'function'
  readonly is_default?: boolean
  readonly has_else?: boolean
  /** Of a function, as text. */
  readonly args?: readonly string[]
  /** Of the head, as text, where it is a constant and there is no `else`. */
  readonly value?: string
  readonly entries?: readonly InspectedEntry[]
  /** Where it says `with`. */
  readonly withs?: readonly Place[]
  /** Of a test file: texts and names in it. */
  readonly strings?: readonly string[]
  readonly names?: readonly string[]
  readonly annotations?: Annotations
}

export interface InspectedPackage {
  readonly package: string
  readonly files: readonly string[]
  readonly rules: readonly InspectedRule[]
  /** How many of `test_rules` are tests. */
  readonly tests: number
  readonly test_rules: readonly InspectedRule[]
  /** METADATA of scope package and subpackages. */
  readonly annotations: readonly (Place & { readonly file: string; readonly annotations: Annotations })[]
}

/** Packages, rules and METADATA, without compiling. @throws PolicyError ERR_POLICY_CHECK where a file does not parse, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_* */
export async function inspectPolicies(options: Run & { readonly files: PolicySource }): Promise<readonly InspectedPackage[]> {
  const { result } = await askCompiler({ cmd: 'inspect', files: readSource(options.files) }, options)
  return result as InspectedPackage[]
}

const inputSchema = 'schema/input.schema.json'

/** A source without a schema of its own is held to the one that the host fills in, so that a typo in a path is always found. */
export function typed(files: Record<string, string>): Record<string, string> {
  if (Object.keys(files).some(file => file.endsWith('input.schema.json'))) return files
  return { ...files, [inputSchema]: readFileSync(fileURLToPath(new URL(inputSchema, import.meta.url)), 'utf8') }
}

/** @throws PolicyError ERR_POLICY_CHECK with what it found, ERR_TOOLCHAIN_* */
export async function askCompiler(request: ToolchainRequest, { deadlineMs, toolchain }: Run): Promise<{ readonly result: unknown }> {
  const compiler = toolchain ?? new Toolchain()
  using _own = toolchain === undefined ? compiler : undefined
  const { findings: found, result } = await compiler.request(request, deadlineMs)
  const findings = found.map(finding => located(finding, request.files?.[finding.file]))
  if (findings.length > 0) throw new PolicyError('ERR_POLICY_CHECK', summary(findings), { findings })
  return { result }
}

function summary(findings: readonly Finding[]): string {
  const [first] = findings
  const more = findings.length > 1 ? ` (and ${findings.length - 1} more)` : ''
  return first === undefined ? 'the policy does not compile' : `${place(first)}${first.message}${more}`
}

/** `file:row:col: `, or as much of it as is known. */
export function place({ file, row, col }: Finding): string {
  if (file === '') return ''
  return row === 0 ? `${file}: ` : `${file}:${row}:${col}: `
}
