import test from 'ava'
import { createAnswerReader } from '../../rego/answer.ts'
import { hostBuiltins } from '../../rego/builtins/index.ts'
import { PolicyError } from '../../rego/errors.ts'
import { createEvaluator } from '../../rego/evaluator.ts'
import { readBundle } from '../../rego/index.ts'
import { readResult } from '../../rego/read-decision.ts'
import { compileSources, hostile } from './sources.ts'

const bundle = readBundle(await compileSources({ 'policy/decision.rego': hostile }))
const evaluator = createEvaluator({ wasm: bundle.wasm, data: bundle.data, builtins: hostBuiltins, maxMemoryPages: 64, fuel: 10_000_000 })
const echo = (items: unknown) => readResult(evaluator.evaluate('countersign/list/visible', JSON.stringify({ subject: { id: 'echo' }, items })))

test('every kind of value is read as it was given, again and again', t => {
  const items = [null, true, false, 0, -7, 1.5, 1e300, 9_007_199_254_740_991, '', 'é\u0000\n"\\\u{1f600}', [], {}, [[1], { a: { '': [] } }], Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`k${at}`, at]))]
  for (const given of [items, [...items].reverse(), items]) t.deepEqual(echo(given), given)
})

// One page of memory with `words` from address 16 on.
function memoryOf(...words: number[]): WebAssembly.Memory {
  const memory = new WebAssembly.Memory({ initial: 1 })
  new Uint32Array(memory.buffer).set(words, 4)
  return memory
}

test('an answer that holds itself, has no end or is of an unknown kind is refused', t => {
  const cases = [
    // An array at 16 whose elements, at 32, are the array.
    [memoryOf(5, 32, 1, 0, 0, 16), 'the result is nested deeper than 256'],
    // A set at 16 with one bucket at 32, whose entry at 36 holds the null at 44 and is followed by itself.
    [memoryOf(7, 32, 1, 0, 36, 44, 36, 1), 'the result is larger than 1048576 bytes'],
    [memoryOf(10), 'the result has a value of a type that is not known'],
    [memoryOf(4, 2_000_000, 48), 'the result is larger than 1048576 bytes'],
  ] as const
  for (const [memory, message] of cases) {
    const error = t.throws(() => createAnswerReader({ memory, end: 0 })(16), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], ['ERR_POLICY_MALFORMED', message])
  }
  t.throws(() => createAnswerReader({ memory: memoryOf(5, 100_000, 1), end: 0 })(16), { instanceOf: RangeError })
})
