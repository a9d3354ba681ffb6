// JUnit's XML, as CI servers read it: a suite for each package of tests, or one with a case for each finding.
import type { TestResult } from '../compiler.ts'
import { place } from '../compiler.ts'
import type { Finding } from '../errors.ts'
import { severityOf } from './severity.ts'

export function junitTests(tests: readonly TestResult[], show: (file: string) => string): string {
  const suites = [...Map.groupBy(tests, ({ package: name }) => name)].map(([name, inSuite]) => suite(name, inSuite.map(test => ({
    name: test.name, file: show(test.file), line: test.row, seconds: test.ns / 1e9, ...problemOf(test, show), output: test.output ?? '',
  }))))
  return document(suites)
}

/** Warnings are no failures: they stand in the output of their case. */
export function junitFindings(findings: readonly Finding[], show: (file: string) => string): string {
  const cases = findings.map((finding): Case => {
    const { level, text } = severityOf(finding)
    const shown = `${place({ ...finding, file: finding.file === '' ? '' : show(finding.file) })}${text}`
    return {
      name: finding.code, file: finding.file === '' ? '' : show(finding.file), line: finding.row, seconds: 0,
      ...level === 'error' ? { failure: { message: text, text: shown }, output: '' } : { output: `warning: ${shown}` },
    }
  })
  return document([suite('policy', cases.length > 0 ? cases : [{ name: 'check', file: '', line: 0, seconds: 0, output: '' }])])
}

interface Problem { readonly message: string; readonly text: string }
interface Case {
  readonly name: string
  readonly file: string
  readonly line: number
  readonly seconds: number
  readonly failure?: Problem
  readonly error?: Problem
  readonly isSkipped?: boolean
  readonly output: string
}

function problemOf(test: TestResult, show: (file: string) => string): Pick<Case, 'failure' | 'error' | 'isSkipped'> {
  const said = test.message ?? ''
  const cases = (test.failed_cases ?? []).map(name => `case ${name}`)
  const at = `${show(test.fail_file ?? test.file)}:${test.fail_row ?? test.row}`
  const text = [...cases, `${at}: not true`, said].filter(line => line !== '').join('\n')
  if (test.outcome === 'fail') return { failure: { message: cases.join(', ') || (said.split('\n')[0] ?? ''), text } }
  if (test.outcome === 'error') return { error: { message: said.split('\n')[0] ?? '', text: said } }
  return test.outcome === 'skip' ? { isSkipped: true } : {}
}

function suite(name: string, cases: readonly Case[]): string {
  const count = (has: (one: Case) => boolean) => cases.filter(has).length
  const seconds = cases.reduce((sum, one) => sum + one.seconds, 0)
  return [
    `  <testsuite${attributes({ name, tests: cases.length, failures: count(one => one.failure !== undefined), errors: count(one => one.error !== undefined), skipped: count(one => one.isSkipped === true), time: seconds.toFixed(6) })}>`,
    ...cases.map(one => testcase(name, one)),
    '  </testsuite>',
  ].join('\n')
}

function testcase(suiteName: string, one: Case): string {
  const problem = (kind: 'failure' | 'error', { message, text }: Problem) => `      <${kind}${attributes({ message })}>${xml(text)}</${kind}>`
  return [
    `    <testcase${attributes({ classname: suiteName, name: one.name, ...one.file === '' ? {} : { file: one.file, line: one.line }, time: one.seconds.toFixed(6) })}>`,
    ...one.failure === undefined ? [] : [problem('failure', one.failure)],
    ...one.error === undefined ? [] : [problem('error', one.error)],
    ...one.isSkipped === true ? ['      <skipped/>'] : [],
    ...one.output === '' ? [] : [`      <system-out>${xml(one.output)}</system-out>`],
    '    </testcase>',
  ].join('\n')
}

function document(suites: readonly string[]): string {
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites, '</testsuites>'].join('\n')
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values).map(([name, value]) => ` ${name}="${xml(String(value)).replaceAll('\n', '&#10;')}"`).join('')
}

// XML 1.0 §2.2 has no place for most control characters, escaped or not.
function xml(text: string): string {
  return text.replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd').toWellFormed()
    .replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
