import test from 'ava'
import type { DecidedCall, ProjectedCall } from '../../../gateway/call.ts'
import type { TargetConfig } from '../../../gateway/config.ts'
import { decide } from '../../../gateway/policy/index.ts'
import { PolicyError, type Decision, type Policy, type PolicyErrorCode } from '../../../rego/index.ts'

// What a bundle answers, or throws, is the engine's own test; here it is what becomes of it.
const answering = (effect: Decision['effect']): Policy => ({
  digest: new Uint8Array(32).fill(7), revision: 'r', serial: 1, builtins: [], visible: () => [], close: () => undefined,
  decide: () => ({ decision: { effect, reasons: [], approval: null, mask: [], limits: {}, record: { level: 'body', retention: '7y' }, obligations: [] }, canonical: new Uint8Array([1]), isCached: false }),
})
const throwing = (error: Error): Policy => ({ ...answering('allow'), decide: () => { throw error } })

const target = (durability: 'strict' | 'bounded'): TargetConfig => ({ durability }) as TargetConfig
const call = (effects: readonly string[]): ProjectedCall => ({ operation: { action: { name: 'tools/call', properties: { effects } } }, input: {}, inputText: '{}' }) as unknown as ProjectedCall

const codes: readonly PolicyErrorCode[] = ['ERR_POLICY_UNDEFINED', 'ERR_POLICY_TRAP', 'ERR_POLICY_TIMEOUT', 'ERR_POLICY_MALFORMED', 'ERR_POLICY_OBLIGATION', 'ERR_POLICY_INPUT']
for (const code of codes) {
  test(`${code} is a deny that says so`, (t) => {
    const decided = decide(call(['read']), throwing(new PolicyError(code, 'inner words')), target('bounded'))
    t.is(decided.decision.effect, 'deny')
    t.deepEqual(decided.decision.reasons, [{ id: 'policy.error', msg: `The policy could not decide (${code})`, controls: [], mode: 'enforce' }])
    t.is(decided.durability, 'strict')
    t.is(Buffer.from(decided.canonicalDecision).toString(), `{"approval":null,"effect":"deny","limits":{},"mask":[],"obligations":[],"reasons":[{"controls":[],"id":"policy.error","mode":"enforce","msg":"The policy could not decide (${code})"}],"record":{"level":"body","retention":""}}`)
  })
}

test('a fault nobody foresaw in the engine is a deny, too, and its words stay inside', (t) => {
  const decided = decide(call(['read']), throwing(new TypeError('secret words')), target('strict'))
  t.is(decided.decision.effect, 'deny')
  t.false(Buffer.from(decided.canonicalDecision).toString().includes('secret words'))
})

const durabilities: readonly (readonly [string, 'strict' | 'bounded', Decision['effect'], readonly string[], DecidedCall['durability']])[] = [
  ['an allowed read of a target granted bounded durability', 'bounded', 'allow', ['read'], 'bounded'],
  ['a target without the grant', 'strict', 'allow', ['read'], 'strict'],
  ['a read that also exports', 'bounded', 'allow', ['read', 'export'], 'strict'],
  ['an undeclared effect', 'bounded', 'allow', [], 'strict'],
  ['a denial', 'bounded', 'deny', ['read'], 'strict'],
  ['a call that needs approval', 'bounded', 'require', ['read'], 'strict'],
]
for (const [title, granted, effect, effects, durability] of durabilities) {
  test(`${title} is ${durability}`, (t) => {
    const decided = decide(call(effects), answering(effect), target(granted))
    t.is(decided.durability, durability)
    t.deepEqual(decided.bundle, new Uint8Array(32).fill(7))
  })
}
