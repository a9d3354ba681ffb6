// `policy check`: strict check against the input schema and the built-ins that the host has.
import type { Command } from 'commander'
import { shippedCapabilities } from '../capabilities.ts'
import { checkPolicies, policyEntrypoints } from '../compiler.ts'
import { cacheWarnings, findingLines } from '../report.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { formatted, formOf, told, verb, type Formatted } from './run.ts'
import { watchFolder } from './watch.ts'

export const checkCommand = (toolchain: Toolchain) => (policy: Command): void => {
  formatted(verb(policy, 'check', 'strict check against the input schema and the built-ins that the host has', `
  countersign policy check                  the policy repository here
  countersign policy check --watch .        again at each save
  countersign policy check --json policies  findings as data`))
    .option('--watch', 'check again whenever a file changes')
    .action(async (dir: string | undefined, { watch = false, ...form }: Formatted & { watch?: boolean }) => {
      const round = () => told(dir, formOf(form), 'checking', async ({ files, show }) => {
        const { modules, reads } = await checkPolicies({ toolchain, files, capabilities: shippedCapabilities() })
        const warnings = cacheWarnings(reads)
        return {
          document: { findings: [], warnings, modules, reads },
          lines: [...findingLines(warnings, show), `${modules} files, ${policyEntrypoints.length} entrypoints: nothing to mend`],
          findings: warnings,
        }
      })
      await (watch ? watchFolder(dir, 'checking', round) : round())
    })
}
