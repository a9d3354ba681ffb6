// `policy handbook`: what the rules are for, from their METADATA, with the matrix of controls, rules, tests and, given a record, decisions.
import type { Command } from 'commander'
import { inspectPolicies } from '../compiler.ts'
import { makeHandbook, type RuleCounts } from '../handbook/handbook.ts'
import { handbookMarkdown } from '../handbook/markdown.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { told, verb, type Json } from './run.ts'

/** Reads a record: what knows evidence is outside of this folder. */
export type CountRules = (directory: string, keysFile: string | undefined) => Promise<RuleCounts>

export const handbookCommand = (toolchain: Toolchain, countRules: CountRules) => (policy: Command): void => {
  verb(policy, 'handbook', 'a handbook from METADATA: rules, controls, tests that name them, modes; with --evidence, recorded decisions', `
  countersign policy handbook . > handbook.md
  countersign policy handbook --evidence evidence --keys keys.jsonl .    how often each rule decided`)
    .option('--evidence <dir>', 'evidence directory whose decisions are counted')
    .option('--keys <file>', "with --evidence: session keys, without which a record's decisions stay shut")
    .action((dir: string | undefined, { json, evidence, keys }: Json & { evidence?: string; keys?: string }) => told(dir, json, 'reading', async ({ files }) => {
      const counts = evidence === undefined ? undefined : await countRules(evidence, keys)
      const handbook = makeHandbook(files, await inspectPolicies({ files, toolchain }), counts)
      return { document: handbook, lines: [handbookMarkdown(handbook).trimEnd()] }
    }))
}
