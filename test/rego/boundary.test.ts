// What crosses between a policy module and the host, either way, and what happens when a built-in function does not answer.
import { createRequire } from 'node:module'
import test from 'ava'
import { hostBuiltins } from '../../rego/builtins/index.ts'
import type { BuiltinMaker, Value } from '../../rego/builtins/value.ts'
import { createEvaluator } from '../../rego/evaluator.ts'
import { compileBundle, PolicyError, readBundle, shippedCapabilities } from '../../rego/index.ts'

const rego = `package boundary

echoed := probe.echo({1, "é", [{2}], 12345678901234567890123, {}, set()})

is_still_a_set if is_set(probe.echo({1}))

exact := [input.n, input.n + 1, data.n, probe.echo(input.n), .5]

without := [not_failed, falls_back]

not_failed if not probe.fail(1)

default falls_back := "fallback"

falls_back := probe.fail(1)

broken := probe.broken(1)

spent if {
	probe.spend(1)
	some i in numbers.range(1, 10)
	i == 10
}

default seen := "no input"

seen := [input]

conflict := 1 if true

conflict := input.two

found := regex.find_n("a", "banana", -1)
`

const declaration = (name: string) => ({ name, decl: { type: 'function', args: [{ type: 'any' }], result: { type: 'any' } } })
const capabilities = shippedCapabilities() as { readonly builtins: readonly unknown[] }
const names = ['echoed', 'is_still_a_set', 'exact', 'without', 'broken', 'spent', 'seen', 'conflict', 'found']
const bundle = readBundle(await compileBundle({
  files: new Map(Object.entries({ 'policy/grenze_é.rego': rego, 'data/data.json': '{"n": 9007199254740993}', 'schema/input.schema.json': '{}' }).map(([name, text]) => [name, new TextEncoder().encode(text)])),
  entrypoints: names.map(name => `boundary/${name}`),
  revision: 'test',
  serial: 1,
  capabilities: { ...capabilities, builtins: [...capabilities.builtins, ...['probe.echo', 'probe.fail', 'probe.broken', 'probe.spend'].map(declaration)] },
}))

const given: Value[] = []
const probes: ReadonlyMap<string, BuiltinMaker> = new Map<string, BuiltinMaker>([
  ...hostBuiltins,
  ['probe.echo', () => value => { given.push(value ?? null); return value }],
  ['probe.fail', () => () => undefined],
  ['probe.broken', () => () => { throw new TypeError('a fault of the host') }],
  ['probe.spend', spend => () => { spend(1e9); return true }],
])
const load = (builtins = probes) => createEvaluator({ wasm: bundle.wasm, data: bundle.data, builtins, maxMemoryPages: 256, fuel: 10_000_000 })
const evaluator = load()
const ask = (name: string, input?: string) => evaluator.evaluate(`boundary/${name}`, input)

test('a set and a number of any size reach a built-in function as they are, and come back', t => {
  given.length = 0
  const answer = ask('echoed')
  const [value] = given
  const set = typeof value === 'object' && value !== null && 'set' in value ? value.set : []
  t.deepEqual(set.map(item => JSON.stringify(item)).sort(), ['"é"', '{"array":[{"set":[{"number":"2"}]}]}', '{"number":"1"}', '{"number":"12345678901234567890123"}', '{"object":[]}', '{"set":[]}'])
  t.true(answer.includes('12345678901234567890123'))
  t.is(ask('is_still_a_set'), '[{"result":true}]')
})

test('no digit of a number is lost between the input, the data and the answer', t => {
  t.is(ask('exact', '{"n": 9007199254740993}'), '[{"result":[9007199254740993,9007199254740994,9007199254740993,9007199254740993,0.5]}]')
  t.is(ask('exact', '{"n": 123456789012345678901234567890}'), '[{"result":[123456789012345678901234567890,123456789012345678901234567891,9007199254740993,123456789012345678901234567890,0.5]}]')
})

test('a built-in function without an answer leaves its expression undefined, and the evaluation goes on', t => {
  t.is(ask('without'), '[{"result":[true,"fallback"]}]')
})

test('a fault of a built-in function is no answer: the evaluation ends, and the next begins afresh', t => {
  const error = t.throws(() => ask('broken'), { instanceOf: PolicyError })
  t.deepEqual([error.code, error.message], ['ERR_POLICY_TRAP', 'the policy module trapped'])
  t.is(ask('is_still_a_set'), '[{"result":true}]')
})

test('what a built-in function spends is missing from the evaluation', t => {
  const error = t.throws(() => ask('spent'), { instanceOf: PolicyError })
  t.deepEqual([error.code, error.message], ['ERR_POLICY_TIMEOUT', 'the evaluation took more steps than it may'])
})

test('false, 0, "" and null are inputs, and no input is none', t => {
  for (const input of ['false', '0', '""', 'null']) t.is(ask('seen', input), `[{"result":[${input}]}]`)
  t.is(ask('seen'), '[{"result":"no input"}]')
  t.throws(() => ask('seen', '{"a":'), { code: 'ERR_POLICY_INPUT', message: 'the policy module cannot parse the input' })
})

test('the words of a policy that gives up are read whole', t => {
  t.throws(() => ask('conflict', '{"two":2}'), { code: 'ERR_POLICY_TRAP', message: /^the policy gave up: policy\/grenze_é\.rego:\d+:1: var assignment conflict$/ })
})

test('a built-in function that the host lacks is missed when the policy is loaded', t => {
  const error = t.throws(() => load(new Map([...probes].filter(([name]) => name !== 'probe.fail'))), { instanceOf: PolicyError })
  t.deepEqual([error.code, error.message], ['ERR_BUNDLE_BUILTIN', 'the policy needs the built-in function probe.fail, which the host does not have'])
})

test('only what a policy names is made', t => {
  const made: string[] = []
  load(new Map([...probes].map(([name, make]) => [name, spend => { made.push(name); return make(spend) }])))
  t.deepEqual([...new Set(made)].sort(), ['probe.broken', 'probe.echo', 'probe.fail', 'probe.spend', 'regex.find_n'])
  t.is(ask('found'), '[{"result":["a","a","a"]}]')
})

test('every built-in function is where its name says', t => {
  for (const [name, make] of hostBuiltins) t.is(typeof make(() => undefined), 'function', name)
})

test('a library is loaded with the first policy that needs it', async t => {
  const libraries = () => Object.keys(createRequire(import.meta.url).cache).filter(name => /node_modules\/(re2js|graphql|yaml)\//.test(name))
  const { Worker } = await import('node:worker_threads')
  const loaded = await new Promise((resolve, reject) => {
    const worker = new Worker(`
      const { createRequire } = require('node:module')
      import(${JSON.stringify(new URL('../../rego/builtins/index.ts', import.meta.url).href)}).then(({ hostBuiltins }) => {
        require('node:worker_threads').parentPort.postMessage([...Object.keys(require.cache)].filter(name => /node_modules/.test(name)))
      })`, { eval: true })
    worker.once('message', resolve).once('error', reject)
  })
  t.deepEqual(loaded, [])
  t.true(libraries().some(name => name.includes('re2js')))
})
