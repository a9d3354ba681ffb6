// Frames share one slab of memory until they are written: none may be written with another's bytes.
import { createSecretKey, randomBytes } from 'node:crypto'
import test from 'ava'
import { encode, decodeSequence, type CborValue } from '../../../evidence/session/cbor.ts'
import { Arena } from '../../../evidence/session/arena.ts'
import { openBox } from '../../../evidence/session/box.ts'
import { exportSessionKeys } from '../../../evidence/keys/store.ts'
import { directoriesIn, intent, openTestRecorder, outcome, readJournal, temporaryFolder } from '../journal-kit.ts'

test('what waits keeps its bytes when the slab is full, and the slab is used again once nothing waits', (t) => {
  const arena = new Arena()
  const first = arena.room(700_000)
  first.fill(1, arena.used, arena.used + 700_000)
  arena.take(arena.used + 700_000)
  const second = arena.room(700_000)
  t.not(second, first)
  t.is(arena.used, 0)
  second.fill(2, 0, 700_000)
  arena.take(700_000)
  t.is(first[699_999], 1)
  const large = arena.room(3_000_000)
  t.true(large.length >= 3_000_000)
  arena.take(3_000_000)
  arena.reset()
  t.true(arena.room(1).length < 3_000_000)
  t.is(arena.used, 0)
})

test('a frame that was refused leaves no room taken', (t) => {
  const arena = new Arena()
  const block = arena.room(100)
  t.is(arena.room(100), block)
  t.is(arena.used, 0)
})

test('frames of several sessions that wait together, more than a slab holds, are each recorded with their own contents', async (t) => {
  const folder = temporaryFolder(t)
  const recorder = await openTestRecorder(folder, { segmentBytes: 8 * 1024 * 1024 })
  const written = new Map<string, Uint8Array>()
  for (let round = 0; round < 2; round++) {
    const sessions = [0, 1, 2].map(() => recorder.openSession(Buffer.from('{}')))
    for (let i = 0; i < 20; i++) {
      for (const session of sessions) {
        const [request, result] = [randomBytes(20_000 + i), randomBytes(100 * i)]
        const { seq } = session.append({ ...intent, request })
        written.set(`${session.hex}/${seq}/7`, request)
        written.set(`${session.hex}/${session.append(outcome(seq, result)).seq}/9`, result)
      }
    }
    await recorder.commit('strict')
  }
  await recorder.stop()
  const { journal, keys } = directoriesIn(folder)
  const held = new Map([...exportSessionKeys(keys)].map((line): [string, string] => { const { key_id: id, key } = JSON.parse(line) as { key_id: string, key: string }; return [id, key] }))
  for (const box of readJournal(journal).boxes) {
    const key = createSecretKey(Buffer.from(held.get(Buffer.from(box.get(3) as Uint8Array).toString('hex'))!, 'hex'))
    const session = Buffer.from(box.get(2) as Uint8Array).toString('hex')
    for (const item of decodeSequence(openBox(encode(box), key)) as ReadonlyMap<number, CborValue>[]) {
      for (const label of [7, 9]) {
        const name = `${session}/${item.get(1) as number}/${label}`
        const expected = written.get(name)
        if (expected === undefined) continue
        t.is(Buffer.compare((item.get(label) as [Uint8Array, Uint8Array])[1], expected), 0)
        written.delete(name)
      }
    }
  }
  t.is(written.size, 0)
})
