// What an outcome frame says of a result: FORMAT.md §6, read back from the journal with the session's key.
import { createHash, createSecretKey } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { encode, decodeSequence, type CborValue } from '../../../evidence/session/cbor.ts'
import { openBox } from '../../../evidence/session/box.ts'
import { exportSessionKeys } from '../../../evidence/keys/store.ts'
import type { DecidedCall, PartSummary } from '../../../gateway/call.ts'
import { Permit } from '../../../gateway/call.ts'
import { streamed } from '../../../gateway/mask/part.ts'
import { createRecord } from '../../../gateway/record/index.ts'
import { isRefusal, RefusalError } from '../../../gateway/refusal.ts'
import { directoriesIn, openTestRecorder, readJournal, temporaryFolder } from '../../evidence/journal-kit.ts'

const principal = { type: 'user', id: 'https://idp|mara', clientId: 'agent', groups: [], acr: 'pwd', amr: [], claims: {}, expiresAt: 1_000_000 } as const
const delivered: PartSummary = { title: '200 "OK"', status: 'delivered', isFinal: true }
const inputText = '{"action":{"name":"tools/call"},"who":"Zoë 数"}'

function decided(level: 'body' | 'digest' | 'meta', limits: object = {}): DecidedCall {
  return { inputText, canonicalDecision: Buffer.from('{"effect":"allow"}'), decisionId: new Uint8Array(16), bundle: new Uint8Array(32), durability: 'strict', decision: { record: { level }, limits } } as unknown as DecidedCall
}

/** Delivers these parts of one call and returns all contents of its session, by seq and label. */
async function contentsOf(t: ExecutionContext, level: 'body' | 'digest' | 'meta', parts: readonly Parameters<typeof streamed>[]): Promise<Map<number, string>[]> {
  const folder = temporaryFolder(t)
  const recorder = await openTestRecorder(folder)
  const record = createRecord(recorder, () => 1000)
  const session = record.enter(principal, 'bank', { ip: '10.0.0.1', port: 1 })
  if (isRefusal(session)) throw new Error(session.code)
  const [permit] = await record.intents(session, [{ call: decided(level) }])
  if (!(permit instanceof Permit)) throw new Error('refused')
  for (const part of parts) await record.deliver(session, [[permit, streamed(...part)]])
  await recorder.stop()
  const { journal, keys } = directoriesIn(folder)
  const held = new Map([...exportSessionKeys(keys)].map((line): [string, string] => { const { key_id: id, key } = JSON.parse(line) as { key_id: string, key: string }; return [id, key] }))
  const items = readJournal(journal).boxes.filter((box) => Buffer.compare(box.get(2) as Uint8Array, session.writer.id) === 0).flatMap((box) => {
    const key = createSecretKey(Buffer.from(held.get(Buffer.from(box.get(3) as Uint8Array).toString('hex'))!, 'hex'))
    return decodeSequence(openBox(encode(box), key)) as ReadonlyMap<number, CborValue>[]
  })
  return items.map((item) => new Map([7, 8, 9].flatMap((label) => { const content = item.get(label) as [Uint8Array, Uint8Array] | undefined; return content === undefined ? [] : [[label, Buffer.from(content[1]).toString()] as const] })))
}

test('the input that was decided on is recorded as it is', async (t) => {
  const [, intent] = await contentsOf(t, 'meta', [[Buffer.from('{}'), 'json', delivered, new Map()]])
  t.is(intent!.get(7), inputText)
  t.is(intent!.get(8), '{"effect":"allow"}')
})

test('an outcome holds the masked JSON as it went to the caller, and how many cells were masked', async (t) => {
  const bytes = Buffer.from('{"a": 1,"name":"Zoë"}')
  const [, , outcome] = await contentsOf(t, 'body', [[bytes, 'json', { ...delivered, code: 'upstream.odd' }, new Map([['mask_ssn', 3], ['__proto__', 1]])]])
  t.is(outcome!.get(9), `{"title":"200 \\"OK\\"","status":"delivered","bytes":${bytes.length},"masked":{"mask_ssn":3,"__proto__":1},"code":"upstream.odd","json":{"a": 1,"name":"Zoë"}}`)
})

test('an outcome holds text as text', async (t) => {
  const bytes = Buffer.from('line "one"\nZoë')
  const [, , outcome] = await contentsOf(t, 'body', [[bytes, 'text', delivered, new Map()]])
  t.is(outcome!.get(9), `{"title":"200 \\"OK\\"","status":"delivered","bytes":${bytes.length},"text":"line \\"one\\"\\nZoë"}`)
})

test('where policy keeps only metadata, an outcome holds no content and no digest', async (t) => {
  const [, , outcome] = await contentsOf(t, 'meta', [[Buffer.from('{"a":1}'), 'json', delivered, new Map()]])
  t.is(outcome!.get(9), '{"title":"200 \\"OK\\"","status":"delivered","bytes":7}')
})

for (const [name, level, form, content] of [['policy keeps a digest', 'digest', 'json', '{"a":1}'], ['bytes are opaque', 'body', 'opaque', 'PNG'], ['a JSON result is empty', 'body', 'json', '']] as const) {
  test(`where ${name}, an outcome holds a salted digest of the result`, async (t) => {
    const [, , outcome] = await contentsOf(t, level, [[Buffer.from(content), form, delivered, new Map()]])
    const { digest, ...rest } = JSON.parse(outcome!.get(9)!) as { digest: { salt: string, sha256: string } }
    t.deepEqual(rest, { title: '200 "OK"', status: 'delivered', bytes: content.length } as unknown)
    t.is(digest.sha256, createHash('sha256').update(Buffer.from(digest.salt, 'base64url')).update(content).digest('base64url'))
    t.is(Buffer.from(digest.salt, 'base64url').length, 16)
  })
}

test('counts of masked cells stand in an object\'s order, whatever rules are called', async (t) => {
  const [, , outcome] = await contentsOf(t, 'meta', [[Buffer.from('{}'), 'json', delivered, new Map([['mask "ssn"', 3], ['7', 1], ['05', 2]])]])
  t.is(outcome!.get(9), '{"title":"200 \\"OK\\"","status":"delivered","bytes":2,"masked":{"7":1,"mask \\"ssn\\"":3,"05":2}}')
})

test('an outcome after chunks adds up their bytes and masked cells, and its digest is over all of them', async (t) => {
  const chunk: PartSummary = { ...delivered, isFinal: false }
  const contents = await contentsOf(t, 'body', [[Buffer.from('one'), 'opaque', chunk, new Map([['r', 1]])], [Buffer.from('two'), 'opaque', chunk, new Map()], [Buffer.from('three'), 'opaque', delivered, new Map([['r', 2]])]])
  const { digest, ...rest } = JSON.parse(contents.at(-1)!.get(9)!) as { digest: { salt: string, sha256: string } }
  t.deepEqual(rest, { title: '200 "OK"', status: 'delivered', bytes: 11, masked: { r: 3 }, chunks: 2 } as unknown)
  t.is(digest.sha256, createHash('sha256').update(Buffer.from(digest.salt, 'base64url')).update('onetwothree').digest('base64url'))
})

test('rows add up over chunks, and none is not the same as no rows', async (t) => {
  const chunk: PartSummary = { ...delivered, isFinal: false, rows: 1000 }
  const after = async (last: PartSummary) => JSON.parse((await contentsOf(t, 'meta', [[Buffer.from('one'), 'opaque', chunk, new Map()], [Buffer.from('two'), 'opaque', chunk, new Map()], [Buffer.from(''), 'opaque', last, new Map()]])).at(-1)!.get(9)!) as unknown
  t.deepEqual(await after({ ...delivered, rows: 7 }), { title: '200 "OK"', status: 'delivered', bytes: 6, rows: 2007, chunks: 2 })
  t.deepEqual(await after(delivered), { title: '200 "OK"', status: 'delivered', bytes: 6, rows: 2000, chunks: 2 })
  const [, , outcome] = await contentsOf(t, 'meta', [[Buffer.from(''), 'opaque', { ...delivered, rows: 0 }, new Map()]])
  t.is(outcome!.get(9), '{"title":"200 \\"OK\\"","status":"delivered","bytes":0,"rows":0}')
})

test('more rows than policy allows go no further, and no neighbour of theirs is left half on record', async (t) => {
  const recorder = await openTestRecorder(temporaryFolder(t))
  t.teardown(() => recorder.stop())
  const record = createRecord(recorder, () => 1000)
  const session = record.enter(principal, 'bank', { ip: '10.0.0.1', port: 1 })
  if (isRefusal(session)) throw new Error(session.code)
  const [limited, other] = await record.intents(session, [{ call: decided('meta', { rows: 10 }) }, { call: decided('meta') }])
  if (!(limited instanceof Permit) || !(other instanceof Permit)) throw new Error('refused')
  const rows = (count: number, isFinal: boolean) => streamed(Buffer.from('x'), 'opaque', { ...delivered, isFinal, rows: count }, new Map())
  await record.deliver(session, [[limited, rows(6, false)]])
  for (const parts of [[[limited, rows(5, true)]], [[other, rows(999, true)], [limited, rows(3, false)], [limited, rows(2, true)]]] as const) {
    const error = await t.throwsAsync(record.deliver(session, parts), { instanceOf: RefusalError })
    t.is(error.refusal.code, 'policy.limit')
    t.is(error.message, 'The result has more rows than policy allows')
  }
  t.is(session.inFlight, 2)
  t.is(session.writer.count, 4)
  await record.deliver(session, [[other, rows(999, true)], [limited, rows(4, true)]])
  t.is(session.inFlight, 0)
})
