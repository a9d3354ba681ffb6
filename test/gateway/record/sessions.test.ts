// Whose facts a call is judged by: its own token's, never those of a token that came before it.
import test from 'ava'
import type { Recorder } from '../../../evidence/index.ts'
import type { Principal } from '../../../gateway/call.ts'
import { Sessions } from '../../../gateway/record/sessions.ts'

const mara: Principal = { type: 'user', id: 'https://idp|mara', clientId: 'agent', groups: ['leads'], acr: 'mfa', amr: ['hwk'], claims: { cost_centre: '7' }, expiresAt: 1_000_000 }
const home = { ip: '10.0.0.1', port: 1 }

/** Only what `enter` asks of a recorder. */
function openSessions(): Sessions {
  let opened = 0
  const recorder = { openSession: () => ({ hex: String(opened++), openedAt: 0, close: () => undefined }) } as unknown as Recorder
  return new Sessions(recorder, () => 0)
}

const others: readonly (readonly [string, Principal, string])[] = [
  ['fewer groups', { ...mara, groups: [] }, home.ip],
  ['a weaker sign-in', { ...mara, acr: 'pwd' }, home.ip],
  ['other methods', { ...mara, amr: ['pwd'] }, home.ip],
  ['an agent acting', { ...mara, type: 'agent', actor: { type: 'agent', id: 'https://idp|bot', chain: [] } }, home.ip],
  ['another claim', { ...mara, claims: { cost_centre: '8' } }, home.ip],
  ['another client', { ...mara, clientId: 'other' }, home.ip],
  ['a sponsor', { ...mara, sponsor: 'https://idp|lena' }, home.ip],
  ['another address', mara, '203.0.113.9'],
]
for (const [name, principal, ip] of others) {
  test(`a token with ${name} is not judged by the session of the one before it`, (t) => {
    const sessions = openSessions()
    const first = sessions.enter(mara, 'bank', home)
    const second = sessions.enter(principal, 'bank', { ip, port: 2 })
    t.not(second, first)
    t.deepEqual(second.principal, principal)
    t.is(second.peer.ip, ip)
  })
}

test('calls of one caller at a target count together, whatever their tokens say and wherever they come from', (t) => {
  const sessions = openSessions()
  const all = [sessions.enter(mara, 'bank', home), ...others.map(([, principal, ip]) => sessions.enter(principal, 'bank', { ip, port: 2 }))]
  for (const session of all) session.begin()
  t.deepEqual(all.map(({ inFlight }) => inFlight), all.map(() => 9))
  t.is(sessions.enter({ ...mara, id: 'https://idp|bob' }, 'bank', home).inFlight, 0)
  t.is(sessions.enter(mara, 'ledger', home).inFlight, 0)
  t.is(sessions.open(mara, 'bank', home).inFlight, 0, 'a connection of its own has its own maximum')
  all[0]?.end()
  t.is(all[8]?.inFlight, 8)
  t.deepEqual(all.map(({ isIdle }) => isIdle), all.map((_, index) => index === 0))
})

test('a renewed token that says the same goes on in its session', (t) => {
  const sessions = openSessions()
  t.is(sessions.enter({ ...mara, expiresAt: 2_000_000 }, 'bank', { ip: home.ip, port: 9 }), sessions.enter(mara, 'bank', home))
})

test('a revocation reaches a stream whose session was retired for its age', (t) => {
  let now = 0
  const closed: number[] = []
  const recorder = { openSession: () => ({ hex: '00', openedAt: now, close: (reason: number) => closed.push(reason) }) } as unknown as Recorder
  const sessions = new Sessions(recorder, () => now)
  const streaming = sessions.enter({ ...mara, expiresAt: 9 * 3_600_000 }, 'bank', home)
  streaming.begin()
  now = 2 * 3_600_000
  const lasting = { ...mara, expiresAt: 9 * 3_600_000 }
  t.not(sessions.enter(lasting, 'bank', home), streaming)
  sessions.sweep()
  t.false(streaming.signal.aborted)
  sessions.revoke(({ principal }) => principal.id === mara.id)
  t.true(streaming.signal.aborted)
  streaming.end()
  t.deepEqual(closed.sort(), [5, 5])
})

test('a stream ends when its token expires, and goes on when a renewed token came', (t) => {
  let now = 0
  const recorder = { openSession: () => ({ hex: String(now), openedAt: now, close: () => undefined }) } as unknown as Recorder
  const sessions = new Sessions(recorder, () => now)
  const streaming = sessions.enter({ ...mara, expiresAt: 60_000 }, 'bank', home)
  streaming.begin()
  sessions.enter({ ...mara, expiresAt: 120_000 }, 'bank', home)
  now = 90_000
  sessions.sweep()
  t.false(streaming.signal.aborted)
  now = 120_000
  sessions.sweep()
  t.true(streaming.signal.aborted)
  t.not(sessions.enter({ ...mara, expiresAt: 300_000 }, 'bank', home), streaming, 'the next call opens a session that can stream')
})

/** Sessions over a clock of the test's, and what was closed why. */
function ownSessions(): { readonly sessions: Sessions; readonly closed: string[]; at(now: number): void } {
  let now = 0
  let opened = 0
  const closed: string[] = []
  const openSession = () => { const hex = String(opened++); return { hex, openedAt: now, close: (reason: number) => { closed.push(`${hex} ${reason}`) } } }
  return { sessions: new Sessions({ openSession } as unknown as Recorder, () => now), closed, at: (time) => { now = time } }
}
const lasting = { ...mara, expiresAt: 9 * 3_600_000 }

test('two connections of one person are two sessions, beside the one that their HTTP calls share', (t) => {
  const { sessions, closed } = ownSessions()
  const shared = sessions.enter(lasting, 'appdb', home)
  const first = sessions.open(lasting, 'appdb', home)
  const second = sessions.open(lasting, 'appdb', home)
  t.is(new Set([shared, first, second]).size, 3)
  t.is(sessions.enter(lasting, 'appdb', home), shared)
  t.is(sessions.size, 3)
  t.is(sessions.find(first.writer.hex), first)
  sessions.leave(first)
  sessions.leave(first)
  t.is(sessions.find(first.writer.hex), undefined)
  t.deepEqual(closed, ['1 0'])
  t.is(sessions.size, 2)
})

test('a connection may idle for hours and last for a day: its session does', (t) => {
  const { sessions, closed, at } = ownSessions()
  const session = sessions.open({ ...mara, expiresAt: 30 * 3_600_000 }, 'appdb', home)
  at(24 * 3_600_000)
  sessions.sweep()
  t.is(session.over, undefined)
  t.false(session.signal.aborted)
  t.deepEqual(closed, [])
})

test('a connection is told when its token expires, also while it idles, and its record closes when it has ended', (t) => {
  const { sessions, closed, at } = ownSessions()
  const session = sessions.open(mara, 'appdb', home)
  at(mara.expiresAt)
  t.is(session.over, 'expired')                                // no call slips in before the sweep
  t.false(session.signal.aborted)
  sessions.sweep()
  t.is(session.signal.reason, 'expired')
  t.deepEqual(closed, [])
  sessions.leave(session)
  t.deepEqual(closed, ['0 2'])
  t.is(session.over, 'left')
})

test('an off-boarded person\'s connections are told at once, and their record says why they closed', (t) => {
  const { sessions, closed } = ownSessions()
  const hers = sessions.open(lasting, 'appdb', home)
  const his = sessions.open({ ...lasting, id: 'https://idp|noor' }, 'appdb', home)
  sessions.revoke(({ principal }) => principal.id === mara.id)
  t.is(hers.signal.reason, 'revoked')
  t.is(hers.over, 'revoked')
  t.false(his.signal.aborted)
  sessions.leave(hers)
  sessions.leave(his)
  t.deepEqual(closed, ['0 5', '1 0'])
})

test('a stop tells every connection first, and closes the record of those that stay', (t) => {
  const { sessions, closed } = ownSessions()
  const ends = sessions.open(lasting, 'appdb', home)
  const stays = sessions.open(lasting, 'appdb', home)
  sessions.drain('stopping')
  t.is(ends.signal.reason, 'stopping')
  t.deepEqual(closed, [])
  sessions.leave(ends)
  sessions.closeAll()
  t.is(stays.over, 'left')
  t.deepEqual(closed, ['0 3', '1 3'])
})

test('the record of a connection stays open until its last call has its outcome', (t) => {
  const { sessions, closed } = ownSessions()
  const session = sessions.open(lasting, 'appdb', home)
  session.begin()
  sessions.leave(session)
  t.deepEqual(closed, [])
  session.end()
  t.deepEqual(closed, ['0 0'])
})
