// `countersign policy …`: the compiler for people and for pipelines. Exit status: 0 fine, 1 findings, 2 could not run.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { styleText } from 'node:util'
import type { Command } from 'commander'
import { generateCapabilities, shippedCapabilities } from './capabilities.ts'
import { checkPolicies, compileBundle, formatPolicies, inspectPolicies, policyEntrypoints, testPolicies } from './compiler.ts'
import { PolicyError } from './errors.ts'
import { readPolicyFolder, shippedFolder } from './folder.ts'
import { cacheWarnings, coverageLines, findingLines, inspectLines, testLines, testSummary, type Style } from './report.ts'

const exits = `
Exit status: 0 fine; 1 findings, a failed test or an unformatted file; 2 could not run.
DIR is a folder with policy/, data/ and schema/, or any folder of .rego files; without it, the shipped policies.`

export function policyCommands(program: Command): void {
  const policy = program.command('policy').description('check, test and build the policies that decide what is allowed')

  verb(policy, 'check', 'strict check against the input schema and the built-ins that the host has', `
  countersign policy check                  the shipped policies
  countersign policy check --json policies  findings as data`)
    .action((dir: string | undefined, { json }: Json) => told(dir, json, 'checking', async ({ files, show }) => {
      const { modules, reads } = await checkPolicies({ files, capabilities: shippedCapabilities() })
      const warnings = cacheWarnings(reads)
      return {
        document: { findings: [], warnings, modules, reads },
        lines: [...findingLines(warnings, show), `${modules} files, ${policyEntrypoints.length} entrypoints: nothing to mend`],
      }
    }))

  verb(policy, 'test', 'run every test_ rule of the _test.rego files', `
  countersign policy test --coverage        which lines of policy no test reaches
  countersign policy test --filter 'mcp'    only tests whose <package>.<name> matches`)
    .option('--filter <regexp>', 'run only tests whose <package>.<name> matches (RE2)')
    .option('--coverage', 'tell which lines of policy were not reached')
    .option('--verbose', 'list passed tests too')
    .action((dir: string | undefined, { json, filter, coverage = false, verbose = false }: Json & { filter?: string; coverage?: boolean; verbose?: boolean }) => told(dir, json, 'testing', async ({ files, show }) => {
      const results = await testPolicies({ files, capabilities: shippedCapabilities(), coverage, ...(filter === undefined ? {} : { filter }) })
      // No test is no proof: a filter with a typo in it must not look like success.
      if (results.tests.length === 0) throw new PolicyError('ERR_POLICY_TEST', filter === undefined ? 'there is no test' : 'no test matches the filter')
      const covered = results.coverage === undefined ? [] : coverageLines(results.coverage, show)
      return {
        document: results,
        lines: [...testLines(results.tests, verbose, show, style), ...covered, testSummary(results.tests, style)],
        isAmiss: results.tests.some(({ outcome }) => outcome === 'fail' || outcome === 'error'),
      }
    }))

  verb(policy, 'fmt', 'put the files into canonical form', `
  countersign policy fmt policies           rewrites what differs and lists it
  countersign policy fmt --check policies   lists only; exit 1 if anything differs`)
    .option('--check', 'change nothing; exit 1 if a file is not in canonical form')
    .action((dir: string | undefined, { json, check = false }: Json & { check?: boolean }) => told(dir, json, 'formatting', async ({ files, folder, show }) => {
      const changed = await formatPolicies({ files })
      if (!check) for (const [file, text] of changed) writeFileSync(path.join(folder, file), text)
      return { document: { changed: [...changed.keys()], written: !check }, lines: [...changed.keys()].map(show), isAmiss: check && changed.size > 0 }
    }))

  verb(policy, 'build', 'check and compile to a bundle; the same source gives the same bytes', `
  countersign policy build --output bundle.tar.gz --revision "$(git rev-parse HEAD)" --serial 41 policies`)
    .option('--output <file>', 'where to write the bundle', 'bundle.tar.gz')
    .option('--revision <commit>', 'the Git commit it is built from', 'working-tree')
    .option('--serial <number>', 'rises with every activation', '0')
    .action((dir: string | undefined, { json, output, revision, serial }: Json & { output: string; revision: string; serial: string }) => told(dir, json, 'building', async ({ files }) => {
      if (!/^\d{1,15}$/.test(serial)) throw new PolicyError('ERR_POLICY_BUILD', '--serial is not a number')
      const bundle = await compileBundle({ files, revision, serial: Number(serial), capabilities: shippedCapabilities() })
      writeFileSync(output, bundle)
      const digest = createHash('sha256').update(bundle).digest('hex')
      return {
        document: { output, digest, revision, serial: Number(serial), bytes: bundle.length },
        lines: [`${output}: ${bundle.length} bytes, sha256 ${digest}`],
      }
    }))

  verb(policy, 'inspect', 'packages, rules with their titles, and what each entrypoint reads of the input', `
  countersign policy inspect policies`)
    .action((dir: string | undefined, { json }: Json) => told(dir, json, 'inspecting', async ({ files, show }) => {
      const [packages, { reads }] = await Promise.all([inspectPolicies({ files }), checkPolicies({ files, capabilities: shippedCapabilities() })])
      return { document: { packages, reads }, lines: inspectLines(packages, reads, show, style) }
    }))

  policy.command('capabilities')
    .description('the built-ins that a policy may use: what wasm has and what the host supplies')
    .option('--json', "the document in OPA's capabilities format")
    .addHelpText('after', `\nExamples:\n  countersign policy capabilities --json > rego/capabilities.json   after a change of the host's built-ins`)
    .action(({ json }: Json) => ran(json, 'asking the compiler', String, async () => {
      const { hostBuiltins } = await import('./builtins/index.ts')
      const capabilities = await generateCapabilities(hostBuiltins.keys())
      return { document: capabilities, lines: capabilities.builtins.map(({ name }) => name) }
    }))
}

interface Json { readonly json?: boolean }
interface Source { readonly folder: string; readonly files: ReturnType<typeof readPolicyFolder>; show(file: string): string }

function verb(policy: Command, name: string, description: string, examples: string): Command {
  return policy.command(name).description(description).argument('[DIR]', 'folder of policies')
    .option('--json', 'the result as one JSON document')
    .addHelpText('after', `\nExamples:${examples}\n${exits}`)
}

const style: Style = {
  good: text => styleText('green', text, { stream: process.stdout }),
  bad: text => styleText('red', text, { stream: process.stdout }),
  faint: text => styleText('dim', text, { stream: process.stdout }),
}

/** What a command found out: as data and for people. `isAmiss` is exit status 1. */
interface Told { readonly document: unknown; readonly lines: readonly string[]; readonly isAmiss?: boolean }

async function told(dir: string | undefined, json: boolean | undefined, doing: string, work: (source: Source) => Promise<Told>): Promise<void> {
  const folder = path.resolve(dir ?? shippedFolder)
  const show = (file: string) => path.relative(process.cwd(), path.join(folder, file))
  await ran(json, doing, show, async () => work({ folder, files: readPolicyFolder(dir ?? shippedFolder), show }))
}

/** Tells a waiting person after a second that it is at work, then what came of it, and sets the exit status. */
async function ran(json: boolean | undefined, doing: string, show: (file: string) => string, work: () => Promise<Told>): Promise<void> {
  const onTerminal = (text: string) => { if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`) }
  const progress = setTimeout(onTerminal, 1000, `${doing} …`)
  const settle = () => { clearTimeout(progress); onTerminal('') }
  try {
    const { document, lines, isAmiss = false } = await work().finally(settle)
    write(process.stdout, json === true ? [JSON.stringify(document, undefined, 1)] : lines)
    process.exitCode = isAmiss ? 1 : 0
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const { code, message, findings } = error
    if (json === true) write(process.stdout, [JSON.stringify({ code, message, findings }, undefined, 1)])
    else write(process.stderr, findings.length > 0 ? findingLines(findings, show) : [`countersign: ${code}: ${message}`])
    process.exitCode = findings.length > 0 ? 1 : 2
  }
}

function write(stream: NodeJS.WriteStream, lines: readonly string[]): void {
  stream.write(lines.map(line => `${line}\n`).join(''))
}
