// What a call may ask beside what policy says: bytes an approval can bind to, and room for others.
import test from 'ava'
import type { DecidedCall, Operation } from '../../gateway/call.ts'
import type { TargetConfig } from '../../gateway/config.ts'
import { createDoor, maxInFlight, type Stages } from '../../gateway/pipeline.ts'
import type { Masking } from '../../gateway/mask/index.ts'
import type { Traits } from '../../gateway/protocol.ts'
import type { Refusal } from '../../gateway/refusal.ts'

const credential = { kind: 'bearer', token: 'x', from: { ip: '127.0.0.1', port: 1 } } as const
const decision = { effect: 'require', reasons: [], approval: null, mask: [], limits: {}, record: { level: 'body', retention: '' }, obligations: [] }

test('a caller with too many calls under way waits, and leaves room for others', async (t) => {
  const session = { writer: { hex: '00' }, principal: { id: 'idp|mara', clientId: 'agent' }, inFlight: maxInFlight }
  const stages = {
    identify: () => session.principal, enter: () => session, closed: () => undefined, limit: () => undefined, project: (call: object) => call,
    decide: (call: object) => ({ ...call, decision: { ...decision, effect: 'allow' }, decisionId: new Uint8Array(16), canonicalDecision: new Uint8Array() }),
    record: { intents: async (_session: object, settled: readonly { refused?: Refusal }[]) => settled.map(({ refused }) => refused ?? {}) },
  } as unknown as Stages
  const gate = await createDoor({ name: 'bank' } as TargetConfig, {} as Masking, stages, () => ({ forward: () => undefined })).enter(credential)
  if ('refused' in gate) { t.fail(); return }
  const ask = async () => (await gate.request([{ isOpaque: false } as Operation], 'client', { signal: new AbortController().signal, held: () => 'return' as const }))[0] as Refusal
  t.like(await ask(), { code: 'policy.limit', message: 'Too many calls of this caller are under way', retryAfterS: 1 })
  session.inFlight--
  t.false('code' in await ask())
})

test('a caller who holds as many connections as one may is turned away by name, and no session is opened for one more', async (t) => {
  const turnedAway: object[] = []
  const stages = {
    identify: () => ({ id: 'idp|mara', clientId: 'agent' }), enter: () => t.fail(), open: () => t.fail(),
    record: { unauthenticated: (...said: unknown[]) => { turnedAway.push(said) } },
  } as unknown as Stages
  const asked: string[] = []
  const refused = await createDoor({ name: 'bank' } as TargetConfig, {} as Masking, stages, () => ({ forward: () => undefined })).enter(credential, (caller) => { asked.push(caller); return false })
  t.like(refused, { code: 'connection.limit', message: 'Too many connections of this caller are open', subject: 'idp|mara' })
  t.deepEqual(asked, ['idp|mara'])
  t.deepEqual(turnedAway, [[refused, credential.from, 'bank']])
})

test('a call whose bytes nobody reads cannot be approved: the yes would fit any bytes', async (t) => {
  let asked = 0
  const stages = {
    identify: () => ({ id: 'idp|mara', clientId: 'agent' }), enter: () => ({ writer: { hex: '00' }, principal: { id: 'idp|mara', clientId: 'agent' } }),
    closed: () => undefined, limit: () => undefined, project: (call: object) => call,
    isInForce: () => true,
    decide: (call: object) => ({ ...call, decision, decisionId: new Uint8Array(16), canonicalDecision: new Uint8Array() }),
    approve: async () => { asked++; return { refused: true, code: 'approval.pending', message: '', reasons: [] } },
    record: { intents: async (_session: object, settled: readonly { refused?: Refusal; call: DecidedCall }[]) => settled.map(({ refused }) => refused ?? 'permit') },
  } as unknown as Stages
  const gate = await createDoor({ name: 'bank' } as TargetConfig, {} as Masking, stages, () => ({ forward: () => undefined })).enter(credential)
  if ('refused' in gate) { t.fail(); return }
  const hold = { signal: new AbortController().signal, held: () => 'return' as const }
  const ask = async (isUnread: boolean) => (await gate.request([{ isOpaque: true, isUnread } as Operation], 'client', hold))[0] as Refusal
  const refused = await ask(true)
  t.is(refused.code, 'request.invalid')
  t.is(refused.message, 'Nobody can approve bytes that are not read before they are sent')
  t.is(asked, 0)
  t.is((await ask(false)).code, 'approval.pending')
})

/** A gate over a session that says this of itself, for a protocol with these traits. */
async function gateOver(session: object, traits: Traits, limits: object = {}, approve?: Stages['approve']) {
  const whole = Object.assign(session, { writer: { hex: '00' }, principal: { id: 'idp|mara', clientId: 'agent' } })
  let left = 0
  const stages = {
    identify: () => whole.principal, enter: () => whole, open: async () => whole, leave: () => { left++ }, closed: () => undefined, limit: () => undefined, project: (call: object) => call, approve,
    isInForce: () => true,
    decide: (call: object) => ({ ...call, decision: { ...decision, effect: approve === undefined ? 'allow' : 'require', limits }, decisionId: new Uint8Array(16), canonicalDecision: new Uint8Array() }),
    record: { intents: async (_session: object, settled: readonly { refused?: Refusal }[]) => settled.map(({ refused }) => refused ?? {}) },
  } as unknown as Stages
  const gate = await createDoor({ name: 'appdb' } as TargetConfig, {} as Masking, stages, () => ({ forward: () => undefined }), traits).enter(credential)
  if ('refused' in gate) throw new Error(gate.code)
  return { gate, left: () => left, ask: async () => (await gate.request([{ isOpaque: false } as Operation], 'client', { signal: new AbortController().signal, held: () => 'wait' as const }))[0] as Refusal }
}

test('a limit on rows holds where the protocol counts them, and refuses the call where it does not', async (t) => {
  const refused = await (await gateOver({}, {}, { rows: 10 })).ask()
  t.is(refused.code, 'policy.unenforceable')
  t.is(refused.message, 'Policy limits rows, which this protocol does not have')
  t.false('code' in await (await gateOver({}, { countsRows: true }, { rows: 10 })).ask())
})

test('a protocol that pipelines says how many calls it may have under way', async (t) => {
  const traits = { maxInFlight: 1000 }
  t.false('code' in await (await gateOver({ inFlight: 999 }, traits)).ask())
  t.is((await (await gateOver({ inFlight: 1000 }, traits)).ask()).code, 'policy.limit')
})

const ends = [
  ['expired', 'identity.token_expired', 'The token has expired'], ['revoked', 'identity.off_boarded', 'The caller has been off-boarded'],
  ['reconfigured', 'request.unknown_session', 'Unknown or expired session'], ['stopping', 'gateway.draining', 'The gateway is stopping'], ['left', 'request.unknown_session', 'Unknown or expired session'],
] as const
for (const [over, code, message] of ends) {
  test(`a connection whose session is over (${over}) takes no more calls, whatever its protocol asks`, async (t) => {
    const refused = await (await gateOver({ over }, { sessions: 'connection' })).ask()
    t.is(refused.code, code)
    t.is(refused.message, message)
  })
}

test('a yes that comes after the token has expired opens nothing, and is not spent', async (t) => {
  let spent = 0
  let isOver = false
  const approve = async () => { isOver = true; return { approval: null, consume: async () => { spent++; return undefined } } }
  const { ask } = await gateOver({ get over() { return isOver ? 'expired' : undefined } }, { sessions: 'connection' }, {}, approve)
  const refused = await ask()
  t.is(refused.code, 'identity.token_expired')
  t.is(refused.message, 'The token has expired')
  t.is(spent, 0)
})

test('a connection closes its own session; a shared one is nobody\'s to close', async (t) => {
  const own = await gateOver({}, { sessions: 'connection' })
  own.gate.close()
  t.is(own.left(), 1)
  const shared = await gateOver({}, {})
  t.throws(() => shared.gate.close(), { message: 'a shared session is not its connection\'s to close' })
  t.is(shared.left(), 0)
})

test('several reasons of a refusal read as sentences, whether or not their authors ended them', async (t) => {
  const said = async (...texts: string[]): Promise<string> => {
    const stages = {
      identify: () => ({ id: 'idp|mara', clientId: 'agent' }), enter: () => ({ writer: { hex: '00' }, principal: {} }), closed: () => undefined, project: (call: object) => call,
      decide: (call: object) => ({ ...call, decision: { ...decision, effect: 'deny', reasons: texts.map((msg, i) => ({ id: `r${i}`, msg, mode: 'enforce' })) }, decisionId: new Uint8Array(16), canonicalDecision: new Uint8Array() }),
      record: { intents: async (_session: object, settled: readonly { refused?: Refusal }[]) => settled.map(({ refused }) => refused ?? {}) },
    } as unknown as Stages
    const gate = await createDoor({ name: 'bank' } as TargetConfig, {} as Masking, stages, () => ({ forward: () => undefined })).enter(credential)
    if ('refused' in gate) throw new Error(gate.code)
    const refused = (await gate.request([{ isOpaque: false } as Operation], 'client', { signal: new AbortController().signal, held: () => 'return' as const }))[0] as Refusal
    t.is(refused.code, 'policy.denied')
    return refused.message
  }
  t.is(await said('Items are frozen.', 'A lead has to approve it.'), 'Items are frozen. A lead has to approve it.')
  t.is(await said('no DDL', 'not on Fridays', 'Ask a lead.'), 'no DDL; not on Fridays; Ask a lead.')
  t.is(await said('Items are frozen.', ''), 'Items are frozen.')
  t.is(await said(''), 'Denied by policy')
})
