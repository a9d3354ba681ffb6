// The same question three ways: on the pruned input, on the whole of it, and by OPA's own topdown evaluator.
import test from 'ava'
import { hostBuiltins } from '../../rego/builtins/index.ts'
import { readSetShape, writeCanonical } from '../../rego/canonical.ts'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { createEvaluator } from '../../rego/evaluator.ts'
import { loadPolicy, readBundle } from '../../rego/index.ts'
import { createPruner } from '../../rego/prune.ts'
import { readResult } from '../../rego/read-decision.ts'
import schema from '../../rego/schema/decision.schema.json' with { type: 'json' }
import { readSource } from '../../rego/source.ts'
import { Toolchain } from '../../rego/toolchain/process.ts'
import { compileShipped, shipped } from './sources.ts'

const bundle = readBundle(await compileShipped())
const policy = loadPolicy(bundle)
const whole = createEvaluator({ wasm: bundle.wasm, data: bundle.data, builtins: hostBuiltins, maxMemoryPages: 1_024, fuel: 50_000_000 })
const shape = readSetShape(schema as object)

let seed = 20_261_121
const random = (below: number) => {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor(seed / 2 ** 32 * below)
}
const pick = <T>(...of: readonly T[]): T => of[random(of.length)] as T
const odd = () => pick<unknown>(null, true, 0, -1, 10_000.5, 1e21, '', '/etc/passwd', 'a\u0000b', '⟦US_SSN:abc⟧', [], ['x'], {}, { class: 'PAN', token: 't' }, '\u{1f600}')

function generate(): object {
  const [type, target, name] = pick(['tool', 'bank', pick('run_report', 'drop_table', 'export_customers', 'deploy_model', 'lookup_customer', 'nothing')], ['route', 'ledger', pick('GET /accounts', 'POST /transfers', 'POST /upload', 'GET /ws', 'GET /stream')], ['server', 'bank', ''])
  const action = type === 'tool' ? 'tools/call' : type === 'route' ? `http.${name.split(' ')[0]?.toLowerCase()}` : pick('initialize', 'tools/list', 'sampling/createMessage')
  return {
    v: pick(1, 1, 1, 1, 1, 2), phase: 'request', decision_id: `d${random(9)}`, session: { id: 's', seq: random(99), started_at: 't' },
    subject: { type: 'user', id: 'idp|u', properties: { groups: [pick('analysts', 'leads', 'engineers', 'ci', 'contractors', 'none'), pick('x', 'leads')], client_id: 'c', acr: '', amr: [], claims: pick<object>({}, { email: odd() }) } },
    action: { name: action, properties: { effects: ['read'] } },
    resource: { type, id: type === 'server' ? target : `${target}/${name}`, properties: { target, env: 'test', labels: [] } },
    request: { protocol: 'mcp', method: action, arguments: { report: pick<unknown>('largest_accounts', 'a b', odd()), ...pick<object>({}, { path: pick<unknown>('a/b', odd()) }), other: odd() }, ...pick<object>({}, { body: pick<unknown>({ amount: pick<unknown>(5, 20_000, odd()), from: 'a', to: pick('a', 'b') }, odd()) }), bytes: random(999) },
    findings: { pii: { status: 'ok', classes: [] }, projected: pick<string[]>([], [], [], ['/arguments/n']) },
    context: { time: `t${random(9)}`, ip: '', ticket: '', approval: null, grants: [], break_glass: false },
  }
}

const canonicalOf = (text: string): string => {
  try {
    return writeCanonical(readResult(text), shape)
  } catch (error) {
    return (error as { code: string }).code
  }
}
const decided = (input: object): string => {
  try {
    return Buffer.from(policy.decide(input, JSON.stringify(input)).canonical).toString()
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('a decision on the pruned input is the decision on the whole input, cached or not', t => {
  const seen = new Map<string, number>()
  for (let i = 0; i < 3_000; i++) {
    const input = generate()
    const expected = canonicalOf(whole.evaluate('countersign/request/decision', JSON.stringify(input)))
    if (decided(input) !== expected) t.fail(JSON.stringify(input))
    const effect = /"effect":"(\w+)"/.exec(expected)?.[1] ?? expected
    seen.set(effect, (seen.get(effect) ?? 0) + 1)
  }
  // The corpus is worth something only if it reaches every answer.
  for (const effect of ['allow', 'deny', 'require', 'ERR_POLICY_UNDEFINED']) t.true((seen.get(effect) ?? 0) > 50, `${effect}: ${seen.get(effect)}`)
})

test('compiled policy and topdown give the same decision', async t => {
  const inputs = Array.from({ length: 400 }, generate)
  using toolchain = new Toolchain()
  const { findings, result } = await toolchain.request({ cmd: 'eval', files: readSource(shipped), capabilities: shippedCapabilities(), query: 'data.countersign.request.decision', inputs })
  t.deepEqual(findings, [])
  for (const [at, answer] of (result as { defined?: boolean; value?: unknown }[]).entries()) {
    const expected = answer.value === undefined ? 'ERR_POLICY_UNDEFINED' : writeCanonical(answer.value, shape)
    t.is(decided(inputs[at] as object), expected, JSON.stringify(inputs[at]))
  }
})

test('pruning keeps every parent, and everything that is no object', t => {
  const write = (paths: string[][], input: object) => createPruner(paths).write(input)
  t.is(write([['a', 'b']], { a: { c: 1 }, d: 2 }), '{"a":{}}')
  t.is(write([['a', 'b']], { a: [1, { c: 2 }] }), '{"a":[1,{"c":2}]}')
  t.is(write([['a', 'b']], { a: null }), '{"a":null}')
  t.is(write([['a', 'b']], { a: 'text' }), '{"a":"text"}')
  t.is(write([['a']], {}), '{}')
  t.is(write([['__proto__', 'x'], ['a']], JSON.parse('{"__proto__":{"x":1,"y":2},"a":1}') as object), '{"__proto__":{"x":1},"a":1}')
  t.is(write([['toString']], {}), '{}')
  t.is(write([[]], { a: 1 }), '{"a":1}')
})

test('a prefix of what changes on every call makes a policy volatile, a sibling does not', t => {
  for (const path of [[], ['context'], ['context', 'time'], ['session', 'seq'], ['session'], ['decision_id']]) t.true(createPruner([path]).isVolatile, path.join('.'))
  for (const path of [['context', 'ip'], ['session', 'id'], ['subject']]) t.false(createPruner([path]).isVolatile, path.join('.'))
})

test('a policy that can read a member of the request, or what differs on every call, is not blind to it', t => {
  const isBlind = (...path: string[]): boolean => createPruner([path, ['subject']]).isBlindTo(['literals', 'parameters'])
  for (const path of [[], ['request'], ['request', 'parameters'], ['request', 'literals', '0'], ['context', 'time'], ['session']]) t.false(isBlind(...path), path.join('.'))
  for (const path of [['request', 'statements'], ['context', 'ip'], ['subject'], ['request', 'parameters2']]) t.true(isBlind(...path), path.join('.'))
})
