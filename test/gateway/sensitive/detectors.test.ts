import test from 'ava'
import { readdirSync, readFileSync } from 'node:fs'
import { findSensitive } from '../../../gateway/sensitive/find.ts'
import { detectedClasses } from '../../../gateway/sensitive/index.ts'

interface Case { readonly text: string; readonly member?: string; readonly expect: readonly { readonly class: string; readonly match: string }[] }
const folder = new URL('../../vectors/sensitive/', import.meta.url)

for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
  const cases = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Case[]
  const name = file.replace('.json', '').replaceAll('-', '_').toUpperCase()
  test(`${name}: every value of the corpus is found, every near miss is let be`, (t) => {
    t.true((detectedClasses as readonly string[]).includes(name))
    t.true(cases.filter((one) => one.expect.length > 0).length >= 15)
    t.true(cases.filter((one) => one.expect.length === 0).length >= 15)
    for (const { text, member, expect } of cases) {
      const found = findSensitive(text, member).filter((finding) => finding.class === name)
      t.deepEqual(found.map((finding) => ({ class: finding.class as string, match: text.slice(finding.start, finding.end) })), [...expect], `${member ?? ''} ${text}`)
    }
  })
}

test('every detected class has a corpus', (t) => {
  t.deepEqual(readdirSync(folder).filter((name) => name.endsWith('.json')).map((name) => name.replace('.json', '').replaceAll('-', '_').toUpperCase()).sort(), [...detectedClasses].sort())
})

test('of overlapping findings the longer names the span, and nothing either covered is uncovered', (t) => {
  const text = 'password=jane@example.com'
  t.deepEqual(findSensitive(text), [{ start: 9, end: text.length, class: 'SECRET' }])
})

test('only the classes asked for are looked for', (t) => {
  t.deepEqual(findSensitive('123-45-6789 a@b.co', '', new Set(['EMAIL'])), [{ start: 12, end: 18, class: 'EMAIL' }])
})

const hostile: readonly (readonly [string, string])[] = [
  ['digits', '4'], ['digits and dashes', '4-'], ['digits and spaces', '41 '], ['at signs', '@'], ['words and at signs', 'a@'], ['dots', '1.'], ['colons', 'a:'], ['key prefixes', 'eyJ'],
  ['hyphened key prefixes', '-eyJ'], ['keys inside words', 'ask-'], ['jwt dots', 'eyJabcdefghijk.'], ['password names', 'password='], ['private key heads', '-----BEGIN PRIVATE KEY-----'], ['iban heads', 'DE89 '], ['account names', 'account 123456 '],
  ['urls', 'http://a:'], ['plus signs', '+1 '], ['full-width digits', '４'], ['brackets', '(415) '], ['birth dates', 'born 1980-01-01 '], ['bearer', 'bearer '], ['hex words', 'a1b2c3d4e5'], ['secrets', 'secret_key '], ['spaced names', 'account   '],
]
for (const [name, unit] of hostile) {
  test(`a hostile text of ${name} costs time in proportion to its length`, (t) => {
    const cost = (length: number) => {
      const text = unit.repeat(Math.ceil(length / unit.length))
      const start = process.threadCpuUsage()
      findSensitive(text, 'account_number')
      const { user, system } = process.threadCpuUsage(start)
      return user + system
    }
    cost(10_000)
    const [small, large] = [1, 2, 3].map(() => [cost(20_000), cost(160_000)] as const).reduce(([a, b], [c, d]) => [Math.min(a, c), Math.min(b, d)])
    // Eight times the text: linear is 8, quadratic 64. The floor is the coarseness of a thread's CPU clock; a quadratic detector needs seconds here.
    t.true(large < 30 * Math.max(small, 8_000), `${small} µs, ${large} µs`)
  })
}
