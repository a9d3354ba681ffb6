// `policy check`: strict check against the input schema and the built-ins that the host has.
import type { Command } from 'commander'
import { shippedCapabilities } from '../capabilities.ts'
import { checkPolicies, policyEntrypoints } from '../compiler.ts'
import { cacheWarnings, findingLines } from '../report.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { told, verb, type Json } from './run.ts'

export const checkCommand = (toolchain: Toolchain) => (policy: Command): void => {
  verb(policy, 'check', 'strict check against the input schema and the built-ins that the host has', `
  countersign policy check                  the shipped policies
  countersign policy check --json policies  findings as data`)
    .action((dir: string | undefined, { json }: Json) => told(dir, json, 'checking', async ({ files, show }) => {
      const { modules, reads } = await checkPolicies({ toolchain, files, capabilities: shippedCapabilities() })
      const warnings = cacheWarnings(reads)
      return {
        document: { findings: [], warnings, modules, reads },
        lines: [...findingLines(warnings, show), `${modules} files, ${policyEntrypoints.length} entrypoints: nothing to mend`],
      }
    }))
}
