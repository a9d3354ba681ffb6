import test from 'ava'
import { createMasking, CellMasks, splitRows, type CellKind } from '../../../gateway/mask/index.ts'
import { createTokens } from '../../../gateway/sensitive/index.ts'
import { RefusalError } from '../../../gateway/refusal.ts'
import type { MaskRule } from '../../../rego/index.ts'

const masking = createMasking({ limits: { maxBodyBytes: 1 << 10, maxResultBytes: 1 << 10, maxDepth: 8 } }, createTokens(new Uint8Array(32).fill(1)))
const cells = (...mask: MaskRule[]) => new CellMasks(masking.planFor({ mask }, undefined), false)
const summary = { title: 'rows', status: 'delivered', isFinal: true } as const
const ssn: MaskRule = { id: 'ssn', match: { columns: ['ssn'] }, op: 'redact' }
const net: MaskRule = { id: 'net', match: { classes: ['US_SSN', 'PAN', 'DOB', 'EMAIL'] }, op: 'redact' }
const names = ['ssn', 'customers.ssn', 'public.customers.ssn']

test('a rule matches the bare and the qualified name of a column, and no other table of that column name', (t) => {
  for (const name of ['SSN', 'customers.SSN', 'public.customers.ssn']) t.is(cells({ ...ssn, match: { columns: [name] } }).ruleForColumn(names)?.id, 'ssn')
  t.is(cells({ ...ssn, match: { columns: ['vendors.ssn'] } }).ruleForColumn(names), undefined)
  t.is(cells({ ...ssn, match: { json_path: '/ssn' } }).ruleForColumn(names)?.id, 'ssn')
})

test('a rule that names the column wins over its class, the stronger of two columns over the weaker', (t) => {
  const masks = cells({ ...ssn, op: 'partial' }, { id: 'class', match: { class: 'US_SSN' }, op: 'drop' })
  t.is(masks.ruleForColumn(names, 'US_SSN')?.id, 'ssn')
  t.is(masks.ruleForColumn(['other'], 'US_SSN')?.id, 'class')
  t.is(masks.ruleFor([{ names }, { names: ['other'], className: 'US_SSN' }], false, true)?.id, 'class')
  t.is(masks.ruleFor([{ names: ['other'] }], false, true), undefined)
  t.is(masks.ruleFor([{ names: ['other'] }], true, true)?.id, 'unknown_origin')
  t.is(masks.ruleFor([{ names }], false, false)?.op, 'redact')
})

test('each op on each kind: text keeps a text, what has no masked form is null', (t) => {
  const kinds: readonly CellKind[] = ['text', 'markup', 'json', 'number', 'other', 'none']
  const masked = (op: MaskRule['op']) => kinds.map((kind) => {
    const masks = cells({ ...ssn, op, keep_last: 4 })
    const rule = masks.ruleForColumn(names)
    return rule === undefined ? 'no rule' : masks.maskCell('123-45-6789', kind, rule)?.replace(/[0-9a-f]{64}/, 'HASH').replace(/tok_[\w-]{22}/, 'TOKEN') ?? null
  })
  t.deepEqual(masked('redact'), ['[REDACTED:ssn]', '[REDACTED:ssn]', null, null, null, null])
  t.deepEqual(masked('partial'), ['***-**-6789', '[REDACTED:ssn]', null, null, null, null])
  t.deepEqual(masked('hash'), ['HASH', 'HASH', null, null, null, null])
  t.deepEqual(masked('tokenize'), ['TOKEN', 'TOKEN', null, null, null, null])
  t.deepEqual(masked('null'), kinds.map(() => null))
  t.deepEqual(masked('drop'), kinds.map(() => null))
})

test('detectors look into cells that no rule covers', (t) => {
  const masks = cells(net)
  t.is(masks.scanCell('call about ssn 123-45-6789 today', 'text', 'note'), 'call about ssn [REDACTED:net.us_ssn] today')
  t.is(masks.scanCell('{"a":["123-45-6789"]}', 'text', 'note'), '{"a":["[REDACTED:net.us_ssn]"]}')
  t.is(masks.scanCell(Buffer.from('my ssn is 123-45-6789').toString('base64'), 'text', 'note'), Buffer.from('my ssn is [REDACTED:net.us_ssn]').toString('base64'))
  t.is(masks.scanCell('{"a":["123-45-6789"]}', 'json', 'doc'), '{"a":["[REDACTED:net.us_ssn]"]}')
  t.is(masks.scanCell('4111111111111111', 'number', 'n'), null)
  t.is(masks.scanCell('4111111111111111.00', 'number', 'n'), null)
  t.is(masks.scanCell('4.111111111111111e+15', 'number', 'n'), null)
  t.is(masks.scanCell('(1,"x 123-45-6789")', 'other', 'row'), null)
  t.is(masks.scanCell('1980-02-29', 'other', 'date_of_birth'), null)
  t.is(masks.scanCell('1980-02-29', 'other', 'created'), '1980-02-29')
  t.is(masks.scanCell('33', 'number', 'age'), '33')
  t.is(masks.scanCell('[1, 2]', 'json', 'doc'), '[1, 2]')
  t.deepEqual([...masks.take(summary).masked], [['net.us_ssn', 5], ['net.pan', 3], ['net.dob', 1]])
})

test('a value that is all of a cell is null where the op says so', (t) => {
  t.is(cells({ ...net, op: 'null' }).scanCell('123-45-6789', 'text', 'x'), null)
  t.is(cells({ ...net, op: 'null' }).scanCell('ssn 123-45-6789', 'text', 'x'), 'ssn [REDACTED:net.us_ssn]')
})

test('a document that cannot be read for certain has no masked form', (t) => {
  t.is(cells(net).scanCell('[[[[[[[[[[[[1]]]]]]]]]]]]', 'json', 'doc'), null)
  t.is(cells(ssn).scanCell('{"ssn":"a","ssn":"b"}', 'json', 'doc'), '{"ssn":"[REDACTED:ssn]"}')
  t.is(cells(ssn).scanCell('{"n":12345678901234567890}', 'json', 'doc'), '{"n":12345678901234567890}')
})

test('a cell too long to be searched is refused', (t) => {
  const error = t.throws(() => cells(net).scanCell('x'.repeat(1025), 'text', 'x'), { instanceOf: RefusalError })
  t.is(error?.refusal.code, 'mask.failed')
  t.is(error?.message, 'A cell is too long to be masked')
})

test('what stays is the source itself until a cell changes, in any mix of stretches', (t) => {
  const source = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz')
  const { sink } = cells()
  sink.pass(source, 0, 10)
  sink.pass(source.subarray(10, 20))
  const whole = sink.take()
  t.is(Buffer.from(whole).toString(), '0123456789abcdefghij')
  t.is(whole.buffer, source.buffer)
  sink.pass(source, 2, 4)
  sink.pass(source, 10, 12)
  t.is(Buffer.from(sink.take()).toString(), '23ab')
  sink.pass(source, 0, 2)
  const begun = sink.begin(source, 2)
  sink.cut(4, 6, Buffer.from('--'.repeat(100)))
  sink.cut(7, 8, Buffer.from(''))
  sink.end(10)
  t.is(Buffer.from(sink.written(begun)).toString(), `23${'--'.repeat(100)}689`)
  sink.pass(source, 10, 12)
  t.is(Buffer.from(sink.take()).toString(), `0123${'--'.repeat(100)}689ab`)
  t.true(sink.isEmpty)
})

test('half a row is taken back', (t) => {
  const source = Buffer.from('0123456789')
  const { sink } = cells()
  sink.pass(source, 0, 3)
  const begun = sink.begin(source, 3)
  sink.cut(4, 5, Buffer.from('XXXX'))
  sink.rewind(begun)
  sink.pass(source, 8, 10)
  t.is(Buffer.from(sink.take()).toString(), '01289')
})

test('a part whose content fits a frame is not cut', (t) => {
  const masks = new CellMasks(masking.planFor({ mask: [ssn] }, undefined), true)
  masks.keepLine('a\tb\n')
  const part = masks.take(summary)
  t.deepEqual(splitRows(part), [part])
  t.is(Buffer.from(part.content).toString(), 'a\tb\n')
})
