// SARIF 2.1.0 (OASIS), which code scanning and editors read: §3.13 log, §3.14 run, §3.27 result.
import type { TestResult } from '../compiler.ts'
import type { Finding } from '../errors.ts'
import { severityOf } from './severity.ts'

const schema = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json'

export function sarifFindings(findings: readonly Finding[], show: (file: string) => string): unknown {
  return log(findings.map(finding => {
    const { level, text } = severityOf(finding)
    return result(finding.code, level, text, finding.file === '' ? undefined : { uri: show(finding.file), row: finding.row, col: finding.col })
  }))
}

export function sarifTests(tests: readonly TestResult[], show: (file: string) => string): unknown {
  return log(tests.filter(({ outcome }) => outcome === 'fail' || outcome === 'error').map(test =>
    result('test', 'error', `${test.package}.${test.name}: ${test.message ?? 'not true'}`, { uri: show(test.fail_file ?? test.file), row: test.fail_row ?? test.row, col: 0 })))
}

interface Result { readonly ruleId: string; readonly [name: string]: unknown }

function log(results: readonly Result[]): unknown {
  const rules = [...new Set(results.map(({ ruleId }) => ruleId))].toSorted().map(id => ({ id }))
  return { $schema: schema, version: '2.1.0', runs: [{ tool: { driver: { name: 'countersign policy', rules } }, results }] }
}

function result(ruleId: string, level: 'error' | 'warning', text: string, place?: { readonly uri: string; readonly row: number; readonly col: number }): Result {
  const region = place === undefined || place.row === 0 ? {} : { region: { startLine: place.row, ...place.col === 0 ? {} : { startColumn: place.col } } }
  return {
    ruleId, level, message: { text },
    ...place === undefined ? {} : { locations: [{ physicalLocation: { artifactLocation: { uri: place.uri.split('\\').join('/') }, ...region } }] },
  }
}
