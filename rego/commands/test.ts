// `policy test`: every test_ rule of the _test.rego files, what they reach and what the rules cost.
import { InvalidArgumentError, Option, type Command } from 'commander'
import { shippedCapabilities } from '../capabilities.ts'
import { testPolicies } from '../compiler.ts'
import { PolicyError } from '../errors.ts'
import { formatTests } from '../formats/index.ts'
import { costLines, coverageLines, slowestLines, testLines, testSummary } from '../report.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { formatted, formOf, style, told, verb, type Formatted, type Source, type Told } from './run.ts'
import { watchFolder } from './watch.ts'

interface TestFlags extends Formatted {
  readonly run?: string
  readonly filter?: string
  readonly coverage?: boolean
  readonly threshold?: number
  readonly timing?: boolean
  readonly verbose?: boolean
  readonly watch?: boolean
}

export const testCommand = (toolchain: Toolchain) => (policy: Command): void => {
  formatted(verb(policy, 'test', 'run every test_ rule of the _test.rego files', `
  countersign policy test --run 'mcp.*path' only tests whose <package>.<name> matches
  countersign policy test --threshold 100   fails where a line of policy is not reached, and says which
  countersign policy test --timing          which rules cost most, and the slowest tests
  countersign policy test --watch .         again at each save`))
    .option('--run <regexp>', 'run only tests whose <package>.<name> matches (RE2)')
    .addOption(new Option('--filter <regexp>', 'the same as --run').hideHelp())
    .option('--coverage', 'tell which lines of policy were not reached')
    .option('--threshold <percent>', 'fail where fewer lines are reached; tells coverage', percent)
    .option('--timing', 'tell what each rule costs, without those it asks')
    .option('--verbose', 'list passed tests too')
    .option('--watch', 'test again whenever a file changes')
    .action(async (dir: string | undefined, flags: TestFlags) => {
      const round = () => told(dir, formOf(flags), 'testing', source => runTests(toolchain, source, flags))
      await (flags.watch === true ? watchFolder(dir, 'testing', round) : round())
    })
}

async function runTests(toolchain: Toolchain, { files, show }: Source, flags: TestFlags): Promise<Told> {
  const { run = flags.filter, threshold, coverage = threshold !== undefined, timing = false, verbose = false } = flags
  const results = await testPolicies({ toolchain, files, capabilities: shippedCapabilities(), coverage, profile: timing, ...run === undefined ? {} : { filter: run } })
  const { tests } = results
  // No test is no proof: a filter with a typo in it must not look like success.
  if (tests.length === 0) throw new PolicyError('ERR_POLICY_TEST', run === undefined ? 'there is no test' : 'no test matches the filter')
  const isThin = threshold !== undefined && (results.coverage?.coverage ?? 0) < threshold
  return {
    document: results,
    lines: [
      ...testLines(tests, verbose, show, style),
      ...results.coverage === undefined ? [] : coverageLines(results.coverage, show),
      ...isThin ? [style.bad(`coverage is below ${threshold} %`)] : [],
      ...results.profile === undefined ? [] : [...costLines(results.profile, show, style), 'slowest tests', ...slowestLines(tests, show, style)],
      testSummary(tests, style),
    ],
    machine: format => formatTests(format, tests, show),
    isAmiss: isThin || tests.some(({ outcome }) => outcome === 'fail' || outcome === 'error'),
  }
}

function percent(text: string): number {
  const value = Number(text)
  if (!/^\d{1,3}(\.\d+)?$/.test(text) || value > 100) throw new InvalidArgumentError('a number from 0 to 100.')
  return value
}
