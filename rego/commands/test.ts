// `policy test`: every test_ rule of the _test.rego files.
import type { Command } from 'commander'
import { shippedCapabilities } from '../capabilities.ts'
import { testPolicies } from '../compiler.ts'
import { PolicyError } from '../errors.ts'
import { coverageLines, testLines, testSummary } from '../report.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { style, told, verb, type Json } from './run.ts'

export const testCommand = (toolchain: Toolchain) => (policy: Command): void => {
  verb(policy, 'test', 'run every test_ rule of the _test.rego files', `
  countersign policy test --coverage        which lines of policy no test reaches
  countersign policy test --filter 'mcp'    only tests whose <package>.<name> matches`)
    .option('--filter <regexp>', 'run only tests whose <package>.<name> matches (RE2)')
    .option('--coverage', 'tell which lines of policy were not reached')
    .option('--verbose', 'list passed tests too')
    .action((dir: string | undefined, { json, filter, coverage = false, verbose = false }: Json & { filter?: string; coverage?: boolean; verbose?: boolean }) => told(dir, json, 'testing', async ({ files, show }) => {
      const results = await testPolicies({ toolchain, files, capabilities: shippedCapabilities(), coverage, ...(filter === undefined ? {} : { filter }) })
      // No test is no proof: a filter with a typo in it must not look like success.
      if (results.tests.length === 0) throw new PolicyError('ERR_POLICY_TEST', filter === undefined ? 'there is no test' : 'no test matches the filter')
      const covered = results.coverage === undefined ? [] : coverageLines(results.coverage, show)
      return {
        document: results,
        lines: [...testLines(results.tests, verbose, show, style), ...covered, testSummary(results.tests, style)],
        isAmiss: results.tests.some(({ outcome }) => outcome === 'fail' || outcome === 'error'),
      }
    }))
}
