import { createHash } from 'node:crypto'
import test from 'ava'
import { canonicalJson, JsonFault } from '../../../rego/signing/canonical-json.ts'

// What OPA hashes: opa-vectors.test.ts has its digests of these and more.
const vectors: readonly (readonly [document: string, canonical: string])[] = [
  ['{"b": [1.0, 1e2, 1E+2, -0, 12345678901234567890, 1.10], "a": {}}', '{"a":{},"b":[1.0,1e2,1E+2,-0,12345678901234567890,1.10]}'],
  ['{"<&>": "<script>&", "\\u003c": "\\u0026"}', '{"<":"&","<&>":"<script>&"}'],
  ['{"s": "\\u0000\\u001f\\u007f\\b\\f\\n\\r\\t\\"\\\\\\/\\u2028\\u2029\\u00e9\\ud83d\\ude00"}', '{"s":"\\u0000\\u001f\u007f\\b\\f\\n\\r\\t\\"\\\\/\\u2028\\u2029\u00e9\u{1f600}"}'],
  ['{"\\uffee": 1, "\\ud83d\\ude00": 2, "": 3, "Z": 4, "a": 5}', '{"":3,"Z":4,"a":5,"\uffee":1,"\u{1f600}":2}'],
  [' [ true , false , null , [ ] , { } ] ', '[true,false,null,[],{}]'],
  ['{"__proto__": {"constructor": 1}}', '{"__proto__":{"constructor":1}}'],
]

test('structured files are hashed as OPA hashes them: sorted by bytes, numbers as written, nothing escaped for HTML', t => {
  for (const [document, canonical] of vectors) {
    t.is(canonicalJson(document), canonical)
    t.is(canonicalJson(canonical), canonical)
  }
})

test('JSON that two readers could take differently is refused, with its place', t => {
  const cases = [
    ['', 'there is no value (at character 0)'], ['01', 'there is something behind the value (at character 1)'], ['1.', 'there is something behind the value (at character 1)'],
    ['+1', 'there is no value (at character 0)'], ['NaN', 'there is no value (at character 0)'], ['.5', 'there is no value (at character 0)'], ['"a', 'a string is malformed (at character 0)'],
    ['"\\x41"', 'a string is malformed (at character 0)'], ['"\n"', 'a string is malformed (at character 0)'], ['"\\udc00"', 'a string is not Unicode (at character 0)'],
    ['[1,]', 'there is no value (at character 3)'], ['[1 2]', 'a list or an object does not go on (at character 3)'], ['{a: 1}', 'there is no member name (at character 1)'],
    ['{"a" 1}', 'there is no colon (at character 5)'], ['{"a": 1,}', 'there is no member name (at character 8)'], ['{"a":1,"\\u0061":2}', 'a member is there twice (at character 15)'], ['{"b":1,"a":2,"b":3}', 'a member is there twice (at character 19)'],
    ['\ufeff{}', 'there is no value (at character 0)'], ['{}//', 'there is something behind the value (at character 2)'], ['['.repeat(129), 'it is nested deeper than 128 (at character 129)'],
  ] as const
  for (const [document, message] of cases) t.throws(() => canonicalJson(document), { instanceOf: JsonFault, message })
})

test('long and wide documents are read in linear time and without a deep stack', t => {
  t.is(canonicalJson(`"${'\\n'.repeat(2_000_000)}"`).length, 4_000_002)
  t.is(canonicalJson(`[${'1,'.repeat(500_000)}1]`).length, 1_000_003)
  const wide = `{${Array.from({ length: 100_000 }, (_, at) => `"${createHash('sha256').update(String(at)).digest('hex')}":0`).join()}}`
  t.is(canonicalJson(wide).length, wide.length)
})
