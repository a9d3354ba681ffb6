import { PassThrough } from 'node:stream'
import test from 'ava'
import { Inbox } from '../../../../gateway/protocols/postgres/session/inbox.ts'
import { Outlet } from '../../../../gateway/protocols/postgres/session/outlet.ts'
import type { Socket } from 'node:net'

const never = () => Promise.reject(new Error('nothing is recorded here'))

test('a message of the server’s that cannot be read ends one session, not the gateway', async (t) => {
  const socket = new PassThrough()
  const failures: unknown[] = []
  const outlet = new Outlet(socket, never, (error) => failures.push(error))
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
  const outlet = new Outlet(socket, never, () => undefined)
  outlet.send([{ kind: 'later', bytes: Promise.reject(new Error('no record')), size: 1 }])
  outlet.send([{ kind: 'bytes', bytes: Buffer.from('later') }])
  await outlet.drained
  t.is(socket.read(), null)
})

test('what waits for the record is waited for, however full the client is', async (t) => {
  const socket = new PassThrough({ highWaterMark: 1 })
  const outlet = new Outlet(socket, never, () => undefined)
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
