// `policy deps`: what each entrypoint, and each rule, reads of the input and of data, through all that it asks.
import type { Command } from 'commander'
import { shippedCapabilities } from '../capabilities.ts'
import { findDependencies, type Dependencies } from '../dependencies.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { style, told, verb, type Json } from './run.ts'

export const depsCommand = (toolchain: Toolchain) => (policy: Command): void => {
  verb(policy, 'deps', 'what each entrypoint reads of the input and of data; with --rule, what a rule does', `
  countersign policy deps policies
  countersign policy deps --rule policies.mcp policies    rules whose name begins so, each with what it asks`)
    .option('--rule <name>', 'rules by the start of their full name, instead of entrypoints')
    .action((dir: string | undefined, { json, rule }: Json & { rule?: string }) => told(dir, json, 'reading', async ({ files, show }) => {
      const found = await findDependencies({ toolchain, files, capabilities: shippedCapabilities() })
      const listed = rule === undefined ? found.entrypoints : found.rules.filter(({ name }) => name === rule || name.startsWith(`${rule}.`))
      return {
        document: rule === undefined ? found : { rules: listed },
        lines: listed.length === 0 ? [`there is no rule ${rule}`] : listed.flatMap(one => dependencyLines(one, rule !== undefined, show)),
        isAmiss: listed.length === 0,
      }
    }))
}

function dependencyLines({ name, file, row, input, data, rules }: Dependencies, wantsRules: boolean, show: (file: string) => string): string[] {
  const paths = (root: string, reads: Dependencies['input']) => reads.map(read => `  ${[root, ...read.path].join('.')}${read.file === '' ? '' : style.faint(`  ${show(read.file)}:${read.row}`)}`)
  return [
    `${name}${file === undefined ? '' : style.faint(`  ${show(file)}:${row}`)}`,
    ...paths('input', input),
    ...paths('data', data),
    ...wantsRules ? rules.map(asked => `  asks ${asked}`) : [style.faint(`  and asks ${rules.length} rules`)],
  ]
}
