// The same questions and the same SQL at a PostgreSQL that is older than the embedded one, where the machine has it: Debian's 15.
import test from 'ava'
import fs from 'node:fs'
import { threadId } from 'node:worker_threads'
import pg from 'pg'
import { maskedRoleSql } from '../../../../../gateway/protocols/postgres/doctor/index.ts'
import { bin, startServer } from '../../../../conformance/postgres/server.ts'
import { admit, type Patient } from './doctor-kit.ts'

const isHere = fs.existsSync(bin)
const where15 = isHere ? test.serial : test.serial.skip
let patient: Patient

test.before(async () => {
  if (!isHere) return
  const { address: { port }, workspace, stop } = await startServer(`doctor-${process.pid}-${threadId}`)
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  await client.connect()
  await client.query('create role bank superuser login')
  await client.end()
  patient = await admit({ port }, async () => { await stop(); fs.rmSync(workspace, { recursive: true, force: true }) })
})
test.after.always(() => patient?.close())

where15('PostgreSQL 15: superuser, owner and whoever may create are warned of', async (t) => {
  t.regex((await patient.read('plain')).version, /^15\./)
  t.deepEqual(await patient.warnings('plain'), ['raw_columns'])
  t.deepEqual(await patient.warnings('bank'), ['superuser'])
  await patient.query('create role keeper login; create role maker login; create schema workshop; grant create on schema workshop to maker; create schema held; create table held.customers (id int, ssn text); alter table held.customers owner to keeper; alter schema held owner to keeper')
  t.deepEqual(await patient.warnings('maker'), ['create'])
  t.deepEqual(await patient.warnings('keeper', { 'held.customers': { effects: [], labels: [], request: {}, result: { ssn: 'US_SSN' }, isOpaque: false } }), ['create', 'owner', 'raw_columns'])
})

where15('PostgreSQL 15: the role that the printed SQL makes reads what is not declared, and the server refuses it the rest', async (t) => {
  await patient.query('create view shown as select * from customers; grant select on shown to plain')
  const sql = maskedRoleSql(await patient.read('plain'), 'config.yaml of a test', 'masked')
  for (let run = 0; run < 2; run++) {
    await patient.query(sql)
    t.deepEqual(await patient.query('select id, name from customers', 'masked'), [{ id: 1, name: 'Ann' }])
    for (const text of ['select ssn from customers', 'select * from shown', "do $$ begin execute 'select ssn from customers'; end $$", 'copy customers (email) to stdout']) await t.throwsAsync(patient.query(text, 'masked'), { code: '42501' }, text)
  }
  t.deepEqual(await patient.warnings('masked'), [])
})
