// `policy fmt`: the files in canonical form.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { formatPolicies } from '../compiler.ts'
import { unifiedDiff } from '../line-diff.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { style, told, verb, type Json } from './run.ts'

export const fmtCommand = (toolchain: Toolchain) => (policy: Command): void => {
  verb(policy, 'fmt', 'put the files into canonical form', `
  countersign policy fmt policies           rewrites what differs and lists it
  countersign policy fmt --check policies   lists only; exit 1 if anything differs
  countersign policy fmt --diff policies    shows what would change, as a patch; exit 1 if anything would`)
    .option('--check', 'change nothing; exit 1 if a file is not in canonical form')
    .option('--diff', 'change nothing; show the difference')
    .action((dir: string | undefined, { json, check = false, diff = false }: Json & { check?: boolean; diff?: boolean }) => told(dir, json, 'formatting', async ({ files, folder, show }) => {
      const changed = await formatPolicies({ toolchain, files })
      const isWritten = !check && !diff
      if (isWritten) for (const [file, text] of changed) writeFileSync(path.join(folder, file), text)
      const diffs = diff ? [...changed].flatMap(([file, text]) => unifiedDiff(Buffer.from(files.get(file) ?? []).toString('utf8'), text, file)) : []
      return {
        document: { changed: [...changed.keys()], written: isWritten, ...diff ? { diff: diffs.join('\n') } : {} },
        lines: diff ? diffs.map(coloured) : [...changed.keys()].map(show),
        isAmiss: !isWritten && changed.size > 0,
      }
    }))
}

function coloured(line: string): string {
  if (line.startsWith('+') && !line.startsWith('+++')) return style.good(line)
  return line.startsWith('-') && !line.startsWith('---') ? style.bad(line) : line
}
