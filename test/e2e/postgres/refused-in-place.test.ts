// A refused message is failed by the server itself: nothing of it runs, what shares its transaction is undone, what follows is skipped to the Sync, and the session goes on.
import test from 'ava'
import { errorFields, errorOf, message, PostgresClient, texts, write } from '../postgres-client.ts'
import type { Reply } from '../postgres-client.ts'
import { eventually } from '../recorded.ts'
import { reset } from './conversations.ts'
import { frontOf } from './front.ts'
import type { Group } from './front.ts'

const { query, parse, bind, describe, execute, close, sync, flush, copyData, copyDone, functionCall } = write
const front = frontOf(test, { settings: { approval_wait_s: 30 } })
let superuser: PostgresClient
test.serial.before(async () => { superuser = await front().superuser() })
test.serial.beforeEach(async () => { await superuser.simple(reset) })
test.after.always(() => { superuser?.destroy() })

const codes = (replies: readonly Reply[]): string => replies.filter(({ tag }) => 'EZCDGsT'.includes(tag)).map(({ tag, body }) => tag === 'E' ? errorFields(body)['C'] : tag === 'Z' ? `Z${body.toString()}` : tag === 'C' ? body.toString().replace('\0', '') : tag).join(' ')
const insert = (id: number) => [parse('insert into items values ($1, $2)'), bind({ parameters: [String(id), 'x'] }), execute()]
const count = async (): Promise<string | null | undefined> => texts(await superuser.simple('select count(*) from items'))[0]?.[0]

async function withClient<T>(group: Group, use: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await front().as(group)
  try { return await use(client) } finally { client.destroy() }
}

test.serial('a refused text runs none of its statements, and the connection goes on', async (t) => {
  await withClient('leads', async (client) => {
    const refused = await client.simple("insert into items values (7, 'x'); drop table items")
    t.is(codes(refused), '42501 ZI')
    const fields = errorOf(refused) ?? {}
    t.is(fields['S'], 'ERROR')
    t.regex(fields['M'] ?? '', /Creating, changing or dropping objects is not open/)
    t.regex(fields['D'] ?? '', /pg\.ddl/)
    t.regex(fields['H'] ?? '', /Recorded as frame [0-9a-f]+\/\d+/)
    t.is(codes(await client.simple('select 1')), 'T D SELECT 1 ZI')
  })
  t.is(await count(), '3')
})

test.serial('who may drop may drop what hangs on it too, and empties no table that was not named', async (t) => {
  const client = await front().as('owners')
  t.is(codes(await client.simple('create table held (id int primary key)')), 'CREATE TABLE ZI')
  t.is(codes(await client.simple('create view holding as select id from held')), 'CREATE VIEW ZI')
  t.is(codes(await client.simple('truncate held cascade')), '42501 ZI')
  t.is(codes(await client.simple('drop owned by current_user cascade')), '42501 ZI')
  t.regex(codes(await client.simple('drop table if exists held cascade')), /DROP TABLE ZI$/)
  client.destroy()
})

test.serial('where the catalogue cannot be read, a statement is refused for now and on record, and the session goes on', async (t) => {
  const client = await front().as('owners')
  try {
    t.is(codes(await client.simple('create table unread (a int)')), 'CREATE TABLE ZI')
    await superuser.simple("alter role app connection limit 1; select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' and application_name = 'countersign'")
    t.is(codes(await client.simple('drop table unread')), '55P03 ZI')
    const replies = await client.pipeline([parse('select 1', 's'), sync(), ...insert(7), sync()])
    t.is(codes(replies), '55P03 ZI 55P03 ZI')
    const fields = errorOf(replies) ?? {}
    t.is(fields['M'], 'What names mean in the database cannot be read now')
    t.regex(fields['H'] ?? '', /^Try again later\. Recorded as frame [0-9a-f]+\/\d+/)
    await superuser.simple('alter role app connection limit -1')
    t.is(codes(await client.simple('drop table unread')), 'DROP TABLE ZI')
  } finally {
    await superuser.simple('alter role app connection limit -1; drop table if exists unread')
    client.destroy()
  }
  t.is(await count(), '3')
})

test.serial('a refused text inside a transaction fails it, and a rollback ends it', async (t) => {
  await withClient('leads', async (client) => {
    t.is(codes(await client.pipeline([query('begin'), query("insert into items values (7, 'x')"), query('drop table items'), query('select 1'), query('commit')])), 'BEGIN ZT INSERT 0 1 ZT 42501 ZE 25P02 ZE ROLLBACK ZI')
    t.is(codes(await client.simple('commit; drop table items')), '42501 ZI', 'nothing stacked behind a COMMIT runs')
  })
  t.is(await count(), '3')
})

test.serial('in a pipeline what precedes a refused statement is undone with it, and what follows is skipped to its Sync', async (t) => {
  await withClient('leads', async (client) => {
    const replies = await client.pipeline([...insert(7), parse('drop table items'), bind(), execute(), ...insert(8), sync(), ...insert(9), sync()])
    t.is(codes(replies), 'INSERT 0 1 42501 ZI INSERT 0 1 ZI')
  })
  t.deepEqual(texts(await superuser.simple('select id from items order by id')).flat(), ['1', '2', '3', '9'])
})

test.serial('a refused Parse by itself, its Bind and its Execute fail one by one, each with one error', async (t) => {
  await withClient('leads', async (client) => {
    t.is(codes(await client.pipeline([parse('drop table items', 's'), sync()])), '42501 ZI')
    t.is(codes(await client.pipeline([bind({ name: 's' }), execute(), sync()])), '26000 ZI', 'it was never prepared')
    t.is(codes(await client.pipeline([query('begin'), parse('drop table items'), sync(), query('rollback')])), 'BEGIN ZT 42501 ZE ROLLBACK ZI')
    t.is(codes(await client.pipeline([query('begin'), ...insert(7), parse('drop table items'), bind(), execute(), sync(), query('commit')])), 'BEGIN ZT INSERT 0 1 42501 ZE ROLLBACK ZI')
  })
  t.is(await count(), '3')
})

test.serial('a statement that may be prepared but not run is refused when it is bound', async (t) => {
  await withClient('leads', async (client) => {
    t.is(codes(await client.pipeline([parse("select count(*) from customers where ssn > $1", 's'), sync()])), '42501 ZI')
    t.is(codes(await client.pipeline([functionCall(871, ['a']), query('select 1')])), '42501 ZI T D SELECT 1 ZI')
    t.is(codes(await client.pipeline([query('begin'), functionCall(871, ['a']), query('rollback')])), 'BEGIN ZT 42501 ZE ROLLBACK ZI')
  })
})

test.serial('without a Sync nothing is answered but the error, and the Sync ends it', async (t) => {
  await withClient('leads', async (client) => {
    client.send(parse('drop table items'), bind(), execute(), flush(), query('select 5'))
    t.is(codes(await client.until('E')), '42501')
    client.send(...insert(7), flush(), sync(), query('select 6'))
    t.is(codes([...await client.until(), ...await client.until()]), 'ZI T D SELECT 1 ZI')
  })
  t.is(await count(), '3')
})

test.serial('refusals among several Syncs keep the count of ReadyForQuery', async (t) => {
  await withClient('leads', async (client) => {
    const messages = Array.from({ length: 30 }, (_, i) => i % 3 === 0 ? [parse('drop table items'), bind(), describe('P'), execute(), sync()] : i % 3 === 1 ? [query(`select ${i}`)] : [...insert(100 + i), sync()]).flat()
    const replies = await client.pipeline(messages)
    t.is(replies.filter(({ tag }) => tag === 'Z').length, 30)
    t.is(replies.filter(({ tag }) => tag === 'E').length, 10)
    t.is(codes(await client.simple('select 1')), 'T D SELECT 1 ZI')
  })
  t.is(await count(), '13')
})

test.serial('a refused COPY fails before a row of it is read', async (t) => {
  await withClient('analysts', async (client) => {
    t.is(codes(await client.pipeline([query('copy items from stdin'), copyData('7\tx\n'), copyDone(), query('select 1')])), '42501 ZI T D SELECT 1 ZI')
  })
  t.is(await count(), '3')
})

test.serial('a name that is not UTF-8 is refused in place, and the unnamed statement is still there', async (t) => {
  await withClient('leads', async (client) => {
    t.is(codes(await client.pipeline([parse('select 1'), sync()])), 'ZI')
    client.send(Buffer.concat([Buffer.from('D\0\0\0\x07S\xff\0', 'latin1'), sync()]))
    t.is(codes(await client.until()), '22021 ZI')
    t.is(codes(await client.pipeline([bind(), execute(), sync()])), 'D SELECT 1 ZI')
  })
})

test.serial('text that is not UTF-8, holds a NUL or is longer than the cap is refused in place', async (t) => {
  await withClient('leads', async (client) => {
    const bad = Buffer.concat([Buffer.from("select '"), Buffer.from([0xc3, 0x28]), Buffer.from("'\0")])
    const header = Buffer.alloc(5)
    header.write('Q')
    header.writeInt32BE(bad.length + 4, 1)
    client.send(Buffer.concat([header, bad]))
    t.is(codes(await client.until()), '22021 ZI')
    t.is(codes(await client.simple(`select '${'x'.repeat(1_100_000)}'`)), '54000 ZI')
    t.is(codes(await client.pipeline([parse(`select '${'x'.repeat(1_100_000)}'`), bind(), execute(), sync()])), '54000 ZI')
    t.is(codes(await client.simple('select 1')), 'T D SELECT 1 ZI')
  })
})

test.serial('a message whose content is not what its type says is refused in place and on record, nothing of it runs, and the session goes on', async (t) => {
  const int16 = (...values: readonly number[]) => Buffer.concat(values.map((value) => Buffer.from([value >> 8, value & 255])))
  const nul = Buffer.from("\0insert into items values (7, 'x')\0; drop table items\0")
  const queries = [write.query("insert into items values (7, 'x')\0; drop table items"), message('Q', Buffer.from('select 1\0\0')), message('Q', Buffer.from([0xff, 0]))]
  const extended = [message('P', nul, int16(0)), message('P', Buffer.from('\0select 1\0'), int16(9)), message('B', Buffer.from('\0\0'), int16(2, 0, 0, 0, 0)), message('D', Buffer.from('X\0')), message('C', Buffer.from('X\0')), message('E', Buffer.from('\0\0\0\0\0\0'))]
  await withClient('leads', async (client) => {
    const direct = await front().direct()
    const same = async (...messages: readonly Uint8Array[]): Promise<readonly Reply[]> => {
      const replies = await client.pipeline(messages)
      t.is(codes(replies), codes(await direct.pipeline(messages)))
      return replies
    }
    for (const bad of queries) {
      t.regex(errorOf(await same(bad, query('select 1')))?.['H'] ?? '', /^Repeating it will be refused again\. Recorded as frame [0-9a-f]+\/\d+\.$/)
      await same(query('begin'), bad, query('select 1'), query('rollback'))
      await same(parse('select 5'), sync(), bad, bind(), execute(), sync())
    }
    for (const bad of extended) {
      await same(parse('select 5'), sync(), bad, parse('select 6'), bind(), execute(), sync(), bind(), execute(), sync())
      await same(query('begin'), parse('select 5'), bad, sync(), query('select 1'), query('rollback'))
      await same(parse('select 5'), bad, bad, parse('select 1'), sync(), query('select 2'))
    }
    const call = message('F', Buffer.from([0, 0, 3, 103]), int16(0, 1, 0))
    await same(call, query('begin'), call, query('rollback'), query('select 1'))
    const [refused] = await same(queries[0]!)
    t.like(errorOf(refused === undefined ? [] : [refused]), { S: 'ERROR', C: '08P01', M: 'Query message has 19 bytes behind its end' })
    const [, frame] = /frame (\S+)\.$/.exec(errorOf(refused === undefined ? [] : [refused])?.['H'] ?? '') ?? []
    const { kind, event } = await front().gateway.frame(frame!)
    t.deepEqual([kind, event], ['refusal', { event: 'refusal', code: 'request.malformed', message: 'Query message has 19 bytes behind its end' }])
    direct.destroy()
  })
  t.is(await count(), '3')
})

test.serial('bytes that are no message end both sides in FATAL 08P01, and the refusal is on record', async (t) => {
  for (const junk of [Buffer.from('~\0\0\0\x04'), Buffer.from('Q\0\0\0\x01'), Buffer.from('Q\x7f\xff\xff\xff', 'latin1'), message('p', Buffer.from('late\0')), Buffer.from('Z\0\0\0\x05I')]) {
    const client = await front().as('leads')
    const pid = texts(await client.simple('select pg_backend_pid()'))[0]?.[0]
    client.send(junk)
    const last = (await client.until('E')).at(-1)
    t.is(errorOf(last === undefined ? [] : [last])?.['C'], '08P01')
    t.is(errorOf(last === undefined ? [] : [last])?.['S'], 'FATAL')
    t.deepEqual(await client.until('Z'), [], 'and closes')
    await eventually(async () => texts(await superuser.simple(`select 1 from pg_stat_activity where pid = ${pid}`)).length === 0 || undefined, 'the backend to be gone')
  }
  t.truthy(await eventually(() => front().gateway.frames().find(({ kind, structure }) => kind === 'refusal' && structure?.['1'] === 'request.malformed'), 'the refusal'))
})

test.serial('another message in the middle of a COPY ends both sides, and nothing of the copy stays', async (t) => {
  const client = await front().as('leads')
  client.send(query('copy items from stdin'))
  await client.until('G')
  client.send(copyData('7\tx\n'), query('select 1'))
  t.is(codes((await client.until('Q')).filter(({ tag }) => tag === 'E').slice(-1)), '08P01')
  t.true(client.isClosed)
  t.is(await count(), '3')
})

test.serial('a name that the server did not take is never taken for what it did', async (t) => {
  await withClient('leads', async (client) => {
    // Preparing needs nobody's approval, running does; each way tries to run it as if it were another statement.
    const evil = 'delete from customers'
    const harmless = "insert into items values (50, 'harmless')"
    const ways: readonly (readonly Uint8Array[])[] = [
      [parse(harmless, 'e'), sync(), bind({ name: 'e' }), execute(), sync()],
      [parse('select 1/0'), bind(), execute(), close('S', 'e'), sync(), parse(harmless, 'e'), bind({ name: 'e' }), execute(), sync(), bind({ name: 'e' }), execute(), sync()],
      [close('S', 'e'), sync(), parse(evil, 'e'), sync(), parse('select 1/0'), bind(), execute(), close('S', 'e'), sync(), parse(harmless, 'e'), sync(), bind({ name: 'e' }), execute(), sync()],
    ]
    await client.pipeline([parse(evil, 'e'), sync()])
    const waiting = new AbortController()
    const rejected = rejectAll(waiting.signal)
    for (const messages of ways) await client.pipeline(messages)
    // The unnamed statement: a skipped Parse leaves the one before.
    await client.pipeline([parse(evil), sync()])
    await client.pipeline([parse('select 1/0'), bind(), execute(), parse(harmless), sync(), bind(), execute(), sync()])
    await client.pipeline([parse(evil), sync()])
    await client.pipeline([parse('select 1/0'), bind(), execute(), parse(harmless), sync(), parse('select 1/0'), bind(), execute(), parse(harmless), sync(), bind(), execute(), sync()])
    // SQL's own names are in the same space.
    await client.pipeline([parse(harmless, 'f'), sync(), query('deallocate f'), query(`prepare f as ${evil}`), bind({ name: 'f' }), execute(), sync()])
    waiting.abort()
    await rejected
  })
  t.is(texts(await superuser.simple('select count(*) from customers'))[0]?.[0], '1')
})

test.serial('names that are one to the server are one here: what an approval is needed for runs under no longer name, either', async (t) => {
  const long = 'n'.repeat(63)
  await withClient('leads', async (client) => {
    await client.pipeline([parse('select 1', `${long}1`), sync(), close('S', `${long}2`), sync(), parse('delete from customers where id = 1', `${long}2`), sync()])
    const waiting = new AbortController()
    const rejected = rejectAll(waiting.signal)
    t.is(codes(await client.pipeline([bind({ name: `${long}1` }), execute(), sync()])), '42501 ZI')
    waiting.abort()
    await rejected
    t.is(codes(await client.pipeline([parse('select 1', 'ä'.repeat(40)), bind({ portal: 'ä'.repeat(40), name: 'ä'.repeat(33) }), describe('P', 'ä'.repeat(32)), execute('ä'.repeat(31)), close('P', 'ä'.repeat(33)), sync()])), 'T D SELECT 1 ZI')
  })
  const named = await front().connection('appdb')
  await t.throwsAsync(PostgresClient.connect({ ...named, database: 'd'.repeat(64) }), { message: /longer than 63 bytes: the server would take it for another/ })
  t.is(texts(await superuser.simple('select count(*) from customers'))[0]?.[0], '1')
})

test.serial('a prepared statement runs on the tables that were decided on, also where one was made in front of another meanwhile', async (t) => {
  await superuser.simple('create schema front authorization app')
  try {
    await withClient('owners', async (client) => {
      await client.pipeline([query('set search_path = front, public'), parse('delete from customers where id = 1', 's'), sync(), query('prepare t as delete from customers where id = 1'), query('create table front.customers (id int)')])
      t.is(codes(await client.pipeline([bind({ name: 's' }), execute(), sync(), query('execute t')])), 'DELETE 0 ZI DELETE 0 ZI')
    })
  } finally {
    await superuser.simple('drop schema front cascade')
  }
  t.is(texts(await superuser.simple('select count(*) from customers'))[0]?.[0], '1')
})

test.serial('what others change while a transaction has failed is known before anything runs behind its end', async (t) => {
  await superuser.simple('create schema front authorization app; set role app; create table front.first (id int)')
  try {
    await seen('select id from front.first')
    await withClient('owners', async (client) => {
      await client.pipeline([query('set search_path = front, public'), parse('delete from customers where id = 1', 's'), sync(), query('prepare t as delete from customers where id = 1'), query('begin'), query('select 1/0')])
      await superuser.simple('create table front.customers (id int); reset role')
      await seen('select id from front.customers')
      t.is(codes(await client.simple('select id from customers')), '25P02 ZE')
      t.is(errorOf(await client.simple('rollback; execute t'))?.['C'], '42601')
      t.is(codes(await client.pipeline([parse('rollback'), bind(), execute(), bind({ name: 's' }), execute(), sync(), query('execute t')])), 'ROLLBACK DELETE 0 ZI DELETE 0 ZI')
    })
  } finally {
    await superuser.simple('reset role; drop schema front cascade')
  }
  t.is(texts(await superuser.simple('select count(*) from customers'))[0]?.[0], '1')
})

test.serial('what was approved shows what it would have shown when it was asked for, or nothing', async (t) => {
  const view = (column: string) => superuser.simple(`set role app; create or replace view shown as select ${column} as it from customers; create table made_${column} (id int); reset role`)
  await view('name')
  try {
    await seen('select id from made_name')
    await withClient('leads', async (client) => {
      client.send(query('delete from customers where id = 1 returning (select it from shown)'))
      const said = await client.until('N')
      const id = /approval (\S+) at/.exec(said.at(-1)?.body.toString() ?? '')?.[1] ?? ''
      await view('ssn')
      await seen('select id from made_ssn')
      t.is(await front().decide(id, 'approve'), 200)
      const refused = await client.until()
      t.is(codes(refused), '42501 ZI')
      t.is(errorOf(refused)?.['M'], 'What it names is not in the database any more what it was when this was decided')
    })
  } finally {
    await superuser.simple('drop view shown; drop table made_name; drop table if exists made_ssn')
  }
})

test.serial('what was approved runs on the table it was approved for, or not at all', async (t) => {
  await withClient('leads', async (client) => {
    client.send(query('delete from customers where id = 1'))
    const said = await client.until('N')
    const id = /approval (\S+) at/.exec(said.at(-1)?.body.toString() ?? '')?.[1] ?? ''
    await superuser.simple('set role app; alter table customers rename to kept; create table customers (id int); insert into customers values (1)')
    try {
      await seen('select id from kept')
      t.is(await front().decide(id, 'approve'), 200)
      const refused = await client.until()
      t.is(codes(refused), '42501 ZI')
      t.is(errorOf(refused)?.['M'], 'What it names is not in the database any more what it was when this was decided')
      t.is(texts(await superuser.simple('select count(*) from customers'))[0]?.[0], '1')
    } finally {
      await superuser.simple('drop table customers; alter table kept rename to customers; reset role')
      await seen('select name from customers')
    }
  })
})

/** What is changed past the gateway shows in half a second. */
async function seen(sql: string): Promise<void> {
  await withClient('analysts', (other) => eventually(async () => errorOf(await other.simple(sql)) === undefined || undefined, 'the gateway to see what was changed past it'))
}

test.serial('rows of a portal are masked as its own, whatever its name was given meanwhile', async (t) => {
  await withClient('analysts', async (client) => {
    const secret = "select ssn || '' from customers"
    const plain = "select name || '' from customers"
    const replies = [
      ...await client.pipeline([query('begin'), query('savepoint a'), parse(secret, 's1'), parse(plain, 's2'), bind({ portal: 'p', name: 's1' }), sync(), bind({ portal: 'p', name: 's2' }), sync(), query('rollback to a'), execute('p'), sync(), query('rollback')]),
      ...await client.pipeline([query('begin'), query('savepoint a'), bind({ portal: 'p', name: 's1' }), query('savepoint b'), sync(), bind({ portal: 'p', name: 's2' }), sync(), query('rollback to b'), execute('p'), sync(), query('rollback')]),
      ...await client.pipeline([query('begin'), bind({ portal: 'c', name: 's2' }), sync(), query('close c'), query(`declare c cursor for ${secret}`), execute('c'), sync(), query('rollback')]),
    ]
    t.false(replies.some(({ body }) => body.includes('123-45-6789')))
    t.true(replies.some(({ tag }) => tag === 'E'))
  })
})

test.serial('what the end of a transaction, or of a part of it, takes back about names is not believed behind it', async (t) => {
  // No detector knows the value in this form.
  await superuser.simple("set role app; create view shifty as select translate(ssn, '0123456789', 'abcdefghij') as name from customers; reset role")
  const ask = "select name || '' from shifty"
  const asked = [parse(ask), bind(), execute()]
  const make = 'create temp table shifty (name text) on commit drop'
  const made = [parse(make), bind(), execute()]
  const ways: readonly (readonly Uint8Array[])[] = [
    [query('begin'), query('savepoint a'), query(make), query(ask), query('rollback to a'), query(ask), query('rollback')],
    [query('begin'), query(make), query(ask), query('commit and chain'), query(ask), query('rollback')],
    [query('begin'), query('savepoint a'), parse('rollback to a', 'back'), bind({ portal: 'back', name: 'back' }), sync(), query(make), query(ask), execute('back'), ...asked, sync(), query('rollback')],
    [...made, ...asked, sync(), ...asked, sync()],
    [...made, ...asked, query('select 1'), ...asked, sync(), ...asked, sync()],
    [...made, ...asked, parse('select 1/0'), bind(), execute(), sync(), ...asked, sync()],
    [query('begin'), parse('commit'), bind(), execute(), ...made, ...asked, sync(), ...asked, sync()],
    // A Query that is refused unread ends it, too.
    ...[Buffer.from([0xff, 0]), Buffer.from('select 1\0\0')].map((text) => [...made, ...asked, message('Q', text), ...asked, sync(), ...asked, sync()]),
  ]
  try {
    for (const [index, messages] of ways.entries()) {
      await withClient('owners', async (client) => {
        const replies = await client.pipeline(messages)
        t.false(replies.some(({ body }) => body.includes('bcd-ef-ghij')), `way ${index}`)
        t.true(replies.some(({ body }) => body.includes('[REDACTED')), `way ${index}`)
      })
    }
  } finally {
    await superuser.simple('drop view shifty')
  }
})

/** Rejects whatever waits, so that an attack that is held ends. */
async function rejectAll(signal: AbortSignal): Promise<void> {
  const token = await front().bank.token({ sub: 'otto', groups: ['leads'], audience: 'https://desk.bank.example' })
  while (!signal.aborted) {
    const response = await fetch(`${front().gateway.home.admin}/api/approvals?state=pending`, { headers: { authorization: `Bearer ${token}` } })
    const { approvals } = await response.json() as { approvals: { id: string }[] }
    for (const { id } of approvals) await front().decide(id, 'reject')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
