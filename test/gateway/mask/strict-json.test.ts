import test from 'ava'
import { JsonError, parseJson } from '../../../gateway/mask/index.ts'

const limits = { maxBytes: 4096, maxDepth: 8, inexact: 'refuse' } as const
const refused: readonly (readonly [string, string | Uint8Array, string, number])[] = [
  ['a duplicate key', '{"a":1,"a":2}', 'duplicate_key', 7],
  ['a duplicate key spelled with an escape, deep inside', '{"x":[{"a":1,"\\u0061":2}]}', 'duplicate_key', 13],
  ['a member named __proto__', '{"__proto__":{}}', 'proto_key', 1],
  ['a member named __proto__ in escapes', '{"\\u005f_proto__":{}}', 'proto_key', 1],
  ['half a surrogate pair', '["\\ud800"]', 'surrogate', 1],
  ['trailing data', '{} x', 'syntax', 3],
  ['a second document', '{}{}', 'syntax', 2],
  ['an unterminated string', '{"a', 'syntax', 1],
  ['a byte order mark', '\ufeff{}', 'bom', 0],
  ['bytes that are not UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'utf8', 0],
  ['overlong UTF-8', Uint8Array.of(0x22, 0xc0, 0xaf, 0x22), 'utf8', 0],
  ['nesting beyond the limit', '['.repeat(9) + ']'.repeat(9), 'too_deep', 8],
  ['a text over the size limit', `"${'x'.repeat(4096)}"`, 'too_large', 4096],
  ['an integer beyond 2^53', '[12345678901234567890]', 'inexact_number', 1],
  ['a fraction that a double rounds', '[0.12345678901234567891]', 'inexact_number', 1],
  ['a number that overflows', '[1e400]', 'inexact_number', 1],
  ['a number that underflows', '[1e-400]', 'inexact_number', 1],
]
for (const [name, text, fault, offset] of refused) {
  test(`${name} is refused, with its byte and without its value`, (t) => {
    const error = t.throws(() => parseJson(typeof text === 'string' ? Buffer.from(text) : text, limits), { instanceOf: JsonError })
    t.is(error?.fault, fault as never)
    t.is(error?.offset, offset)
    t.regex(error?.message ?? '', new RegExp(`\\(byte ${offset}\\)$`))
    t.false(/12345|d800/.test(error?.message ?? ''))
  })
}

test('what JSON.parse accepts and two readers agree on is accepted alike', (t) => {
  for (const text of ['{}', '[]', '"x"', '1', 'null', ' {"a":[1,2,{"b":"\\"}:{"}],"c":"\\\\"} ', '[1.10,1e2,-0.5,100000000000000000000,9007199254740991]', '{"a":{"x":1},"b":{"x":1}}', '{"é":"😀","\\u00e8":"\\ud83d\\ude00"}']) {
    t.deepEqual(parseJson(Buffer.from(text), limits), JSON.parse(text))
  }
})

test('a result keeps numbers that a double cannot hold as they were written', (t) => {
  t.is(JSON.stringify(parseJson(Buffer.from('{"n":12345678901234567890,"m":1.5}'), { ...limits, inexact: 'keep' })), '{"n":12345678901234567890,"m":1.5}')
})
