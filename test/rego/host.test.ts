import test from 'ava'
import { loadPolicy, PolicyError, readBundle } from '../../rego/index.ts'
import type { Policy } from '../../rego/index.ts'
import { compileSources, hostile } from './sources.ts'

const bundle = readBundle(await compileSources({ 'policy/decision.rego': hostile }))
const policy = loadPolicy(bundle, { maxMemoryPages: 256 })
const impatient = loadPolicy(bundle, { fuel: 1_000_000 })

const ask = (mode: string, more: object = {}, of: Policy = policy) => {
  const input = { request: { arguments: { mode, ...more } } }
  return of.decide(input, JSON.stringify(input))
}

const refusals = [
  ['undefined decision', 'no such mode', 'ERR_POLICY_UNDEFINED', 'the policy has no answer for this input'],
  ['decision with members missing', 'malformed', 'ERR_POLICY_MALFORMED', 'the decision is malformed: / breaks "required"'],
  ['decision with an unknown effect', 'unknown effect', 'ERR_POLICY_MALFORMED', 'the decision is malformed: /effect breaks "enum"'],
  ['hold without an approval', 'require without approval', 'ERR_POLICY_MALFORMED', 'the decision is malformed: an approval goes with "require", and only with it'],
  ['decision that is text', 'text', 'ERR_POLICY_MALFORMED', 'the decision is malformed: / breaks "type"'],
  ['obligation that the gateway does not know', 'obligation', 'ERR_POLICY_OBLIGATION', 'the decision has an obligation that this gateway cannot meet'],
  ['conflict between two rules', 'conflict', 'ERR_POLICY_TRAP', 'the policy gave up: policy/decision.rego:23:1: var assignment conflict'],
  ['loop', 'loop', 'ERR_POLICY_TIMEOUT', 'the evaluation took more steps than it may'],
  ['policy that eats memory', 'memory', 'ERR_POLICY_MEMORY', 'the evaluation wants more memory than it may have'],
] as const

for (const [title, mode, code, message] of refusals) {
  test.serial(`${title}: a typed error, and the next call is decided`, t => {
    const more = mode === 'memory' ? { text: 'x'.repeat(1_000) } : {}
    const of = mode === 'loop' ? impatient : policy
    const error = t.throws(() => ask(mode, more, of), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], [code, message])
    t.is(ask('good', {}, of).decision.effect, 'allow')
  })
}

test('a loop ends by itself in the shipped setting too', t => {
  const error = t.throws(() => ask('loop', {}, loadPolicy(bundle)), { instanceOf: PolicyError })
  t.true(error.code === 'ERR_POLICY_TIMEOUT' || error.code === 'ERR_POLICY_MEMORY')
})

test('an error is not remembered as a decision', t => {
  t.throws(() => ask('text'), { code: 'ERR_POLICY_MALFORMED' })
  t.throws(() => ask('text'), { code: 'ERR_POLICY_MALFORMED' })
})

test('a decision is canonical, frozen, and one object for equal answers', t => {
  const of = loadPolicy(bundle)
  const reason = (id: string) => ({ msg: 'm', mode: 'warn', id, controls: ['b', 'a', 'b'] })
  const one = ask('reasons', { reasons: [reason('x'), reason('a'), reason('x')] }, of)
  t.deepEqual(one.decision.reasons.map(({ id, controls }) => [id, controls]), [['a', ['a', 'b']], ['x', ['a', 'b']]])
  t.is(Buffer.from(one.canonical).toString(), '{"approval":null,"effect":"allow","limits":{},"mask":[],"obligations":[],"reasons":[{"controls":["a","b"],"id":"a","mode":"warn","msg":"m"},{"controls":["a","b"],"id":"x","mode":"warn","msg":"m"}],"record":{"level":"body","retention":"7y"}}')
  t.true(Object.isFrozen(one.decision.reasons[0]?.controls))
  t.is(ask('reasons', { reasons: [reason('x'), reason('a'), reason('x')] }, of).decision, one.decision)
  t.is(ask('good', { text: 'one' }, of).decision, ask('good', { text: 'two' }, of).decision)
})

test('a decision made for one input is not given to another', t => {
  const of = loadPolicy(bundle)
  t.false(ask('good', {}, of).isCached)
  t.true(ask('good', {}, of).isCached)
  // What the policy cannot read makes no difference; what it can read does.
  t.true(ask('good', { unread: 1 }, of).isCached)
  t.false(ask('good', { text: 'other' }, of).isCached)
  t.throws(() => ask('malformed', {}, of), { code: 'ERR_POLICY_MALFORMED' })
  t.false(ask('good', {}, loadPolicy(bundle)).isCached)
})

test('an input that the module would misread never reaches it', t => {
  const of = loadPolicy(bundle)
  const deep = JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`) as unknown
  const cases = [
    [{ text: '\ud800' }, 'the input has text that is not Unicode'],
    [{ text: deep }, 'the input is nested deeper than 128'],
    [{ text: 'x'.repeat(1_100_000) }, 'the input is larger than 1048576 bytes'],
    [{ text: () => 1 }, 'the input has a value that JSON cannot say'],
  ] as const
  for (const [more, message] of cases) t.throws(() => ask('good', more, of), { code: 'ERR_POLICY_INPUT', message })
  t.notThrows(() => ask('good', { text: '\\ud800 "[[[' }, of))
  t.notThrows(() => ask('good', { text: '\u{1f600} é\u0000' }, of))
})

test('an input that is no object is still an input', t => {
  for (const text of ['false', '0', '""', 'null']) t.throws(() => policy.decide(JSON.parse(text) as object, text), { code: 'ERR_POLICY_UNDEFINED' })
})

test('a list is filtered by one true or false for each item, or not at all', t => {
  const list = (id: string, items: readonly unknown[]) => policy.visible({ subject: { id }, items } as unknown as { items: object[] })
  t.deepEqual(list('all', [{}, {}]), [true, true])
  t.deepEqual(list('all', []), [])
  t.throws(() => list('echo', [{}, {}]), { code: 'ERR_POLICY_MALFORMED', message: 'the policy did not say of each item whether it is visible' })
  t.throws(() => list('nobody', [{}]), { code: 'ERR_POLICY_UNDEFINED' })
  t.throws(() => list('all', new Array(4_097).fill({})), { code: 'ERR_POLICY_INPUT', message: 'the list has more than 4096 items' })
})

test('a policy that reads time, sequence or the whole input is asked every time', async t => {
  for (const reads of ['input.context.time', 'input.session.seq', 'input.decision_id', 'input.context', 'input']) {
    const rego = hostile.replace('if mode == "good"', `if {\n\tmode == "good"\n\t${reads}\n}`)
    const of = loadPolicy(readBundle(await compileSources({ 'policy/decision.rego': rego })))
    const input = { request: { arguments: { mode: 'good' } }, context: { time: 't' }, session: { seq: 1 }, decision_id: 'd' }
    t.false(of.decide(input, JSON.stringify(input)).isCached, reads)
    t.false(of.decide(input, JSON.stringify(input)).isCached, reads)
  }
})

test('a policy that needs a built-in the host lacks, or has no entrypoint, is not loaded', t => {
  t.throws(() => loadPolicy({ ...bundle, inputs: {} }), { code: 'ERR_BUNDLE_MALFORMED', message: 'the bundle does not say what countersign/request/decision reads' })
  t.throws(() => loadPolicy({ ...bundle, wasm: new Uint8Array(8) }), { code: 'ERR_BUNDLE_MALFORMED', message: 'the policy module is not WebAssembly' })
})

test('a closed policy decides nothing', t => {
  const of = loadPolicy(bundle)
  ask('good', {}, of)
  of.close()
  t.throws(() => ask('good', {}, of), { code: 'ERR_POLICY_TRAP', message: 'the policy is closed' })
})

test('inputs that are called alike are decided each for itself by a policy that can read all of them', async t => {
  const rego = (rule: string) => hostile.replace(/input\.request\.arguments/g, rule)
  const alike = { members: ['parameters'] }
  const of = loadPolicy(readBundle(await compileSources({ 'policy/decision.rego': rego('input.request.parameters') })))
  const run = (mode: string) => { const input = { request: { parameters: { mode } } }; return of.decide(input, JSON.stringify(input), alike) }
  for (let i = 0; i < 3; i++) {
    t.is(run('good').decision.effect, 'allow')
    t.throws(() => run('text'), { code: 'ERR_POLICY_MALFORMED' })
  }
})

test('inputs that are called alike are looked up once, and not by a policy that is closed', t => {
  const of = loadPolicy(bundle)
  const alike = { members: ['parameters'] }
  const run = (parameters: string[]) => { const input = { request: { arguments: { mode: 'good' }, parameters } }; return of.decide(input, JSON.stringify(input), alike) }
  t.deepEqual(['1', '2', '3'].map((one) => run([one]).isCached), [false, true, true])
  t.is(run(['4']), run(['5']))
  of.close()
  t.throws(() => run(['6']), { code: 'ERR_POLICY_TRAP' })
})
