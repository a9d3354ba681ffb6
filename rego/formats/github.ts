// Annotations of GitHub Actions: workflow commands, one line each, which a pull request shows beside the line.
import type { TestResult } from '../compiler.ts'
import type { Finding } from '../errors.ts'
import { severityOf } from './severity.ts'

export function githubFindings(findings: readonly Finding[], show: (file: string) => string): string[] {
  return findings.map(finding => {
    const { level, text } = severityOf(finding)
    return command(level, { ...finding.file === '' ? {} : { file: show(finding.file) }, ...finding.row === 0 ? {} : { line: finding.row, col: finding.col }, title: finding.code }, text)
  })
}

export function githubTests(tests: readonly TestResult[], show: (file: string) => string): string[] {
  return tests.filter(({ outcome }) => outcome === 'fail' || outcome === 'error').map(test => {
    const place = { file: show(test.fail_file ?? test.file), line: test.fail_row ?? test.row, title: `${test.package}.${test.name}` }
    return command('error', place, [...(test.failed_cases ?? []).map(name => `case ${name}`), test.message ?? 'not true', ...test.output === undefined ? [] : [test.output]].join('\n'))
  })
}

function command(level: 'error' | 'warning', properties: Readonly<Record<string, string | number>>, text: string): string {
  const listed = Object.entries(properties).map(([name, value]) => `${name}=${escaped(String(value)).replaceAll(':', '%3A').replaceAll(',', '%2C')}`)
  return `::${level} ${listed.join(',')}::${escaped(text)}`
}

function escaped(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}
