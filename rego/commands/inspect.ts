// `policy inspect`: packages, rules and what each entrypoint reads.
import type { Command } from 'commander'
import { shippedCapabilities } from '../capabilities.ts'
import { checkPolicies, inspectPolicies } from '../compiler.ts'
import { inspectLines } from '../report.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { style, told, verb, type Json } from './run.ts'

export const inspectCommand = (toolchain: Toolchain) => (policy: Command): void => {
  verb(policy, 'inspect', 'packages, rules with their titles, and what each entrypoint reads of the input', `
  countersign policy inspect policies`)
    .action((dir: string | undefined, { json }: Json) => told(dir, json, 'inspecting', async ({ files, show }) => {
      const [packages, { reads }] = await Promise.all([inspectPolicies({ toolchain, files }), checkPolicies({ toolchain, files, capabilities: shippedCapabilities() })])
      return { document: { packages, reads }, lines: inspectLines(packages, reads, show, style) }
    }))
}
