// Databases that are not UTF8: clients speak UTF8 to them all the same, and the server makes names of its own of what they say.
import test from 'ava'
import { errorOf, PostgresClient, texts } from '../postgres-client.ts'
import { frontOf } from './front.ts'

const front = frontOf(test)
/** 63 bytes in UTF-8, 32 in LATIN1. */
const short = `${'ä'.repeat(31)}x`
/** To a parser that counts in UTF-8 the same name. */
const long = `${short}y`

test('in a database that is not UTF8, no name beyond ASCII is taken for another one', async (t) => {
  t.timeout(60_000)
  const superuser = await front().superuser()
  await superuser.simple("create database legacy encoding 'LATIN1' locale 'C' template template0 owner app")
  const legacy = { database: 'legacy' }
  const direct = await PostgresClient.connect({ port: front().server.port, user: 'bank', ...legacy })
  await direct.simple('set client_encoding to utf8')
  await direct.simple(`create table customers (id int, ssn text); create view names as select id, ssn as "${long}", 'nobody''s' as "${short}" from customers;
    insert into customers values (1, '987-65-4320'); grant select on customers, names to app`)
  const client = await PostgresClient.connect({ ...await front().connection('appdb', 'analysts'), ...legacy })
  t.deepEqual(texts(await direct.simple(`select "${long}" || '' from names`)), [['987-65-4320']])
  const refused = await client.simple(`select "${long}" || '' from names`)
  t.deepEqual(texts(refused), [])
  t.is(errorOf(refused)?.['C'], '42601')
  t.regex(errorOf(refused)?.['M'] ?? '', /names beyond ASCII cannot be told apart in a database that is not UTF8/)
  t.deepEqual(texts(await client.simple("select id, 'für', ssn from customers")), [['1', 'für', '[REDACTED:pg.ssn]']])
  client.destroy()
  direct.destroy()
  await superuser.simple('drop database legacy with (force)')
  superuser.destroy()
})
