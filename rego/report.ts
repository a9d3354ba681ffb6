// What the commands say to people, as lines of text. Pure: the terminal, its colours and the exit status belong to cli.ts.
import type { Coverage, FileCoverage, InputReads, InspectedPackage, RuleCost, TestResult } from './compiler.ts'
import type { Finding } from './errors.ts'
import { explained } from './hints.ts'
import { createPruner } from './prune.ts'

/** How a word is set off: colour on a terminal, nothing elsewhere. */
export interface Style { good(text: string): string; bad(text: string): string; faint(text: string): string }
/** From a path in the source to one that an editor opens from here. */
type Show = (file: string) => string

export function findingLines(findings: readonly Finding[], show: Show): string[] {
  return findings.map(explained).map(({ file, row, col, message }) => {
    if (file === '') return message
    return `${row === 0 ? show(file) : `${show(file)}:${row}:${col}`}: ${message}`
  })
}

/** What costs a decision its cache entry: reading all of `input`, or what differs in every call. */
export function cacheWarnings(reads: InputReads): Finding[] {
  return Object.entries(reads).flatMap(([entrypoint, list]) => list.filter(({ path }) => createPruner([path]).isVolatile).map(({ path, file, row, col }) => {
    const what = path.length === 0 ? 'all of input' : `input.${path.join('.')}`
    return { code: 'uncached', message: `warning: ${entrypoint} reads ${what}, so it is evaluated anew for every call`, file, row, col }
  }))
}

/** A line for each file, and under it whatever did not pass; with `isVerbose` every test. */
export function testLines(tests: readonly TestResult[], isVerbose: boolean, show: Show, style: Style): string[] {
  const lines: string[] = []
  for (const [file, inFile] of Map.groupBy(tests, test => test.file)) {
    const passed = inFile.filter(test => test.outcome === 'pass').length
    const mark = inFile.every(test => test.outcome === 'pass' || test.outcome === 'skip') ? style.good('ok    ') : style.bad('FAIL  ')
    lines.push(`${mark} ${show(file)}  ${style.faint(`${passed}/${inFile.length}`)}`)
    for (const test of inFile) if (isVerbose || test.outcome !== 'pass') lines.push(...oneTest(test, show, style))
  }
  return lines
}

function oneTest(test: TestResult, show: Show, style: Style): string[] {
  const words = { pass: style.good('pass '), fail: style.bad('fail '), error: style.bad('error'), skip: 'skip ' }
  const aside = test.outcome === 'pass' ? `${(test.ns / 1e6).toFixed(1)} ms` : `${show(test.file)}:${test.row}`
  const head = `  ${words[test.outcome]} ${test.name}  ${style.faint(aside)}`
  const below = [
    ...(test.failed_cases ?? []).map(name => `case ${name}`),
    ...(test.outcome === 'fail' || test.outcome === 'error' ? [`${show(test.fail_file ?? test.file)}:${test.fail_row ?? test.row}: not true`] : []),
    ...(test.message ?? '').split('\n').map(line => `  ${line}`),
    ...(test.output ?? '').split('\n').map(line => style.faint(line)),
  ].filter(line => line.trim() !== '')
  return [head, ...below.map(line => `          ${line}`)]
}

export function testSummary(tests: readonly TestResult[], style: Style): string {
  const count = (outcome: TestResult['outcome']) => tests.filter(test => test.outcome === outcome).length
  const failed = count('fail') + count('error')
  const parts = [
    style.good(`${count('pass')} passed`),
    ...(failed > 0 ? [style.bad(`${failed} failed`)] : []),
    ...(count('skip') > 0 ? [`${count('skip')} skipped`] : []),
  ]
  return `${tests.length} test${tests.length === 1 ? '' : 's'}: ${parts.join(', ')}`
}

export function coverageLines(coverage: Coverage, show: Show): string[] {
  const rows = Object.entries(coverage.files).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const width = Math.max(0, ...rows.map(([file]) => show(file).length))
  return [
    `coverage ${coverage.coverage.toFixed(1)} % of ${coverage.covered_lines + coverage.not_covered_lines} lines`,
    ...rows.map(([file, one]) => `  ${show(file).padEnd(width)}  ${(one.coverage ?? 0).toFixed(1).padStart(5)} %${missed(one)}`),
  ]
}

function missed(file: FileCoverage): string {
  const rows = new Set((file.not_covered ?? []).flatMap(({ start, end }) => Array.from({ length: end.row - start.row + 1 }, (_, i) => start.row + i)))
  for (const { start } of file.covered ?? []) rows.delete(start.row)
  const spans: [number, number][] = []
  for (const row of [...rows].toSorted((a, b) => a - b)) {
    const last = spans.at(-1)
    if (last !== undefined && last[1] === row - 1) last[1] = row
    else spans.push([row, row])
  }
  return spans.length === 0 ? '' : `  not covered: ${spans.map(([from, to]) => (from === to ? from : `${from}-${to}`)).join(', ')}`
}

const shownCosts = 20

/** The dearest rules, and what share of all of them each is. */
export function costLines(costs: readonly RuleCost[], show: Show, style: Style): string[] {
  const all = costs.reduce((sum, { ns }) => sum + ns, 0)
  const shown = costs.slice(0, shownCosts)
  const rest = costs.length - shown.length
  return [
    `${milliseconds(all)} in ${costs.length} rules`,
    ...shown.map(({ package: name, name: rule, file, row, ns, evals }) =>
      `  ${milliseconds(ns).padStart(10)}  ${(100 * ns / Math.max(1, all)).toFixed(1).padStart(5)} %  ${`${evals}`.padStart(7)} evaluations  ${name}.${rule}  ${style.faint(`${show(file)}:${row}`)}`),
    ...rest > 0 ? [style.faint(`  and ${rest} more`)] : [],
  ]
}

export function slowestLines(tests: readonly TestResult[], show: Show, style: Style): string[] {
  return tests.toSorted((a, b) => b.ns - a.ns).slice(0, 5).map(test => `  ${milliseconds(test.ns).padStart(10)}  ${test.package}.${test.name}  ${style.faint(`${show(test.file)}:${test.row}`)}`)
}

function milliseconds(ns: number): string {
  return `${(ns / 1e6).toFixed(1)} ms`
}

export function inspectLines(packages: readonly InspectedPackage[], reads: InputReads, show: Show, style: Style): string[] {
  const lines: string[] = []
  for (const one of packages.filter(({ rules }) => rules.length > 0)) {
    lines.push(one.package)
    // A rule written in several bodies is one rule to its reader.
    for (const [name, bodies] of Map.groupBy(one.rules, rule => rule.name)) {
      const title = bodies.find(body => body.annotations?.title !== undefined)?.annotations?.title
      const first = bodies[0]
      lines.push(`  ${name}${title === undefined ? '' : `  ${title}`}  ${style.faint(first === undefined ? '' : `${show(first.file)}:${first.row}`)}`)
    }
  }
  lines.push(`${packages.reduce((sum, one) => sum + one.tests, 0)} tests`)
  for (const [entrypoint, list] of Object.entries(reads)) {
    lines.push(`${entrypoint} reads`, ...list.map(({ path }) => `  ${['input', ...path].join('.')}`))
  }
  return lines
}
