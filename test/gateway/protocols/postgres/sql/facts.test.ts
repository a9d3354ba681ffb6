// Each statement of test/vectors/postgres/facts.txt has the facts written under it: kind, effects, relations, routines, settings, flags, unknown.
import { readFileSync } from 'node:fs'
import test from 'ava'
import type { Statement } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { createAnalyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import { createParser } from '../../../../../gateway/protocols/postgres/sql/parser.ts'
import { naming } from './town.ts'
import { untraced } from './untraced.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, untraced)
const statementsOf = async (text: string): Promise<readonly Statement[]> => {
  const analysis = await analyser.analyse(text, naming)
  return analysis.status === 'ok' ? analysis.statements : []
}

function line(one: Statement): string {
  const relations = one.relations.map(({ schema, name, oid, access, via, labels }) =>
    `${schema === '' ? '' : `${schema}.`}${name}${oid === undefined ? '?' : ''}:${access.join('+')}${via === undefined ? '' : ` via ${via}`}${labels === undefined ? '' : ` [${labels.join(',')}]`}`)
  const routines = one.routines.map(({ schema, name, isKnown, volatility, class: kind }) => `${schema}.${name}${isKnown ? '' : '?'}/${volatility}${kind === undefined ? '' : ` [${kind}]`}`)
  const settings = (one.settings ?? []).map(({ name, value, isReset }) => `${name}=${isReset === true ? 'reset' : value ?? '?'}`)
  const flags = [one.isBarrier ? 'barrier' : '', one.hasWhere ? 'where' : '', one.limit === undefined ? '' : `limit ${one.limit}`, one.hasReturning ? 'returning' : ''].filter((flag) => flag !== '')
  const kind = `${one.kind}${one.command === undefined ? '' : `/${one.command}`}${one.prepared === undefined ? '' : `=${one.prepared}`}`
  return [kind, one.effects.join(' '), relations.join(', '), routines.join(', '), settings.join(', '), flags.join(' '), one.unknown.join(' ')].join(' | ')
}

const vectors: { text: string; facts: string[] }[] = []
for (const row of readFileSync(new URL('../../../../vectors/postgres/facts.txt', import.meta.url), 'utf8').split('\n')) {
  if (row.startsWith('    ')) vectors.at(-1)?.facts.push(row.slice(4))
  else if (row !== '') vectors.push({ text: row, facts: [] })
}

test('every statement of the table has the facts written under it', async (t) => {
  t.true(vectors.length >= 200)
  for (const { text, facts } of vectors) t.deepEqual((await statementsOf(text)).map(line), facts, text)
})

test('a node that nobody knows counts as writing and as DDL, and its relations are still seen', async (t) => {
  const { readFacts } = await import('../../../../../gateway/protocols/postgres/sql/facts/facts.ts')
  const { facts } = readFacts({ TomorrowsStmt: { inner: [{ Whatever: { deep: { relname: 'customers' } } }] } }, naming)
  t.like(facts, { kind: 'tomorrows', effects: ['write', 'ddl'], isBarrier: true, unknown: ['unknown_statement'] })
  t.deepEqual(facts.relations.map(({ name, access }) => [name, access]), [['customers', ['ddl']]])
})

test('a relation resolves along the search path of the moment, temporary tables first', async (t) => {
  const { snapshotOf, relations } = await import('./town.ts')
  const shadow = { ...relations[0]!, oid: 9_000, schema: 'pg_temp_3' }
  const analysis = await analyser.analyse('select * from customers', { snapshot: snapshotOf([...relations, shadow]), path: ['pg_temp_3', 'pg_catalog', 'public'] })
  t.is(analysis.status === 'ok' ? analysis.statements[0]?.relations[0]?.oid : 0, 9_000)
})
