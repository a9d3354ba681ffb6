import test from 'ava'
import { createAnswerMarker, createMade } from '../../rego/answer-mark.ts'
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
    // A set at 16 of more buckets than any memory has.
    [memoryOf(7, 0, 9_000_000), 'the result is larger than 1048576 bytes'],
    [memoryOf(10), 'the result has a value of a type that is not known'],
    [memoryOf(4, 2_000_000, 48), 'the result is larger than 1048576 bytes'],
  ] as const
  for (const [memory, message] of cases) {
    const error = t.throws(() => createAnswerReader({ memory, end: 0 })(16), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], ['ERR_POLICY_MALFORMED', message])
  }
  t.throws(() => createAnswerReader({ memory: memoryOf(5, 100_000, 1), end: 0 })(16), { instanceOf: RangeError })
})

test('answers have one mark where they are equal, and two where they are not', t => {
  // From 16 on: a string of four bytes at 40, a number, a boolean. What lies below 8 is constant.
  const markOf = (...words: number[]) => Array.from(createAnswerMarker({ memory: memoryOf(...words), end: 8 })(16) ?? [])
  const text = (bytes: number, size = 4) => markOf(4, size, 40, 0, 0, 0, bytes)
  const array = (...items: number[]) => markOf(5, 32, items.length, 0, ...items.flatMap(item => [0, item]))
  const set = (...items: number[]) => markOf(7, 32, 1, 0, items.length === 0 ? 0 : 36, ...items.flatMap((item, at) => [item, at + 1 < items.length ? 36 + (at + 1) * 8 : 0]))
  const marks = [text(0x61616161), text(0x61616162), text(0x61616161, 3), markOf(0x103, 0, 7, 0), markOf(0x103, 0, 8, 0), markOf(0x103, 0, 7, 1), markOf(0x203, 0, 40, 4, 0, 0, 0x31313131), markOf(1), markOf(2), markOf(0x102), array(), array(4), array(4, 4), array(4, 5), set(), set(4), set(4, 5)]
  t.is(new Set(marks.map(mark => mark.join())).size, marks.length)
  for (const mark of marks) t.true(mark.length > 0)
  t.deepEqual(text(0x61616161), text(0x61616161))
  t.deepEqual(markOf(9, 0), markOf(2, 0))
})

test('an answer that holds itself, has no end, is long or of an unknown kind has no mark', t => {
  for (const memory of [memoryOf(5, 32, 1, 0, 0, 16), memoryOf(7, 32, 1, 0, 36, 44, 36, 1), memoryOf(10), memoryOf(4, 2_000_000, 48), memoryOf(4, 4_096, 48), memoryOf(5, 32, 5_000), memoryOf(7, 0, 9_000_000)]) t.is(createAnswerMarker({ memory, end: 8 })(16), undefined)
  t.throws(() => createAnswerMarker({ memory: memoryOf(5, 100_000, 1), end: 0 })(16), { instanceOf: RangeError })
})

test('what is made of equal answers is made once, and what cannot be made is not kept', t => {
  let turns = 0
  const made = createMade(text => {
    turns++
    if (text.includes('no')) throw new Error('no')
    return [text]
  }, 2, 1_000)
  const ask = (id: unknown) => evaluator.evaluateTo('countersign/list/visible', JSON.stringify({ subject: { id: 'echo' }, items: [id] }), made)
  t.is(ask('a'), ask('a'))
  t.deepEqual([turns, ask('a')], [1, ['[{"result":["a"]}]']])
  t.not(ask('b'), ask('a'))
  t.is(turns, 2)
  // The third forgets both; each is still right.
  for (const id of ['c', 'a', 'b', 1, -1, true, null, 'a'.repeat(5_000)]) t.deepEqual(ask(id), [`[{"result":[${JSON.stringify(id)}]}]`])
  for (let again = 0; again < 2; again++) t.throws(() => ask('no'), { message: 'no' })
  t.deepEqual(ask('a'), ['[{"result":["a"]}]'])
})
