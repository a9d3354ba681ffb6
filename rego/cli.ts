// `countersign policy …`: the compiler for people and for pipelines. Exit status: 0 fine, 1 findings, 2 could not run.
import type { Command } from 'commander'
import type { ReadCommit } from './commands/verify.ts'

type Verbs = Readonly<Record<string, (readCommit: ReadCommit) => Promise<(policy: Command) => void>>>

/** In the order in which `--help` lists them. Only the one that is named is loaded: a start is half of what a command takes. */
const verbs: Verbs = {
  check: async () => (await import('./commands/check.ts')).checkCommand,
  test: async () => (await import('./commands/test.ts')).testCommand,
  fmt: async () => (await import('./commands/fmt.ts')).fmtCommand,
  build: async () => (await import('./commands/build.ts')).buildCommand,
  sign: async () => (await import('./commands/sign.ts')).signCommand,
  verify: async (readCommit) => (await import('./commands/verify.ts')).verifyCommand(readCommit),
  package: async () => (await import('./commands/package.ts')).packageCommand,
  inspect: async () => (await import('./commands/inspect.ts')).inspectCommand,
  capabilities: async () => (await import('./commands/capabilities.ts')).capabilitiesCommand,
}

/**
 * @param readCommit for `verify --commit`: what knows Git is outside of this folder
 * @param others verbs that need more than policies: a gateway's config, a record
 */
export async function policyCommands(program: Command, readCommit: ReadCommit, others: Verbs = {}): Promise<void> {
  const policy = program.command('policy').description('check, test and build the policies that decide what is allowed')
  const [, named = ''] = process.argv.slice(2)
  const all = { ...verbs, ...others }
  for (const [name, load] of Object.entries(all)) if (!(named in all) || name === named) (await load(readCommit))(policy)
}
