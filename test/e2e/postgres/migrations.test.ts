// Migration tools, statement by statement, for a group that may change the schema and does not see every value: served; for who may only read, refused in words.
import fs from 'node:fs'
import test from 'ava'
import { errorOf, texts } from '../postgres-client.ts'
import { frontOf } from './front.ts'

const front = frontOf(test, { settings: { approval_wait_s: 0 } })

function statements(): { readonly tool: string; readonly sql: string }[] {
  let tool = ''
  return fs.readFileSync(new URL('../../vectors/postgres/migrations.txt', import.meta.url), 'utf8').split('\n').flatMap((line) => {
    if (line.startsWith('# ')) tool = line.slice(2)
    return line === '' || line.startsWith('#') ? [] : [{ tool, sql: line }]
  })
}

test('what migration tools send is served to the group that data names, each time', async (t) => {
  t.timeout(120_000)
  const client = await front().as('owners')
  const all = statements()
  t.true(all.length > 60)
  const wrong: string[] = []
  for (const { tool, sql } of all) {
    const error = errorOf(await client.simple(sql))
    if (error !== undefined) wrong.push(`${tool}: ${error['C']} ${error['M']}: ${sql.slice(0, 120)}`)
  }
  t.deepEqual(wrong, [])
  // Other tables of that schema, and the column that is masked, are what they were.
  t.regex(errorOf(await client.simple('update items set name = name'))?.['D'] ?? '', /pg\.whole_table: UPDATE or DELETE without WHERE changes every row/)
  t.is(errorOf(await client.simple('update customers set name = ssn where id = 1'))?.['C'], '42501')
  t.deepEqual(texts(await client.simple('select is_locked from knex_migrations_lock')), [['0']])
  client.destroy()
})

test('who may only read makes none of their tables, and is told why', async (t) => {
  const client = await front().as('analysts')
  for (const { tool, sql } of statements()) {
    if (!/^(create|drop|truncate|insert|update|delete)/i.test(sql)) continue
    const error = errorOf(await client.simple(sql))
    t.is(error?.['C'], '42501', `${tool}: ${sql}`)
    t.regex(error?.['M'] ?? '', /is not open to your groups|may read this database, not change it/, `${tool}: ${sql}`)
  }
  client.destroy()
})
