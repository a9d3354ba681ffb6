// The command line: `countersign <noun> <verb>`. Each noun's commands live with their part and are loaded only when named.
import { readFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import path from 'node:path'
import { Command, CommanderError } from 'commander'

/** `.ts` in a checkout, `.js` in the npm tarball. */
const extension = path.extname(import.meta.filename)
const manifest: unknown = JSON.parse(readFileSync(path.join(import.meta.dirname, '..', 'package.json'), 'utf8'))
const { version } = manifest as { version: string }

const nouns: Readonly<Record<string, (program: Command) => Promise<void>>> = {
  gateway: async (program) => (await import('./main.ts')).gatewayCommand(program),
  config: async (program) => (await import('./admin/cli.ts')).configCommands(program),
  doctor: async (program) => (await import('./doctor-cli.ts')).doctorCommand(program),
  approvals: async (program) => (await import('./admin/cli.ts')).approvalCommands(program),
  policy: async (program) => (await import('../rego/cli.ts')).policyCommands(program, async (repository, commit) => (await import('./policy/commit-source.ts')).readCommitSource(repository, commit), {
    explain: async (readCommit, toolchain) => (await import('../rego/cli.ts')).explainVerb(async (where) => (await import('../evidence/cli.ts')).readDecision(where))(readCommit, toolchain),
    handbook: async (readCommit, toolchain) => (await import('../rego/cli.ts')).handbookVerb(async (dir, keys) => (await import('../evidence/cli.ts')).ruleCounts(dir, keys))(readCommit, toolchain),
    new: async () => (await import('./scaffold/cli.ts')).newCommand(version),
    replay: async () => (await import('../evidence/cli.ts')).loadReplayCommand(),
    statement: async () => (await import('./activation-cli.ts')).statementCommand,
    activate: async () => (await import('./activation-cli.ts')).activateCommand,
  }),
  evidence: async (program) => (await import('../evidence/cli.ts')).evidenceCommands(program),
}

const program = new Command('countersign')
  .description('Identity-aware gateway for MCP servers, PostgreSQL and HTTP services: decided by Rego, held for a human where policy says so, masked, and recorded so that an examiner can check the record.')
  .version(version)
  .exitOverride()
  .addHelpText('after', `
Examples:
  countersign start --tour            the whole system on embedded defaults, with a guided tour
  countersign policy new DIR          a policy repository to start from
  countersign policy replay --help    which recorded decisions a change of policy flips
  countersign doctor --config FILE    what the gateway's own role in a database could do by itself
  countersign evidence verify DIR     check a record: exit 0 intact, 1 false, 2 could not run, 3 incomplete`)

stackCommand('start', 'the whole system on embedded defaults: identity provider, database, MCP server, policy and evidence repositories, gateway')
  .option('--dir <folder>', 'where its state is kept; a second start resumes it', '.countersign')
  .option('--tour', 'make the guided calls and explain each')
  .option('--once', 'run the tour, stop, and exit 0 when every step did what it says')
stackCommand('token', 'an access token from the embedded identity provider of a running `start`')
  .option('--dir <folder>', 'the folder given to start', '.countersign')
  .option('--user <name>', 'a person: ana, lena or eli')
  .option('--job <name>', 'a workload: ci-model-release')
  .option('--for <target>', 'the audience: bank, ledger, appdb or admin', 'bank')

/** Commands of the demo run as their own process: the gateway knows nothing of the stack around it. */
function stackCommand(name: string, description: string): Command {
  return program.command(name).description(description).action(() => {
    const script = path.join(import.meta.dirname, '..', 'scripts', 'demo', `main${extension}`)
    const child = spawn(process.execPath, [script, ...process.argv.slice(2)], { stdio: 'inherit' })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => { if (signal !== 'SIGINT') child.kill(signal) })
    child.on('exit', (code) => { process.exitCode = code ?? 1 })
  })
}

const [noun = ''] = process.argv.slice(2)
const isListing = ['', 'help', '--help', '-h'].includes(noun)
for (const [name, load] of Object.entries(nouns)) if (isListing || name === noun) await load(program)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) process.stderr.write(`countersign: ${wordsOf(error)}\n`)
  else if (error.exitCode !== 0 && error.code !== 'commander.help') process.stderr.write(`(${named()} --help tells more)\n`)
  process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2
}

/** `countersign policy replay`, as far as what was typed names commands. */
function named(): string {
  let at = program
  for (const word of process.argv.slice(2)) {
    const next = at.commands.find((command) => command.name() === word)
    if (next === undefined) break
    at = next
  }
  const names = [at.name()]
  for (let above = at.parent; above !== null; above = above.parent) names.unshift(above.name())
  return names.join(' ')
}

/** The code and the message; of a file that could not be opened, why. */
function wordsOf(error: unknown): string {
  const why = { ENOENT: 'no such file or folder', EISDIR: 'it is a folder', EEXIST: 'it is there already, and nothing is written over it', EACCES: 'not permitted', EPERM: 'not permitted', EROFS: 'the file system is read-only', ENOSPC: 'no space is left', ENOTDIR: 'part of the path is no folder', EADDRINUSE: 'something else listens there', EADDRNOTAVAIL: 'this machine has no such address' } as const
  const { message, code, path: file, cause } = error as NodeJS.ErrnoException
  const reason = (of: unknown): string | undefined => typeof of === 'string' && Object.hasOwn(why, of) ? why[of as keyof typeof why] : undefined
  const own = reason(code)
  if (own !== undefined) return `${file ?? 'a file that was named'}: ${own}`
  const under = reason((cause as NodeJS.ErrnoException | undefined)?.code)
  return `${code === undefined ? '' : `${code}: `}${message}${under === undefined ? '' : ` (${under})`}`
}
