// The gateway's own cancel keys: found by whoever has them, by nobody else, and not for long.
import test from 'ava'
import { CancelKeys, cancelWindowMs, maxEnded, maxUnknownCancels } from '../../../../../gateway/protocols/postgres/wire/cancel-keys.ts'

test('a key finds its session and no other, in the length its protocol has', (t) => {
  const keys = new CancelKeys<string>(() => 0)
  const [a, b] = [keys.issue('a', 0, 7), keys.issue('b', 2, 7)]
  t.deepEqual([a.key.length, b.key.length], [4, 32])
  t.deepEqual(keys.find(a.pid, a.key, 'x'), { kind: 'session', session: 'a' })
  t.deepEqual(keys.find(b.pid, b.key, 'x'), { kind: 'session', session: 'b' })
  t.deepEqual(keys.find(a.pid + 1, b.key, 'x'), { kind: 'unknown' })
  t.deepEqual(keys.find(b.pid, b.key.subarray(0, 4), 'x'), { kind: 'unknown' }, 'the beginning of a key is not the key')
  t.is(a.pid, b.pid, 'two servers may give two sessions one process id')
})

test('a key ends with its session, and ends nobody else’s', (t) => {
  const keys = new CancelKeys<string>(() => 0)
  const a = keys.issue('a', 2, 7)
  a.release()
  t.is(keys.size, 0)
  t.deepEqual(keys.find(a.pid, a.key, 'x'), { kind: 'unknown' })
  const b = keys.issue('b', 2, 7)
  a.release()
  t.deepEqual(keys.find(b.pid, b.key, 'x'), { kind: 'session', session: 'b' })
})

test('guesses from one address are counted, and after them its cancels go unread until the window ends; others go on', (t) => {
  let now = 0
  const keys = new CancelKeys<string>(() => now)
  const { pid, key } = keys.issue('a', 0, 7)
  for (let guess = 0; guess < maxUnknownCancels; guess++) t.deepEqual(keys.find(pid, Buffer.from([guess, ...key.subarray(0, 3).map((byte) => ~byte)]), 'guesser'), { kind: 'unknown' })
  t.deepEqual(keys.find(pid, Buffer.alloc(4), 'guesser'), { kind: 'limited' })
  t.deepEqual(keys.find(pid, key, 'guesser'), { kind: 'limited' }, 'a right guess tells nothing either')
  t.deepEqual(keys.find(pid, key, 'driver'), { kind: 'session', session: 'a' })
  now = cancelWindowMs
  t.deepEqual(keys.find(pid, key, 'guesser'), { kind: 'session', session: 'a' })
})

test('a key that nobody could guess is taken from an address whose guesses go unread', (t) => {
  const keys = new CancelKeys<string>(() => 0)
  const { pid, key } = keys.issue('a', 2, 7)
  for (let guess = 0; guess < maxUnknownCancels; guess++) keys.find(pid, Buffer.alloc(4), 'shared')
  t.deepEqual(keys.find(pid, Buffer.alloc(32), 'shared'), { kind: 'limited' })
  t.deepEqual(keys.find(pid, key, 'shared'), { kind: 'session', session: 'a' })
})

test('who cancels what has just ended is no guesser, and ends nothing', (t) => {
  const keys = new CancelKeys<string>(() => 0)
  const { pid, key } = keys.issue('a', 0, 7)
  const gone = Array.from({ length: maxEnded + 1 }, () => keys.issue('b', 0, 7))
  for (const one of gone) { one.release(); one.release() }
  for (const one of gone.slice(-2 * maxUnknownCancels)) t.deepEqual(keys.find(one.pid, one.key, 'driver'), { kind: 'unknown' })
  t.deepEqual(keys.find(pid, key, 'driver'), { kind: 'session', session: 'a' })
  for (let times = 0; times < maxUnknownCancels; times++) t.deepEqual(keys.find(7, gone[0]!.key, 'driver'), { kind: 'unknown' }, 'the oldest is forgotten')
  t.deepEqual(keys.find(pid, key, 'driver'), { kind: 'limited' })
})

test('a flood from ever new addresses is counted together, so that memory is not the price', (t) => {
  const keys = new CancelKeys<string>(() => 0)
  const { pid, key } = keys.issue('a', 2, 7)
  const kinds = Array.from({ length: 10_000 + maxUnknownCancels + 1 }, (_, address) => keys.find(pid, Buffer.alloc(32), `address ${address}`).kind)
  t.is(kinds.at(-2), 'unknown')
  t.is(kinds.at(-1), 'limited')
  t.deepEqual(keys.find(pid, key, 'address 1'), { kind: 'session', session: 'a' })
})
