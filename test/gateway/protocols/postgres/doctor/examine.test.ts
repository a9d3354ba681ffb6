// What the doctor says of the gateway's own role: each power that would go past the gateway is named, on a real server.
import test from 'ava'
import { examineDatabase } from '../../../../../gateway/protocols/postgres/doctor/index.ts'
import { declared, declares, openPatient, type Patient } from './doctor-kit.ts'

let patient: Patient
test.before(async () => { patient = await openPatient() })
test.after.always(() => patient?.close())

test('a plain role that reads and writes its tables is warned of for one thing: the declared columns it can read', async (t) => {
  t.deepEqual(await patient.warnings('plain'), ['raw_columns'])
  t.regex(await patient.says('plain', 'raw_columns'), /^masks alone stand between callers and public\.customers\.ssn, public\.customers\.email: plain can read them/)
})

test('a superuser is named first of all, and nothing else is told of what it may do', async (t) => {
  t.deepEqual(await patient.warnings('bank'), ['superuser'])
  t.regex(await patient.says('bank', 'superuser'), /^bank is superuser/)
})

for (const [what, set, check] of [
  ['BYPASSRLS', 'bypassrls', 'bypass_rls'], ['CREATEROLE', 'createrole', 'create_role'], ['CREATEDB', 'createdb', 'create_database'], ['REPLICATION', 'replication', 'replication'],
] as const) {
  test(`a role with ${what} is warned of, and one that is a member of such a role as well`, async (t) => {
    await patient.query(`create role has_${set} login ${set}; create role takes_${set} login; grant has_${set} to takes_${set}`)
    t.deepEqual(await patient.warnings(`has_${set}`), [check])
    t.regex(await patient.says(`has_${set}`, check), new RegExp(`^has_${set} is `))
    t.deepEqual(await patient.warnings(`takes_${set}`), [check])
    t.regex(await patient.says(`takes_${set}`, check), new RegExp(`^takes_${set} is a member of has_${set}, which is `))
  })
}

test('a member of a superuser, which SET ROLE would make it, is warned of', async (t) => {
  await patient.query('create role deputy login; grant bank to deputy')
  t.true((await patient.warnings('deputy')).includes('superuser'))
  t.is(await patient.says('deputy', 'superuser'), 'deputy is a member of bank, which is superuser')
})

test('a member of a predefined role that reaches files, programs or all data is warned of', async (t) => {
  await patient.query('create role reaching login; grant pg_read_server_files, pg_execute_server_program to reaching')
  t.deepEqual(await patient.warnings('reaching'), ['server_role'])
  const said = await patient.says('reaching', 'server_role')
  t.true(said.includes('pg_read_server_files (reads files of the server)') && said.includes('pg_execute_server_program (runs programs on the server)'), said)
})

test('whoever may create is warned of: in a schema, in the database, and temporary functions', async (t) => {
  await patient.query('create schema workshop; create role maker login; grant create on schema workshop to maker; create role founder login; grant create on database postgres to founder; create role passing login; grant temporary on database postgres to passing')
  t.deepEqual(await patient.warnings('maker'), ['create'])
  t.regex(await patient.says('maker', 'create'), /in schema workshop:/)
  t.regex(await patient.says('founder', 'create'), /in new schemas of database postgres:/)
  t.deepEqual(await patient.warnings('passing'), ['temporary'])
})

test('the owner of a declared table is warned of, also where it took SELECT from itself', async (t) => {
  await patient.query('create role keeper login; create schema held authorization keeper; create table held.cards (id int, pan text); alter table held.cards owner to keeper; revoke all on held.cards from keeper')
  t.deepEqual(await patient.warnings('keeper', { 'held.cards': declares({ pan: 'PAN' }) }), ['create', 'owner'])
  t.is(await patient.says('keeper', 'owner', { 'held.cards': declares({ pan: 'PAN' }) }), 'keeper owns held.cards: an owner gives itself every right')
})

test('a routine that reads with another\'s rights is warned of, with its owner', async (t) => {
  await patient.query('create schema doors; create role caller login; create function doors.peek() returns text language sql security definer return (select ssn from public.customers limit 1); revoke execute on function doors.peek() from public; grant usage on schema doors to caller; grant execute on function doors.peek() to caller')
  t.deepEqual(await patient.warnings('caller'), ['definer'])
  t.regex(await patient.says('caller', 'definer'), /doors\.peek of bank$/)
  t.deepEqual(await patient.warnings('plain'), ['raw_columns'])
})

test('a declaration of a table or a column that is not there is warned of: nothing would be masked by it', async (t) => {
  const typo = { 'public.customers': declares({ snn: 'US_SSN' }), 'public.custmers': declares({ ssn: 'US_SSN' }) }
  t.is(await patient.says('plain', 'declared', typo), 'declared in config.yaml, not in the database, so nothing is masked by it: public.customers.snn, public.custmers')
  t.is(await patient.says('plain', 'declared'), 'every declared column is there (relations with one: 1)')
})

test('a column is declared for every table by *, for a partition by its parent, and shown by a view over it', async (t) => {
  await patient.query(`
    create schema parts; create role reader login; grant usage on schema parts to reader;
    create table parts.cards (id int, pan text) partition by range (id); create table parts.cards_1 partition of parts.cards for values from (0) to (10);
    create table parts.other (iban text); create view parts.first as select id from parts.cards; create view parts.second as select * from parts.first; create view parts.third as select 1 as one;
    grant select on parts.cards_1, parts.other, parts.second, parts.third to reader`)
  const said = await patient.says('reader', 'raw_columns', { '*': declares({ iban: 'IBAN' }), 'parts.cards': declares({ pan: 'PAN' }) })
  t.true(said.startsWith('masks alone stand between callers and parts.cards_1.pan, parts.other.iban, parts.second (a view): '), said)
})

test('passwords kept as md5 are warned of', async (t) => {
  await patient.query("create role old login; alter role old set password_encryption = 'md5'")
  t.deepEqual(await patient.warnings('old'), ['password_encryption'])
})

test('a clock that is minutes apart, an old server and plaintext that config allowed are warned of', async (t) => {
  const reading = await patient.read('plain')
  const warned = (changed: Partial<typeof reading>, nowMs = reading.clockMs) => examineDatabase({ ...reading, ...changed }, nowMs).filter(({ level }) => level === 'warn').map(({ check, message }) => `${check}: ${message}`)
  t.true(warned({}, reading.clockMs + 120_000)[0]?.startsWith('clock: the server\'s clock is 120 s behind this one'))
  t.true(warned({ versionNumber: 120_022, version: '12.22' })[0]?.startsWith('version: PostgreSQL 12.22 is older'))
  t.true(warned({ isPlaintextAllowed: true })[0]?.startsWith('tls: statements and results travel in plaintext'))
  t.deepEqual(warned({ isPlaintextAllowed: true, isTls: true }).length, 1)
})

test('a long list of names is cut, with how many more there are', async (t) => {
  const reading = await patient.read('plain')
  const undeclarable = Array.from({ length: 25 }, (_, i) => `public.t${i}`)
  const said = examineDatabase({ ...reading, undeclarable }, reading.clockMs).find(({ check }) => check === 'declared')?.message ?? ''
  t.true(said.endsWith('public.t19 and 5 more'), said)
})

test('who is not let in is told in the database\'s own words', async (t) => {
  const error = await t.throwsAsync(patient.read('nobody_here', declared))
  t.is(error.message, 'The database does not accept the gateway\'s user (28000)')
})
