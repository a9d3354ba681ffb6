// Where policy decides nothing the gateway is not to be noticed: every conversation has the server's own answers, however its bytes arrive.
import test from 'ava'
import { PostgresClient } from '../postgres-client.ts'
import { atOnce, byteByByte, conversations, inCuts, play, reset } from './conversations.ts'
import type { Delivery } from './conversations.ts'
import { frontOf } from './front.ts'

const front = frontOf(test)
let superuser: PostgresClient
test.serial.before(async () => { superuser = await front().superuser() })
test.after.always(() => { superuser?.destroy() })

/** mulberry32: the same cuts each time. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

async function answers(connect: () => Promise<PostgresClient>, messages: readonly Uint8Array[], deliver: Delivery = atOnce): Promise<string[]> {
  await superuser.simple(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'; ${reset}`)
  const client = await connect()
  try { return await play(client, messages, deliver) } finally { await client.end() }
}

for (const [index, { name, messages }] of conversations.entries()) {
  test.serial(`the answers are the server's own: ${name}`, async (t) => {
    t.timeout(60_000)
    const expected = await answers(front().direct, messages)
    const ways: [string, Delivery][] = [['at once', atOnce], ['byte by byte', byteByByte], ['in random cuts', inCuts(randomOf(index))]]
    for (const [way, deliver] of ways) if (!t.deepEqual(await answers(front().open, messages, deliver), expected, way)) return
    // Decided, for somebody who may do anything and sees everything.
    if (!/number|COPY out|notices|EXECUTE|failed Parse|just made/.test(name)) t.deepEqual(await answers(() => front().as('seers'), messages), expected, 'decided')
  })
}
