// `policy fmt`: the files in canonical form.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { formatPolicies } from '../compiler.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { told, verb, type Json } from './run.ts'

export const fmtCommand = (toolchain: Toolchain) => (policy: Command): void => {
  verb(policy, 'fmt', 'put the files into canonical form', `
  countersign policy fmt policies           rewrites what differs and lists it
  countersign policy fmt --check policies   lists only; exit 1 if anything differs`)
    .option('--check', 'change nothing; exit 1 if a file is not in canonical form')
    .action((dir: string | undefined, { json, check = false }: Json & { check?: boolean }) => told(dir, json, 'formatting', async ({ files, folder, show }) => {
      const changed = await formatPolicies({ toolchain, files })
      if (!check) for (const [file, text] of changed) writeFileSync(path.join(folder, file), text)
      return { document: { changed: [...changed.keys()], written: !check }, lines: [...changed.keys()].map(show), isAmiss: check && changed.size > 0 }
    }))
}
