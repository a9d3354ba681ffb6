// `policy lint`: the house rules, and Regal where it is on PATH.
import path from 'node:path'
import type { Command } from 'commander'
import { byPlace, lintPolicies } from '../lint/lint.ts'
import { regalFindings } from '../lint/regal.ts'
import { findingLines } from '../report.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { formatted, formOf, told, verb, type Formatted } from './run.ts'

/** @param environment in which regal is found, and run */
export const lintCommand = (toolchain: Toolchain, environment: Readonly<Record<string, string | undefined>>) => (policy: Command): void => {
  formatted(verb(policy, 'lint', 'house rules: names, METADATA with controls, a test beside every package, ids, no conflicts; and regal, where it is on PATH', `
  countersign policy lint .                 what to do stands in each finding, its rule's name at the end
  countersign policy lint --format sarif .`))
    .action((dir: string | undefined, form: Formatted) => told(dir, formOf(form), 'linting', async ({ files, folder, show }) => {
      const tops = [...new Set([...files.keys()].filter(file => file.endsWith('.rego')).map(file => file.split('/')[0] ?? ''))]
      const asked = regalFindings(folder, tops, environment)
      asked.catch(() => undefined)                         // of Rego that does not parse, ours says where
      const ours = await lintPolicies(files, toolchain)
      const regal = await asked
      const theirs = (regal ?? []).map(found => ({ ...found, file: path.isAbsolute(found.file) ? path.relative(folder, found.file) : found.file }))
      const findings = [...ours, ...theirs].toSorted(byPlace)
      const named = findings.map(found => ({ ...found, message: `${found.message} [${found.code}]` }))
      return {
        document: { findings, regal: regal !== undefined },
        lines: findings.length > 0 ? findingLines(named, show) : [`${files.size} files${regal === undefined ? '' : ', regal too'}: nothing to mend`],
        findings,
        isAmiss: findings.some(({ message }) => !message.startsWith('warning: ')),
      }
    }))
}
