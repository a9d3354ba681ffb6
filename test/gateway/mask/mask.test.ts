import test from 'ava'
import type { MaskRule } from '../../../rego/index.ts'
import { compileFrame, createMasking, createStreamMasker, maskJson, maskText, passOpaque } from '../../../gateway/mask/index.ts'
import { RefusalError } from '../../../gateway/refusal.ts'
import { createTokens } from '../../../gateway/sensitive/index.ts'

const masking = createMasking({ limits: { maxBodyBytes: 1 << 20, maxResultBytes: 1 << 20, maxDepth: 32 } }, createTokens(new Uint8Array(32).fill(1)))
const summary = { title: 'result', status: 'delivered', isFinal: true } as const
const plan = (...mask: MaskRule[]) => masking.planFor({ mask }, undefined)
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const ssn: MaskRule = { id: 'ssn', match: { columns: ['ssn'] }, op: 'redact' }
const byClass: MaskRule = { id: 'net', match: { class: 'US_SSN' }, op: 'redact' }
const code = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    if (error instanceof RefusalError) return `${error.refusal.code}: ${error.message}`
    throw error
  }
  return 'passed'
}

test('where nothing matched the very same bytes go out', (t) => {
  const bytes = Buffer.from('{ "a" : 1.10, "n": 12345678901234567890, "s":"\\u0041" }')
  t.is(maskJson(bytes, plan(ssn, byClass), summary).bytes, bytes)
})

test('both copies of a value are masked: structured content and the text block that repeats it', (t) => {
  const row = { ssn: '123-45-6789', name: 'Jane' }
  const part = maskJson({ structuredContent: row, content: [{ type: 'text', text: JSON.stringify(row, null, 2) }, { type: 'text', text: 'Jane has 123-45-6789, or 123456789.' }] }, plan(ssn), summary)
  t.false(/123-?45-?6789/.test(text(part.bytes)))
  t.is(part.masked.get('ssn'), 4)
  t.is((JSON.parse(text(part.bytes)) as { content: { text: string }[] }).content[0]?.text, JSON.stringify({ ssn: '[REDACTED:ssn]', name: 'Jane' }, null, 2))
})

test('each op keeps the type where it can', (t) => {
  const masked = (op: MaskRule['op'], value: unknown, more: Partial<MaskRule> = {}) => (JSON.parse(text(maskJson({ ssn: value as never, z: 1 }, plan({ ...ssn, op, ...more }), summary).bytes)) as { ssn?: unknown }).ssn
  t.is(masked('redact', '123-45-6789'), '[REDACTED:ssn]')
  t.is(masked('redact', 123456789), null)
  t.is(masked('partial', '123-45-6789', { keep_last: 4 }), '***-**-6789')
  t.is(masked('partial', 'abc', { keep_last: 4 }), '***')
  t.is(masked('null', 'x'), null)
  t.is(masked('drop', 'x'), undefined)
  t.regex(String(masked('hash', 'x')), /^[0-9a-f]{64}$/)
  t.regex(String(masked('tokenize', 'x')), /^tok_[\w-]{22}$/)
  t.is(masked('tokenize', 'x'), masked('tokenize', 'x'))
  t.deepEqual(masked('redact', ['a', 'b']), ['[REDACTED:ssn]', '[REDACTED:ssn]'])
  t.is(masked('redact', { deep: 'x' }), null)
})

test('a pointer counts from where the protocol says the result begins, and a request id is never touched', (t) => {
  const frame = compileFrame({ roots: ['/result/structuredContent'], keep: ['/id'] })
  const part = maskJson({ id: '123-45-6789', result: { structuredContent: { rows: [{ a: 'secret one' }, { a: 'secret two' }] } } }, plan({ id: 'a', match: { json_path: '/rows/*/a' }, op: 'redact' }, byClass), summary, { frame })
  t.is(text(part.bytes), '{"id":"123-45-6789","result":{"structuredContent":{"rows":[{"a":"[REDACTED:a]"},{"a":"[REDACTED:a]"}]}}}')
})

test('the catalogue says which fields a class rule covers', (t) => {
  const entry = { effects: [], labels: [], request: {}, result: { '/born': 'DOB', card: 'PAN' }, isOpaque: false }
  const part = maskJson({ born: '1980', deep: { Card: 4_111 } }, masking.planFor({ mask: [{ id: 'd', match: { class: 'DOB' }, op: 'null' }, { id: 'p', match: { class: 'PAN' }, op: 'null' }] }, entry), summary)
  t.is(text(part.bytes), '{"born":null,"deep":{"Card":null}}')
})

test('one rule over many classes is a rule for each, counted by class', (t) => {
  const net = { id: 'net', match: { classes: ['US_SSN', 'EMAIL'] }, op: 'redact' } as const
  const part = maskJson({ note: 'ssn 123-45-6789, mail jane@bank.example' }, plan(net), summary)
  t.is(text(part.bytes), '{"note":"ssn [REDACTED:net.us_ssn], mail [REDACTED:net.email]"}')
  t.deepEqual([...part.masked], [['net.us_ssn', 1], ['net.email', 1]])
  t.is(code(() => plan({ id: 'net', match: { classes: [] }, op: 'redact' })), 'mask.unenforceable: mask net has a malformed match')
})

test('a rule that names a field decides it; the class net covers what no rule names', (t) => {
  const entry = { effects: [], labels: [], request: {}, result: { card: 'PAN', old_card: 'PAN' }, isOpaque: false }
  const rules: MaskRule[] = [{ id: 'card', match: { columns: ['card'] }, op: 'partial', keep_last: 4 }, { id: 'net', match: { class: 'PAN' }, op: 'redact' }]
  const part = maskJson({ card: '4111111111111111', old_card: '4111111111111111', note: 'paid with 4111 1111 1111 1111' }, masking.planFor({ mask: rules }, entry), summary)
  t.is((JSON.parse(text(part.bytes)) as { card: string }).card, '************1111')
  t.false(text(part.bytes).includes('4111'))
})

test('values in member names, in numbers and in JSON within JSON are masked', (t) => {
  const inner = JSON.stringify({ inner: JSON.stringify({ ssn: '123-45-6789' }) })
  const out = text(maskJson({ '123-45-6789': 1, ssn_number: 1, t: inner, n: [{ social_security: 123456789 }] }, plan(ssn, byClass), summary).bytes)
  t.false(/123-?45-?6789/.test(out))
})

test('a duplicate key inside a text block cannot hide a value from the mask', (t) => {
  const out = text(maskJson({ text: '{"ssn":"123-45-6789","ssn":"ok"}' }, plan(ssn), summary).bytes)
  t.false(out.includes('123-45-6789'))
})

test('a result that is not strict JSON is withheld on a masked route', (t) => {
  for (const body of ['not json', '{"ssn":1,"ssn":2}', '{"a":', '\ufeff{}']) t.is(code(() => maskJson(Buffer.from(body), plan(ssn), summary)), 'mask.failed: The result is not strict JSON, so it could not be masked')
})

test('opaque bytes pass only where nothing is to be masked', (t) => {
  t.is(text(passOpaque(Buffer.from('x'), plan(), summary).bytes), 'x')
  t.is(code(() => passOpaque(Buffer.from('x'), plan(ssn), summary)), 'mask.unenforceable: A mask cannot be enforced on these bytes')
})

test('a rule that cannot be understood refuses the call', (t) => {
  const malformed: readonly (readonly [object, string])[] = [
    [{ id: 'a', match: { columns: ['x'] }, op: 'scramble' }, 'mask a has an unknown op'],
    [{ id: 'a', match: {}, op: 'redact' }, 'mask a has a malformed match'],
    [{ id: 'a', match: { regex: '.*' }, op: 'redact' }, 'mask a has a malformed match'],
    [{ id: 'a', match: { json_path: '$..ssn' }, op: 'redact' }, 'mask a has a malformed match'],
    [{ id: 'a', match: { columns: [] }, op: 'redact' }, 'mask a has a malformed match'],
    [{ id: 'a', match: { class: 'X' }, op: 'partial', keep_last: -1 }, 'mask a keeps a malformed number of characters'],
    [{ id: 'a b', match: { class: 'X' }, op: 'redact' }, 'a mask has no usable id'],
  ]
  for (const [rule, message] of malformed) t.is(code(() => plan(rule as MaskRule)), `mask.unenforceable: ${message}`)
})

test('an error message is masked as free text, also a row in a database error', (t) => {
  t.is(text(maskText('no row for 123-45-6789', plan(byClass), summary).bytes), 'no row for [REDACTED:net]')
  t.is(text(maskText('bad row: {"ssn": "abc def", "x": 1}', plan(ssn), summary).bytes), 'bad row: {"ssn": "[REDACTED:ssn]", "x": 1}')
  t.is(text(maskText('Key (ssn)=(abc def) exists', plan(ssn), summary).bytes), 'Key (ssn)=([REDACTED:ssn]) exists')
})

test('a stream gives the same text however its bytes were split', (t) => {
  const body = Buffer.from('SSN:\n123456789\nmail ü 123-45-6789 x\n-----BEGIN PRIVATE KEY-----\nMIIE\nAAAA\n-----END PRIVATE KEY-----\nlast 123-45-6789')
  const rules = plan(byClass, { id: 'key', match: { class: 'SECRET' }, op: 'redact' })
  const run = (...chunks: Uint8Array[]) => {
    const masker = createStreamMasker(rules, 'text')
    return chunks.map((chunk) => text(masker.push(chunk, summary)?.bytes ?? new Uint8Array(0))).join('') + text(masker.end(summary).bytes)
  }
  const whole = run(body)
  t.is(whole, 'SSN:\n[REDACTED:net]\nmail ü [REDACTED:net] x\n[REDACTED:key]\nlast [REDACTED:net]')
  for (let i = 0; i <= body.length; i++) t.is(run(body.subarray(0, i), body.subarray(i)), whole, `split at ${i}`)
  t.is(run(...Array.from(body, (byte) => Uint8Array.of(byte))), whole)
})

test('a list or an object that a rule names is masked to its end, on however many lines of a stream it stands', (t) => {
  const body = Buffer.from('Result:\n{\n  "id": 7,\n  "ssn": [\n    "none, as of today, though that may be another one by tomorrow",\n    {"of": "a relative]",\n     "value": "secret"}\n  ], "ssn": {\n  "value": "secret" }\n}\nssn: [\n  secret')
  const run = (...chunks: Uint8Array[]) => {
    const masker = createStreamMasker(plan(ssn), 'text')
    return chunks.map((chunk) => text(masker.push(chunk, summary)?.bytes ?? new Uint8Array(0))).join('') + text(masker.end(summary).bytes)
  }
  const whole = run(body)
  t.is(whole, 'Result:\n{\n  "id": 7,\n  "ssn": [REDACTED:ssn], "ssn": [REDACTED:ssn]\n}\nssn: [REDACTED:ssn]')
  for (let i = 0; i <= body.length; i++) t.is(run(body.subarray(0, i), body.subarray(i)), whole, `split at ${i}`)
  t.is(run(...Array.from(body, (byte) => Uint8Array.of(byte))), whole)
  const masker = createStreamMasker(plan(ssn), 'text')
  t.is(code(() => { for (let line = 0; line < 10_000; line++) masker.push(Buffer.from(line === 0 ? 'ssn: [\n' : `  ${line},\n`), summary) }), 'mask.failed: The stream has a line that is too long to be masked')
})

test('a stream masks each line of ndjson, and withholds a line that is not JSON', (t) => {
  const masker = createStreamMasker(plan(ssn), 'ndjson')
  t.is(masker.push(Buffer.from('{"ssn":"x'), summary), undefined)
  t.is(text(masker.push(Buffer.from('yz1"}\n{"a"'), summary)?.bytes ?? new Uint8Array(0)), '{"ssn":"[REDACTED:ssn]"}\n')
  t.regex(code(() => masker.end(summary)), /^mask\.failed/)
})

test('a line too long to be masked ends the stream instead of passing or growing', (t) => {
  const masker = createStreamMasker(plan(byClass), 'text')
  t.is(code(() => masker.push(Buffer.from('1'.repeat(70_000)), summary)), 'mask.failed: The stream has a line that is too long to be masked')
})

test('no masked value leaves in any spelling, wherever it was put', (t) => {
  let seed = 7
  const random = (n: number) => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff) % n
  for (let round = 0; round < 300; round++) {
    const digits = String(100_000_000 + random(565_000_000))
    const value = `${digits.slice(0, 3)}-${digits.slice(3, 5)}-${digits.slice(5)}`
    const places = [{ ssn: value }, { note: `see "${value}"` }, [value], { t: JSON.stringify({ a: [{ ssn: value }] }) }, { t: `[${value}]` }, { [value]: random(9) }, { t: JSON.stringify(JSON.stringify({ deep: `\n${value}` })) }, { t: `ssn=${value}&x=1` }]
    const document = { ssn: value, list: Array.from({ length: 4 }, () => places[random(places.length)] ?? null) }
    const escaped = Buffer.from(JSON.stringify(document).replaceAll('-', () => random(2) === 0 ? '-' : '\\u002d'))
    const out = text(maskJson(escaped, plan(ssn), summary).bytes)
    const plain = out.replace(/\\+u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    t.false(plain.includes(value) || plain.includes(value.replaceAll('-', '')), out)
  }
})
