import { PassThrough } from 'node:stream'
import test from 'ava'
import { Backlog, leastWindowBytes, maxBacklogBytes, windowBytes } from '../../../../gateway/protocols/postgres/session/backlog.ts'
import { Inbox } from '../../../../gateway/protocols/postgres/session/inbox.ts'
import { Outlet } from '../../../../gateway/protocols/postgres/session/outlet.ts'
import type { Socket } from 'node:net'

const never = () => Promise.reject(new Error('nothing is recorded here'))

test('a message of the server’s that cannot be read ends one session, not the gateway', async (t) => {
  const socket = new PassThrough()
  const failures: unknown[] = []
  const outlet = new Outlet(socket, never, (error) => failures.push(error), new Backlog())
  const first = Promise.withResolvers<Uint8Array>()
  // The second fails while the first is still on its way to the record: an unhandled rejection would end the process.
  outlet.send([{ kind: 'later', bytes: first.promise, size: 1 }, { kind: 'later', bytes: Promise.reject(new Error('malformed')), size: 1 }])
  await new Promise((resolve) => { setImmediate(resolve) })
  first.resolve(Buffer.from('a'))
  await outlet.drained
  t.is((failures[0] as Error).message, 'malformed')
})

test('behind something that could not be recorded nothing goes out', async (t) => {
  const socket = new PassThrough()
  const outlet = new Outlet(socket, never, () => undefined, new Backlog())
  outlet.send([{ kind: 'later', bytes: Promise.reject(new Error('no record')), size: 1 }])
  outlet.send([{ kind: 'bytes', bytes: Buffer.from('later') }])
  await outlet.drained
  t.is(socket.read(), null)
})

test('what waits for the record is waited for, however full the client is', async (t) => {
  const socket = new PassThrough({ highWaterMark: 1 })
  const outlet = new Outlet(socket, never, () => undefined, new Backlog())
  outlet.send([{ kind: 'bytes', bytes: Buffer.from('full') }])
  t.true(socket.writableNeedDrain)
  const late = Promise.withResolvers<Uint8Array>()
  outlet.send([{ kind: 'later', bytes: late.promise, size: 1 }])
  const read: string[] = []
  socket.on('data', (chunk: Uint8Array) => read.push(String(chunk)))
  let isDrained = false
  const drained = outlet.drained.then(() => { isDrained = true })
  await new Promise((resolve) => { setImmediate(resolve) })
  t.false(isDrained)
  late.resolve(Buffer.from('last words'))
  await drained
  t.deepEqual(read, ['full', 'last words'])
})

test('a client that is gone before its session begins ends it', async (t) => {
  const socket = new PassThrough()
  socket.destroy()
  await new Promise((resolve) => { socket.once('close', resolve) })
  let hasEnded = false
  const inbox = new Inbox(socket as unknown as Socket, () => { hasEnded = true })
  t.is(await inbox.next(), undefined)
  t.true(hasEnded)
})

test('what all sessions have waiting for the record has a maximum: beyond it each reads on by little, and none stands still', async (t) => {
  const backlog = new Backlog()
  const opened = Array.from({ length: 80 }, () => {
    const socket = new PassThrough({ highWaterMark: 2 * windowBytes })
    const late: PromiseWithResolvers<Uint8Array>[] = []
    const outlet = new Outlet(socket, never, () => undefined, backlog)
    const send = (size: number): void => { const one = Promise.withResolvers<Uint8Array>(); late.push(one); outlet.send([{ kind: 'later', bytes: one.promise, size }]) }
    let got = ''
    socket.on('data', (chunk: Uint8Array) => { got += String(chunk) })
    return { late, outlet, send, got: () => got }
  })
  for (const { outlet, send } of opened) while (!outlet.isFull) send(leastWindowBytes)
  t.true(backlog.bytes <= maxBacklogBytes + 80 * 2 * leastWindowBytes, `${backlog.bytes} bytes wait`)
  const [first, last] = [opened[0] as typeof opened[0], opened.at(-1) as typeof opened[0]]
  t.is(first.late.length, windowBytes / leastWindowBytes + 1, 'one session alone has all of its window')
  t.is(last.late.length, 2, 'one of many has a read or two')
  // The last gets what it waits for though nobody else moves, and may go on.
  for (const one of last.late) one.resolve(Buffer.from('row'))
  await last.outlet.drained
  t.false(last.outlet.isFull)
  await new Promise((resolve) => { setImmediate(resolve) })
  t.is(last.got(), 'rowrow')
  for (const { late, outlet } of opened) { for (const one of late) one.resolve(Buffer.from('row')); await outlet.drained }
  t.is(backlog.bytes, 0)
  await new Promise((resolve) => { setImmediate(resolve) })
  t.is(first.got(), 'row'.repeat(first.late.length), 'nothing is lost')
})

test('what could not be recorded waits no longer', async (t) => {
  const backlog = new Backlog()
  const outlet = new Outlet(new PassThrough(), never, () => undefined, backlog)
  outlet.send([{ kind: 'later', bytes: Promise.reject(new Error('no record')), size: 1_000 }])
  t.is(backlog.bytes, 1_000)
  await outlet.drained
  t.is(backlog.bytes, 0)
})
