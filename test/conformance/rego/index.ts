// OPA's own compliance cases over our compiler and host, with plain opa-wasm's figure beside ours. `OPA_CASES` names a file of
// them (JSON lines, gzipped or not: they are OPA's, so none is in this repository); without it they are made where Go is at hand.
// `exceptions.json` says why of each case that does not count. One that passes all the same is a failure, so the list stays true.
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Outcome } from '../outcome.ts'
import { makeCases, readCases } from './case.ts'
import type { OpaCase } from './case.ts'
import type { Verdict } from './verdict.ts'

const workers = 2
const maxFailuresShown = 60

interface Row { readonly family: string; cases: number; passed: number; failed: number; excepted: number; plain: number }

export async function regoConformance(): Promise<readonly Outcome[] | undefined> {
  const named = process.env['OPA_CASES']
  const cases = named === undefined ? makeCases() : readCases(named)
  if (cases === undefined) return undefined
  const exceptions = new Map(Object.entries(readExceptions()))
  const verdicts = (await Promise.all(Array.from({ length: workers }, (_worker, at) => judged(cases.filter((_case, index) => index % workers === at))))).flat()
  const rows = new Map<string, Row>()
  const failures: string[] = []
  for (const { name, family, ours, plain } of verdicts) {
    const row = rows.get(family) ?? { family, cases: 0, passed: 0, failed: 0, excepted: 0, plain: 0 }
    rows.set(family, row)
    row.cases++
    if (plain === undefined) row.plain++
    if (exceptions.has(name)) {
      row.excepted++
      if (ours === undefined) failures.push(`${name}: passes, and exceptions.json has it`)
    } else if (ours === undefined) row.passed++
    else {
      row.failed++
      failures.push(`${name}: ${ours}`)
    }
  }
  const families = [...rows.values()].sort((a, b) => a.family < b.family ? -1 : 1)
  const total = families.reduce((sum, row) => ({ family: 'all', cases: sum.cases + row.cases, passed: sum.passed + row.passed, failed: sum.failed + row.failed, excepted: sum.excepted + row.excepted, plain: sum.plain + row.plain }), { family: 'all', cases: 0, passed: 0, failed: 0, excepted: 0, plain: 0 })
  const failed = failures.length
  return [
    { name: 'by family', passed: true, detail: `\n${table([...families, total])}` },
    {
      name: 'OPA compliance',
      passed: failed === 0,
      detail: `${total.passed} passed, ${failed} failed, ${total.excepted} excepted of ${total.cases} (${percent(total.passed, total.cases)} of all; plain opa-wasm ${total.plain}, ${percent(total.plain, total.cases)})${failures.slice(0, maxFailuresShown).map(line => `\n       ${line}`).join('')}${failed > maxFailuresShown ? `\n       … and ${failed - maxFailuresShown} more` : ''}`,
    },
  ]
}

function judged(cases: readonly OpaCase[]): Promise<readonly Verdict[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData: cases, resourceLimits: { stackSizeMb: 16 } })
    worker.once('message', resolve).once('error', reject)
    worker.once('exit', status => { if (status !== 0) reject(new Error(`a worker ended with status ${status}`)) })
  })
}

function readExceptions(): Record<string, string> {
  // Reasons, and under each the cases it is the reason for.
  const reasons = JSON.parse(readFileSync(new URL('exceptions.json', import.meta.url), 'utf8')) as Record<string, readonly string[]>
  return Object.fromEntries(Object.entries(reasons).flatMap(([reason, names]) => names.map(name => [name, reason])))
}

function table(rows: readonly Row[]): string {
  const head = ['family', 'cases', 'passed', 'failed', 'excepted', 'plain passed']
  const body = rows.map(row => [row.family, row.cases, row.passed, row.failed, row.excepted, row.plain].map(String))
  const width = head.map((title, at) => Math.max(title.length, ...body.map(line => (line[at] ?? '').length)))
  return [head, ...body].map(line => `       ${line.map((cell, at) => at === 0 ? cell.padEnd(width[at] ?? 0) : cell.padStart(width[at] ?? 0)).join('  ')}`).join('\n')
}

function percent(part: number, whole: number): string {
  return `${(Math.floor(part / Math.max(whole, 1) * 1000) / 10).toFixed(1)} %`
}
