// Memory of large results is given back at once, and never what somebody still reads.
import test from 'ava'
import { PassThrough, Writable } from 'node:stream'
import type { MaskedPart, Permit, RecordedPart } from '../../../../gateway/call.ts'
import type { PostgresOperation } from '../../../../gateway/protocols/postgres/operation.ts'
import { giveBack, giveBackRead, leastGivenBack } from '../../../../gateway/protocols/postgres/session/memory.ts'
import type { Out } from '../../../../gateway/protocols/postgres/session/out.ts'
import { Backlog } from '../../../../gateway/protocols/postgres/session/backlog.ts'
import { Outlet } from '../../../../gateway/protocols/postgres/session/outlet.ts'

const readOf = (length: number) => new Uint8Array(new ArrayBuffer(length)).fill(7)
const part = (bytes: Uint8Array, content = bytes): Out => ({ kind: 'part', act: { settle: () => undefined }, permit: {}, part: { bytes, content, form: 'opaque', summary: { title: '', status: 'delivered', isFinal: false }, masked: new Map() } }) as unknown as Out

test('a read that nothing lies in any more is given back', (t) => {
  const chunk = readOf(leastGivenBack)
  giveBackRead(chunk, [part(readOf(10)), { kind: 'bytes', bytes: Uint8Array.of(1) }])
  t.is(chunk.length, 0)
})

test('a read that a part, its content or a message lies in stays, and so does one that something is yet to be made from', (t) => {
  for (const made of [(chunk: Uint8Array) => part(chunk.subarray(3, 9)), (chunk: Uint8Array) => part(readOf(1), chunk.subarray(2)), (chunk: Uint8Array): Out => ({ kind: 'bytes', bytes: chunk.subarray(0, 5) }), (): Out => ({ kind: 'later', bytes: Promise.resolve(readOf(1)), size: 1 })]) {
    const chunk = readOf(leastGivenBack)
    giveBackRead(chunk, [part(readOf(4)), made(chunk)])
    t.is(chunk.length, leastGivenBack)
    t.is(chunk[leastGivenBack - 1], 7)
  }
})

test('what is short, or a piece of something longer, stays: others may lie beside it', (t) => {
  const short = readOf(leastGivenBack - 1)
  giveBackRead(short, [])
  giveBack(short)
  t.is(short.length, leastGivenBack - 1)
  const pooled = Buffer.allocUnsafe(100)
  giveBack(pooled)
  t.is(pooled.length, 100)
  const whole = readOf(2 * leastGivenBack)
  giveBackRead(whole.subarray(0, leastGivenBack), [])
  t.is(whole.length, 2 * leastGivenBack)
})

test('what was written is given back when the client has it, not before', async (t) => {
  const written: Buffer[] = []
  let take: (() => void) | undefined
  const slow = new Writable({ highWaterMark: 1, write(chunk: Buffer, _encoding, done) { take = () => { written.push(Buffer.from(chunk)); done() } } })
  const deliver = (parts: readonly (readonly [Permit<PostgresOperation>, MaskedPart])[]) => Promise.resolve(parts.map(([, { bytes }]): RecordedPart => ({ bytes, seq: 0 })))
  const outlet = new Outlet(slow as unknown as PassThrough, deliver, () => t.fail(), new Backlog())
  const large = readOf(leastGivenBack)
  const small = readOf(10)
  outlet.send([part(large)])
  outlet.send([part(small)])
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  t.is(large.length, leastGivenBack)
  take?.()
  await new Promise((resolve) => setImmediate(resolve))
  take?.()
  await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(written.map(({ length }) => length), [leastGivenBack, 10])
  t.true(written.every((bytes) => bytes.every((byte) => byte === 7)))
  t.is(large.length, 0)
  t.is(small.length, 10)
})
