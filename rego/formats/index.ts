// What is found, in the form that a machine reads.
import type { TestResult } from '../compiler.ts'
import type { Finding } from '../errors.ts'
import { explained } from '../hints.ts'
import { githubFindings, githubTests } from './github.ts'
import { junitFindings, junitTests } from './junit.ts'
import { sarifFindings, sarifTests } from './sarif.ts'

export const formats = ['pretty', 'json', 'github', 'sarif', 'junit'] as const
export type Format = (typeof formats)[number]
/** Those that know findings and tests, and nothing else. */
export type MachineFormat = Exclude<Format, 'pretty' | 'json'>

export function isMachineFormat(format: Format): format is MachineFormat {
  return format !== 'pretty' && format !== 'json'
}

export function formatFindings(format: MachineFormat, found: readonly Finding[], show: (file: string) => string): string {
  const findings = found.map(explained)
  if (format === 'github') return githubFindings(findings, show).join('\n')
  if (format === 'junit') return junitFindings(findings, show)
  return JSON.stringify(sarifFindings(findings, show), undefined, 1)
}

export function formatTests(format: MachineFormat, tests: readonly TestResult[], show: (file: string) => string): string {
  if (format === 'github') return githubTests(tests, show).join('\n')
  if (format === 'junit') return junitTests(tests, show)
  return JSON.stringify(sarifTests(tests, show), undefined, 1)
}
