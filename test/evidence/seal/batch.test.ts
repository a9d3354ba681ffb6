// The batch under way: where bodies are split, what a write of the journal may hold, and that sequence and chain are checked.
import test from 'ava'
import { BatchBuilder } from '../../../evidence/seal/batch.ts'
import { ItemReader } from '../../../evidence/seal/items.ts'
import { SessionTable } from '../../../evidence/seal/sessions.ts'
import { decodeSequence, encode, type CborValue } from '../../../evidence/session/cbor.ts'
import { sha256 } from '../../../evidence/tlog/hash.ts'
import { box, SessionFixture, type JournalFixture } from './journal-fixture.ts'

const cut = { number: 0, time: 1, ordinalsBefore: 0, ordinalsAfter: 1, largestWindowUs: 0, reason: 0 } as const
const journal = () => ({ epoch: 1, ordinals: 0 }) as unknown as JournalFixture

test('bodies are split at the first box that reaches 8 MiB, and every byte of every box is kept', (t) => {
  const session = new SessionFixture(1)
  const kept: { kind: string; name: Uint8Array; bytes: Uint8Array }[] = []
  // Its bytes are good only until the next write.
  const builder = new BatchBuilder('n1', new SessionTable(), ({ kind, name, bytes }) => { kept.push({ kind, name, bytes: Buffer.from(bytes) }) })
  builder.write(Buffer.concat([session.open(journal())]))
  const boxes = Array.from({ length: 20 }, (_, i) => box(session, i, i, 1024 * 1024 - i))
  for (const one of boxes) builder.write(Buffer.from(one))
  t.is(kept.length, 2, 'what is full does not wait for the cut')
  const { bodies } = builder.close(1, cut, new Uint8Array(32))
  t.deepEqual(kept.map(({ kind }) => kind), ['bodies', 'bodies', 'bodies'])
  t.is(Buffer.compare(Buffer.concat(kept.map(({ bytes }) => bytes)), Buffer.concat(boxes)), 0)
  t.deepEqual(kept.map(({ bytes }) => Buffer.from(sha256(bytes))), bodies.map((name) => Buffer.from(name)))
  t.deepEqual(kept.map(({ bytes }) => decodeSequence(bytes).length), [8, 8, 4])
})

test('an empty interval is a batch, too', (t) => {
  const { objects, bodies, leaf } = new BatchBuilder('n1', new SessionTable()).close(1, cut, new Uint8Array(32))
  t.deepEqual(objects.map(({ kind, bytes }) => [kind, bytes.length]), [['leaves', 0], ['index', 0]])
  t.deepEqual(bodies, [])
  t.true(leaf.length > 0)
})

test('a write that holds anything but leaves and boxes is refused', (t) => {
  const leaf = new SessionFixture(1).open(journal())
  const inner = (members: [number, CborValue][]) => encode(encode(new Map(members)))
  const good: [number, CborValue][] = [[1, 1], [2, Buffer.alloc(16)], [3, 0], [4, 0], [5, 1], [6, Buffer.alloc(32)]]
  const bad = [encode(1), encode('leaf'), encode([1]), encode(Buffer.from('no map')), leaf.subarray(0, -1), Buffer.concat([leaf, Buffer.of(0xff)]), Buffer.of(0x5f), Buffer.of(0xbf), Buffer.of(0xa1, 0x01), Buffer.of(0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    inner(good.slice(0, 5)), inner([[1, 2], ...good.slice(1)]), inner([good[0]!, [2, Buffer.alloc(15)], ...good.slice(2)]), Buffer.concat(Array.from({ length: 12 }, () => Buffer.of(0xa1, 0x01)))]
  for (const bytes of bad) {
    const items = new ItemReader(Buffer.from(bytes))
    t.like(t.throws(() => { while (items.next() !== undefined); }), { code: 'ERR_EVIDENCE_CORRUPT', message: 'a write of the journal holds something that is neither a leaf nor a box' }, Buffer.from(bytes).toString('hex'))
  }
})

test('a session that begins in the middle, breaks its chain, or goes on after its close is refused', (t) => {
  const message = (id: number, seq: number) => `leaf ${seq} of session ${String(id).padStart(32, '0')} does not follow the one before it`
  const refused = (seq: number, make: (session: SessionFixture) => Uint8Array[]) => {
    const builder = new BatchBuilder('n1', new SessionTable())
    const error = t.throws(() => { for (const item of make(new SessionFixture(1))) builder.write(Buffer.from(item)) })
    t.like(error, { code: 'ERR_EVIDENCE_CORRUPT', message: message(1, seq) })
  }
  refused(0, (session) => [session.intent()])
  refused(1, (session) => { session.open(journal()); return [session.intent()] })
  refused(2, (session) => { const open = session.open(journal()); session.intent(); return [open, session.intent()] })
  refused(1, (session) => { const open = session.open(journal()); session.previous = Buffer.alloc(32, 1); return [open, session.intent()] })
  refused(2, (session) => [session.open(journal()), session.close(), session.intent()])
})
