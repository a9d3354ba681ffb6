// What a statement has changed for good is said to its client, and on record, wherever an error stands in its place.
import test from 'ava'
import { errorOf, PostgresClient, texts, write } from '../postgres-client.ts'
import { eventually } from '../recorded.ts'
import type { Frame } from '../recorded.ts'
import { frontOf } from './front.ts'

const { parse, bind, describe, execute, sync } = write
const front = frontOf(test)
let superuser: PostgresClient
test.serial.before(async () => { superuser = await front().superuser() })
test.after.always(() => { superuser?.destroy() })

const outcomeOf = async (text: string): Promise<Frame['outcome']> => (await eventually(() => {
  const frames = front().gateway.frames()
  const intent = frames.findLast((frame) => frame.kind === 'intent' && JSON.stringify(frame.request).includes(text))
  return frames.find(({ kind, session, ref }) => kind === 'outcome' && session === intent?.session && ref === intent.seq)
}, 'the outcome')).outcome
const count = async (name: string): Promise<string | null | undefined> => texts(await superuser.simple(`select count(*) from items where name = '${name}'`))[0]?.[0]

test.serial('a write whose RETURNING has more rows than policy allows has committed, and both its client and the record are told', async (t) => {
  const client = await front().as('few_rows')
  const error = errorOf(await client.simple("insert into items select g, 'kept' from generate_series(100, 120) g returning id"))
  t.is(error?.['C'], '54000')
  t.is(error?.['M'], 'The result has more rows than policy allows (10); what the statement changed is committed')
  t.regex(error?.['H'] ?? '', /^The statement was run, and only its result withheld: do not repeat it\./)
  t.is(await count('kept'), '21')
  t.like(await outcomeOf('kept'), { status: 'failed', code: 'policy.limit', title: 'INSERT 0 21, committed and its result withheld' })
  const piped = errorOf(await client.pipeline([parse("insert into items select g, 'undone' from generate_series(200, 220) g returning id"), bind(), describe('P'), execute(), sync()]))
  t.is(piped?.['M'], 'The result has more rows than policy allows (10)')
  t.regex(piped?.['H'] ?? '', /^The result was withheld: ask for less\./)
  t.is(await count('undone'), '0')
  t.like(await outcomeOf('undone'), { status: 'failed', code: 'policy.limit', title: 'INSERT 0 21' })
  client.destroy()
})

test.serial('a procedure that commits and then fails is on record as one that may have committed', async (t) => {
  await superuser.simple("set role app; create procedure half() language plpgsql as $f$ begin insert into items values (50, 'half'); commit; raise exception 'after'; end $f$; reset role")
  const client = await front().as('leads')
  t.is(await eventually(async () => { const code = errorOf(await client.simple('call half()'))?.['C']; return code === 'P0001' ? code : undefined }, 'the gateway to know the procedure'), 'P0001')
  t.is(await count('half'), '1')
  t.like(await outcomeOf('half'), { status: 'failed', code: 'postgres.P0001', title: 'ERROR P0001, after what it may have committed' })
  client.destroy()
})
