// What once could slip past projection or masking, one row each, stated as the verdict. Rows are only ever added.
import test from 'ava'
import type { Json } from '../../gateway/call.ts'
import { createMasking, maskJson, maskText } from '../../gateway/mask/index.ts'
import { findSensitive } from '../../gateway/sensitive/find.ts'
import { createTokens } from '../../gateway/sensitive/index.ts'

const masking = createMasking({ limits: { maxBodyBytes: 1 << 20, maxResultBytes: 1 << 20, maxDepth: 64 } }, createTokens(new Uint8Array(32)))
const plan = masking.planFor({ mask: [{ id: 'ssn', match: { columns: ['ssn'] }, op: 'redact' }, { id: 'net', match: { class: 'US_SSN' }, op: 'redact' }] }, undefined)
const summary = { title: 'result', status: 'delivered', isFinal: true } as const

const results: readonly (readonly [string, Json])[] = [
  ['a name in another case', { SSN: 'secret value' }],
  ['the twin of a masked field in free text', { ssn: 'secret value', note: 'it is secret value.' }],
  ['the twin in a member name', { ssn: 'secret value', map: { 'secret value': 1 } }],
  ['a text block that is JSON', { text: '{"ssn":"secret value"}' }],
  ['a text block that is JSON with the same key twice', { text: '{"ssn":"secret value","ssn":1}' }],
  ['a text block that holds JSON behind words', { text: 'Rows: [{"ssn": "secret value"}] done' }],
  ['an object under the field, in JSON behind words', { text: 'Rows: [{"ssn": {"kind": "us", "value": "secret value"}}] done' }],
  ['a list under the field, in JSON behind words', { text: 'Rows: [{"ssn": ["none, yet", "secret value"], "branch": 1}] done' }],
  ['a list under the field, in lines behind words', { text: 'Result:\n{\n  "ssn": [\n    "none",\n    "secret value"\n  ]\n}' }],
  ['an object under the field, as Python prints it', { text: "{'id': 1, 'ssn': {'kind': 'us}', 'value': 'secret value'}}" }],
  ['an object under the field, in JSON in a string of a line', { text: 'log: "{\\"ssn\\": {\\"kind\\": \\"us}\\", \\"value\\": \\"secret value\\"}}"' }],
  ['a list under the field that does not end', { text: 'Rows: {"ssn": [1, {"value": "secret value' }],
  ['the end of a long text under the field, behind words', { text: `Rows: {"ssn": "${'long, '.repeat(1_000)}secret value"} done` }],
  ['the end of a long line of name and value', { text: `ssn = ${'long '.repeat(1_000)}secret value` }],
  ['a JSON string of JSON', { text: JSON.stringify(JSON.stringify({ ssn: 'secret value' })) }],
  ['a line of name and value', { text: 'ssn = secret value' }],
  ['a list under the field', { ssn: ['secret value'] }],
  ['a text in base64', { blob: Buffer.from('ssn = secret value').toString('base64') }],
  ['JSON in base64', { blob: Buffer.from('{"ssn":"secret value"}').toString('base64') }],
  ['a text in base64 in base64', { blob: Buffer.from(Buffer.from('ssn = secret value').toString('base64')).toString('base64url') }],
  ['a text in a data URI', { uri: `data:text/plain;base64,${Buffer.from('ssn = secret value').toString('base64')}` }],
  ['the twin in base64', { ssn: 'secret value', blob: Buffer.from('it is secret value.').toString('base64') }],
  ['an object under the field', { ssn: { value: 'secret value' } }],
]
for (const [name, result] of results) {
  test(`masked: ${name}`, (t) => {
    const text = Buffer.from(maskJson(result, plan, summary).bytes).toString()
    t.false(text.includes('secret value'))
    t.false(inBase64(inBase64(text)).includes('secret value') || inBase64(text).includes('secret value'))
  })
}

/** What a reader makes of a text that decodes what looks encoded. */
function inBase64(text: string): string {
  return text.replace(/[A-Za-z0-9+/_-]{12,}={0,2}/g, (run) => Buffer.from(run, 'base64').toString())
}

test('masked: a value in a database error', (t) => t.false(Buffer.from(maskText('Key (ssn)=(secret value) already exists.', plan, summary).bytes).includes('secret value')))

const found: readonly (readonly [string, string])[] = [
  ['full-width digits', '１２３-４５-６７８９'], ['Arabic digits', '١٢٣-٤٥-٦٧٨٩'], ['mathematical digits', '𝟏𝟐𝟑-𝟒𝟓-𝟔𝟕𝟖𝟗'], ['a non-breaking hyphen', '123\u201145\u20116789'],
  ['a zero-width space inside', '123-4\u200b5-6789'], ['a soft hyphen inside', '12\u00ad3-45-6789'], ['letters touching it', 'SSN123-45-6789'],
  ['superscript digits', '¹²³-⁴⁵-⁶⁷⁸⁹'], ['digits in circles', '①②③-④⑤-⑥⑦⑧⑨'],
]
for (const [name, text] of found) {
  test(`found: an SSN with ${name}`, (t) => t.deepEqual(findSensitive(text).map((finding) => finding.class), ['US_SSN']))
}
