// `countersign policy …`: the compiler for people and for pipelines. Exit status: 0 fine, 1 findings, 2 could not run.
import type { Command } from 'commander'
import type { ReadRecorded } from './commands/explain.ts'
import type { ReadCommit } from './commands/verify.ts'
import type { CountRules } from './commands/handbook.ts'
import { Toolchain } from './toolchain/process.ts'

type Verbs = Readonly<Record<string, (readCommit: ReadCommit, toolchain: Toolchain) => Promise<(policy: Command) => void>>>

/** In the order in which `--help` lists them. Only the one that is named is loaded: a start is half of what a command takes. */
const verbs: Verbs = {
  check: async (_, toolchain) => (await import('./commands/check.ts')).checkCommand(toolchain),
  test: async (_, toolchain) => (await import('./commands/test.ts')).testCommand(toolchain),
  lint: async (_, toolchain) => (await import('./commands/lint.ts')).lintCommand(toolchain, process.env),
  fmt: async (_, toolchain) => (await import('./commands/fmt.ts')).fmtCommand(toolchain),
  build: async (_, toolchain) => (await import('./commands/build.ts')).buildCommand(toolchain),
  sign: async () => (await import('./commands/sign.ts')).signCommand,
  verify: async (readCommit) => (await import('./commands/verify.ts')).verifyCommand(readCommit),
  package: async () => (await import('./commands/package.ts')).packageCommand,
  inspect: async (_, toolchain) => (await import('./commands/inspect.ts')).inspectCommand(toolchain),
  deps: async (_, toolchain) => (await import('./commands/deps.ts')).depsCommand(toolchain),
  capabilities: async () => (await import('./commands/capabilities.ts')).capabilitiesCommand,
}

// The compiler takes as long to unpack as the rest to load: it does so meanwhile.
const compiling = ['check', 'test', 'lint', 'fmt', 'build', 'inspect', 'deps', 'explain', 'handbook']

/**
 * @param readCommit for `verify --commit`: what knows Git is outside of this folder
 * @param others verbs that need more than policies: a gateway's config, a record
 */
export async function policyCommands(program: Command, readCommit: ReadCommit, others: Verbs = {}): Promise<void> {
  const policy = program.command('policy').description('check, test and build the policies that decide what is allowed')
  const [, named = '', ...rest] = process.argv.slice(2)
  const all = { ...verbs, ...others }
  const toolchain = new Toolchain({ isKept: rest.includes('--watch') })
  if (compiling.includes(named) && !rest.some(word => word === '--help' || word === '-h')) toolchain.start()
  for (const [name, load] of Object.entries(all)) if (!(named in all) || name === named) (await load(readCommit, toolchain))(policy)
}

/** `explain`, for the caller that can read a record. */
export const explainVerb = (readRecorded: ReadRecorded): Verbs[string] => async (readCommit, toolchain) => (await import('./commands/explain.ts')).explainCommand(toolchain, readCommit, readRecorded)

/** `handbook`, for the caller that can read a record. */
export const handbookVerb = (countRules: CountRules): Verbs[string] => async (_, toolchain) => (await import('./commands/handbook.ts')).handbookCommand(toolchain, countRules)
