// The native backstop: the generated SQL runs on a real server, and the role that it makes can read everything but the declared columns.
import test from 'ava'
import { maskedRoleSql } from '../../../../../gateway/protocols/postgres/doctor/index.ts'
import { comment, quoteName, quoteText } from '../../../../../gateway/protocols/postgres/doctor/quote.ts'
import { declared, declares, openPatient, type Patient } from './doctor-kit.ts'

let patient: Patient
test.before(async () => { patient = await openPatient() })
test.after.always(() => patient?.close())

const make = async (role: string, catalogue: Parameters<Patient['read']>[1] = declared) => await patient.query(maskedRoleSql(await patient.read('plain', catalogue), 'config.yaml of a test', role))
const refused = { code: '42501' } as const

test.serial('the role can read what is not declared, and write what the gateway\'s role could', async (t) => {
  await make('masked')
  t.deepEqual(await patient.query('select id, name from customers', 'masked'), [{ id: 1, name: 'Ann' }])
  await patient.query("insert into branches (town) values ('Lima')", 'masked')
  t.deepEqual(await patient.query('select town from branches', 'masked'), [{ town: 'Lima' }])
  await patient.query("insert into customers values (2, 'Bob', '987-65-4320', 'bob@example.org')", 'masked')
  await patient.query('delete from customers where id = 2', 'masked')
})

for (const [what, text] of [
  ['as a plain column', 'select ssn from customers'], ['through an alias', 'select ssn as x from customers'], ['as a whole row', 'select customers from customers'], ['by a star', 'select * from customers'],
  ['in a predicate', "select id from customers where ssn like '1%'"], ['by RETURNING', 'update customers set name = name where id = 1 returning ssn'], ['from one column into another', 'update customers set name = ssn'],
  ['by COPY', 'copy customers (ssn) to stdout'], ['in dynamic SQL', "do $$ declare v text; begin execute 'select ssn from customers' into v; raise notice '%', v; end $$"],
  ['in a query in a text', "select query_to_xml('select ssn from customers', true, true, '')"],
] as const) {
  test.serial(`the server itself refuses it a declared column ${what}`, async (t) => {
    await make('masked')
    await t.throwsAsync(patient.query(text, 'masked'), refused)
  })
}

test.serial('nothing is left to warn of when the gateway signs in as that role', async (t) => {
  await make('masked')
  t.deepEqual(await patient.warnings('masked'), [])
})

test.serial('a view over declared columns is not granted, also in a second run after it was; another view is', async (t) => {
  await patient.query('create view leaky as select name, ssn as x from customers; create view leakier as select x from leaky; create view harmless as select town from branches; grant select on leaky, leakier, harmless to plain')
  await make('masked')
  await patient.query('grant select on leakier to masked')
  await make('masked')
  for (const view of ['leaky', 'leakier']) await t.throwsAsync(patient.query(`select * from ${view}`, 'masked'), refused, view)
  await t.notThrowsAsync(patient.query('select * from harmless', 'masked'))
  t.regex(maskedRoleSql(await patient.read('plain'), 'x'), /^-- A view reads with its owner's rights, and public\.leakier reads declared columns or routines/m)
  await patient.query('drop view leakier, leaky, harmless')
})

test.serial('where PUBLIC can read a declared column, nothing of it is kept and the column is named', async (t) => {
  await patient.query('grant select on customers to public')
  const error = await t.throwsAsync(make('unsafe'), refused)
  t.is(error.message, 'unsafe can still read public.customers.ssn: revoke it from PUBLIC and from the roles that unsafe is a member of')
  t.deepEqual(await patient.query("select from pg_roles where rolname = 'unsafe'"), [])
  await patient.query('revoke select on customers from public')
})

test.serial('a role that is there already loses what it must not have; a member of a superuser is refused', async (t) => {
  await patient.query('create role loud login superuser bypassrls createrole; grant select on customers to loud')
  await make('loud')
  t.deepEqual(await patient.warnings('loud'), [])
  await patient.query('create role sly login; grant bank to sly')
  const error = await t.throwsAsync(make('sly'), refused)
  t.is(error.message, 'sly is a member of a role that no privilege holds')
})

test.serial('what the gateway\'s own role cannot read, the new one is not given', async (t) => {
  await patient.query('create table vault (gold text); insert into vault values (1)')
  await make('masked')
  await t.throwsAsync(patient.query('select gold from vault', 'masked'), refused)
  await patient.query('drop table vault')
})

test.serial('whatever tables, columns and roles are called, their names stay names', async (t) => {
  const table = 'x"; drop table branches; --\n\u202e$$\'\\'
  const column = "c'\n); drop table branches; --\u0007\\"
  const role = 'r"; drop table branches; --\n\''
  await patient.query(`create table ${pgName(table)} (${pgName(column)} text, ok int); insert into ${pgName(table)} values ('secret', 7); grant select on ${pgName(table)} to plain`)
  const catalogue = { [`public.${table}`]: declares({ [column]: 'SECRET' }) }
  const text = maskedRoleSql(await patient.read('plain', catalogue), 'commit\n; drop table branches', role)
  t.deepEqual(text.match(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu), null)
  await patient.query(text)
  t.deepEqual(await patient.query(`select ok from ${pgName(table)}`, role), [{ ok: 7 }])
  await t.throwsAsync(patient.query(`select ${pgName(column)} from ${pgName(table)}`, role), refused)
  t.is((await patient.query('select count(*)::int as n from branches'))[0]?.['n'], 1)
  await patient.query(`drop table ${pgName(table)}`)
})

test('names and texts are quoted; what cannot be seen is written by its number', (t) => {
  t.is(quoteName('a"b'), '"a""b"')
  t.is(quoteName('a\n"\\'), 'U&"a\\+00000a""\\\\"')
  t.is(quoteText("it's"), "'it''s'")
  t.is(quoteText('a\\b'), "U&'a\\\\b'")
  t.is(comment('a\nb\u2028c'), '-- a?b?c')
})

const pgName = (name: string) => `"${name.replaceAll('"', '""')}"`
