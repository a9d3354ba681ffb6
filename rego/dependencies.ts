// What can be read from an entrypoint or a rule on, followed by the compiler through every rule that could be asked: never too little.
import { askCompiler, policyEntrypoints, typed, type InputRead, type Run } from './compiler.ts'
import { readSource, type PolicySource } from './source.ts'

export interface Dependencies {
  /** `countersign/request/decision` of an entrypoint, `policies.mcp.deny` of a rule. */
  readonly name: string
  readonly file?: string
  readonly row?: number
  /** Paths below `input` and below `data`, with where they are first read; an empty path is all of it. */
  readonly input: readonly InputRead[]
  readonly data: readonly InputRead[]
  /** Full names of the rules that are asked, directly or not. */
  readonly rules: readonly string[]
}

export interface DependencyOptions extends Run {
  readonly files: PolicySource
  readonly capabilities: unknown
  readonly entrypoints?: readonly string[]
}

/** Tests are left out. @throws PolicyError ERR_POLICY_CHECK if it does not compile, ERR_POLICY_SOURCE, ERR_TOOLCHAIN_* */
export async function findDependencies(options: DependencyOptions): Promise<{ readonly entrypoints: readonly Dependencies[]; readonly rules: readonly Dependencies[] }> {
  const { result } = await askCompiler({
    cmd: 'deps', files: typed(readSource(options.files)), capabilities: options.capabilities, entrypoints: options.entrypoints ?? policyEntrypoints,
  }, options)
  return result as { entrypoints: Dependencies[]; rules: Dependencies[] }
}
