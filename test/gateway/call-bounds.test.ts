// What a call may ask beside what policy says: bytes an approval can bind to, and room for others.
import test from 'ava'
import type { DecidedCall, Operation } from '../../gateway/call.ts'
import type { TargetConfig } from '../../gateway/config.ts'
import { createDoor, maxInFlight, type Stages } from '../../gateway/pipeline.ts'
import type { Masking } from '../../gateway/mask/index.ts'
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

test('a call whose bytes nobody reads cannot be approved: the yes would fit any bytes', async (t) => {
  let asked = 0
  const stages = {
    identify: () => ({ id: 'idp|mara', clientId: 'agent' }), enter: () => ({ writer: { hex: '00' }, principal: { id: 'idp|mara', clientId: 'agent' } }),
    closed: () => undefined, limit: () => undefined, project: (call: object) => call,
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
