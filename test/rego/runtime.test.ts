import { createRequire } from 'node:module'
import test from 'ava'
import type { loadPolicySync } from '@open-policy-agent/opa-wasm'
import { compilerWords } from '../../rego/commands/verify.ts'
import { hostBuiltins } from '../../rego/builtins/index.ts'
import { createEvaluator } from '../../rego/evaluator.ts'
import { readBundle } from '../../rego/index.ts'
import { checkShape } from '../../rego/module-shape.ts'
import { quicken } from '../../rego/runtime/index.ts'
import { readSections } from '../../rego/wasm-reader.ts'
import { moduleOf } from '../../rego/wasm-writer.ts'
import { compileShipped, compileSources } from './sources.ts'

const plain = createRequire(import.meta.url)('@open-policy-agent/opa-wasm') as { readonly loadPolicySync: typeof loadPolicySync }
const always = ['opa_value_hash', 'opa_memoize_init', 'opa_memoize_get', 'opa_memoize_insert', 'opa_strncmp', 'eval']
const withWith = [...always.slice(0, 4), 'opa_memoize_push', 'opa_memoize_pop', ...always.slice(4)]

function quickened(wasm: Uint8Array): { readonly names: readonly string[]; readonly wasm: Uint8Array } {
  const parts = readSections(wasm)
  return { names: quicken(parts, wasm, checkShape(parts).length), wasm: moduleOf(parts) }
}

/** More strings than hashes are kept of, texts that part late, sets in their own order, `with` inside `with`, rules without a value. */
const hard = `package countersign.request

words := {${Array.from({ length: 1_100 }, (_, at) => `"word ${at}": ${at}`).join(', ')}}

decision := {
	"found": [words[name] | some name in input.request.arguments.names],
	"order": [name | some name in {name | some name in input.request.arguments.names}],
	"less": [[a, b] | some a in input.request.arguments.names; some b in input.request.arguments.names; a < b],
	"same": [same | some a in input.request.arguments.names; some b in input.request.arguments.names; same := a == b],
	"layers": [outer, middle, inner, middle, outer],
	"turns": [seen | some at in numbers.range(1, 50); seen := deep with input.request.arguments.layer as at],
	"absent": [1 | absent],
	"objects": {object.union(words, {"a": name}).a | some name in input.request.arguments.names},
}

layer := input.request.arguments.layer

deep := [layer, inner]

outer := layer

around := [layer, inner, layer]

middle := seen if seen := around with input.request.arguments.layer as "middle"

about := [layer, inmost, layer]

inner := seen if seen := about with input.request.arguments.layer as "inner"

inmost := seen if seen := layer with input.request.arguments.layer as "inmost"

absent if input.request.arguments.nothing
`
const names = ['', 'word 7', 'word 1099', 'none', 'word 70', 'abcdefgh', 'abcdefghi', 'abcdefghj', 'abcdefg', 'abcdefgé', 'abcdefghabcdefgh', 'abcdefghabcdefgi', '\u{1f600}bcdefgh', 'word\u0000a', 'word\u0000b']

const bundle = readBundle(await compileSources({ 'policy/decision.rego': hard }))

test('what the compiler makes is known, and every function that can be is replaced', async t => {
  t.deepEqual(quickened(readBundle(await compileShipped()).wasm).names, always)
  t.deepEqual(quickened(bundle.wasm).names, withWith)
})

test('a replaced function answers as the one it replaces', t => {
  const ours = createEvaluator({ wasm: bundle.wasm, data: bundle.data, builtins: hostBuiltins, maxMemoryPages: 256, fuel: 50_000_000 })
  const theirs = plain.loadPolicySync(bundle.wasm)
  theirs.setData(JSON.parse(bundle.data) as object)
  for (const given of [names, names.toReversed(), Array.from({ length: 60 }, (_, at) => `word ${at * 18}`), names]) {
    const input = { request: { arguments: { names: given, layer: 'outer' } } }
    t.deepEqual(JSON.parse(ours.evaluate('countersign/request/decision', JSON.stringify(input))), theirs.evaluate(input, 'countersign/request/decision'))
  }
})

test('a module whose functions are other than known keeps them', t => {
  const wasm = Buffer.from(bundle.wasm)
  // Two of them by other names.
  const other = Buffer.from(wasm)
  for (const [name, changed] of [['opa_memoize_pop', 'opa_memoize_pap'], ['\u0004eval', '\u0004ival']] as const) {
    const at = other.lastIndexOf(name)
    t.true(at > 0)
    other.write(changed, at)
  }
  t.deepEqual(quickened(other).names, ['opa_value_hash', 'opa_strncmp'])
  // Of opa_value_hash the hash of nothing (FNV's start), of opa_strncmp the answer for less.
  const strange = Buffer.from(wasm)
  const fnv = Buffer.from([0x41, 0xc5, 0xbb, 0xf2, 0x88, 0x78])
  for (let at = strange.indexOf(fnv); at >= 0; at = strange.indexOf(fnv, at + 1)) strange[at + 1] = 0xc4
  t.true(WebAssembly.validate(strange))
  t.deepEqual(quickened(strange).names, withWith.filter(name => name !== 'opa_value_hash'))
  // Whoever verifies such a bundle is told; of one that this release compiled there is nothing to tell.
  t.deepEqual(compilerWords(bundle), [])
  t.deepEqual(compilerWords({ wasm: strange, compilerDigest: '0' }), ['compiled by another compiler than the one of this release', 'its functions are not those of the OPA that this release knows: it decides the same, and takes longer (rego/README.md, "What is replaced in a module")'])
  t.true(WebAssembly.validate(quickened(strange).wasm))
})

test('of the functions that keep values all are replaced or none, or `with` would leave its values behind', t => {
  const input = { request: { arguments: { names, layer: 'outer' } } }
  const answer = (wasm: Uint8Array) => JSON.parse(createEvaluator({ wasm, data: bundle.data, builtins: hostBuiltins, maxMemoryPages: 256, fuel: 50_000_000 }).evaluate('countersign/request/decision', JSON.stringify(input))) as unknown
  for (const name of ['opa_memoize_init', 'opa_memoize_get', 'opa_memoize_insert', 'opa_memoize_push', 'opa_memoize_pop']) {
    const renamed = Buffer.from(bundle.wasm)
    renamed.write(name.replace('memoize', 'remember').slice(0, name.length), renamed.lastIndexOf(name))
    t.deepEqual(quickened(renamed).names, ['opa_value_hash', 'opa_strncmp', 'eval'], name)
    t.deepEqual(answer(renamed), answer(bundle.wasm), name)
  }
})

test('a module without names, or with names cut short, is left as it is or refused', t => {
  const { wasm } = bundle
  const nameless = moduleOf(readSections(wasm))
  t.deepEqual(quickened(nameless).names, [])
  t.deepEqual(Buffer.from(quickened(nameless).wasm), Buffer.from(nameless))
  const short = Buffer.concat([nameless, Uint8Array.of(0, 7, 4, 0x6e, 0x61, 0x6d, 0x65, 1, 9)])
  t.true(WebAssembly.validate(short))
  t.throws(() => quickened(short), { code: 'ERR_BUNDLE_MALFORMED', message: 'the policy module cannot be metered: it is cut short' })
})

test('a policy with long texts in its data answers calls of every size', t => {
  const { wasm } = bundle
  for (const kib of [300, 500, 1_500, 3_000]) {
    const evaluator = createEvaluator({ wasm, data: JSON.stringify({ text: 'x'.repeat(kib * 1024) }), builtins: hostBuiltins, maxMemoryPages: 1_024, fuel: 50_000_000 })
    for (const count of [1, 100, 1_000, 20_000]) {
      const input = { request: { arguments: { names: [], layer: 'outer', others: Array.from({ length: count }, (_, at) => `other ${at}`) } } }
      t.true(evaluator.evaluate('countersign/request/decision', JSON.stringify(input)).startsWith('[{"result":{'), `${kib} KiB of data, ${count} texts`)
    }
  }
})
