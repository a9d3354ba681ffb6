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
