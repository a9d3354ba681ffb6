// `policy capabilities`: the built-ins that a policy may use.
import type { Command } from 'commander'
import { generateCapabilities } from '../capabilities.ts'
import { ran, type Json } from './run.ts'

export function capabilitiesCommand(policy: Command): void {
  policy.command('capabilities')
    .description('the built-ins that a policy may use: what wasm has and what the host supplies')
    .option('--json', "the document in OPA's capabilities format")
    .addHelpText('after', `\nExamples:\n  countersign policy capabilities --json > rego/capabilities.json   after a change of the host's built-ins`)
    .action(({ json }: Json) => ran(json, 'asking the compiler', String, async () => {
      const { hostBuiltins } = await import('../builtins/index.ts')
      const capabilities = await generateCapabilities(hostBuiltins.keys())
      return { document: capabilities, lines: capabilities.builtins.map(({ name }) => name) }
    }))
}
