// Cells as no server would send them: each is masked, kept or refused, and nothing else happens.
import test from 'ava'
import { createCellMask } from '../../../../gateway/protocols/postgres/mask/cell-mask.ts'
import { valueType } from '../../../../gateway/protocols/postgres/wire/types.ts'
import { mapArrayBinary, mapArrayText } from '../../../../gateway/protocols/postgres/wire/arrays.ts'
import { binaryToText } from '../../../../gateway/protocols/postgres/wire/values.ts'
import { CellMasks } from '../../../../gateway/mask/index.ts'
import { planOf } from './mask-kit.ts'

const oids = [16, 17, 18, 19, 20, 21, 23, 25, 26, 114, 142, 199, 650, 700, 701, 790, 869, 1007, 1009, 1015, 1042, 1043, 1082, 1114, 1184, 1231, 1700, 2249, 2287, 2950, 3802, 3807, 600, 99999] as const
const column = (oid: number, isBinary: boolean) => ({ type: valueType(oid), modifier: 10, isBinary, name: 'c', typeOf: valueType })
const rules = planOf({ id: 'c', match: { columns: ['c'] }, op: 'tokenize' }, { id: 'net', match: { classes: ['US_SSN', 'PAN', 'EMAIL', 'SECRET', 'DOB', 'IP', 'PHONE'] }, op: 'redact' })

/** Same seed, same bytes. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0
    return (state ^ state >>> 13) >>> 0
  }
}

test('random cells of every type never throw', (t) => {
  const next = generator(7)
  const cells = new CellMasks(rules, false)
  for (const oid of oids) {
    for (const isBinary of [false, true]) {
      for (const rule of [undefined, cells.ruleForColumn(['c'])]) {
        const mask = createCellMask(cells, column(oid, isBinary), rule)
        for (let i = 0; i < 150; i++) {
          const bytes = Buffer.from(Array.from({ length: next() % 64 }, () => next() % 3 === 0 ? next() % 4 : next() % 256))
          if (i % 3 === 0 && bytes.length > 12) bytes.set([0, 0, 0, next() % 3, 0, 0, 0, 0, 0, 0, 0, oid & 0xff], 0)
          const masked = mask?.apply(bytes, 0, bytes.length)
          if (masked !== undefined && masked !== null) t.true(masked instanceof Uint8Array)
        }
      }
    }
  }
  t.pass()
})

test('rows within rows deeper than anybody looks are not let through', (t) => {
  let row = Buffer.alloc(0)
  for (let i = 0; i < 20_000; i++) {
    const head = Buffer.alloc(12)
    head.writeInt32BE(1)
    head.writeInt32BE(2249, 4)
    head.writeInt32BE(row.length, 8)
    row = i < 40 ? Buffer.concat([head, row]) : row
  }
  t.is(createCellMask(new CellMasks(rules, false), column(2249, true), undefined)?.apply(row, 0, row.length), null)
})

test('an array that is not well formed has no masked form', (t) => {
  for (const text of ['', 'a', '{', '{a', '{a}}', '{"a}', '{a}x', '{{{{{{{a}}}}}}}', '[1:1={a}']) t.is(mapArrayText(text, () => 'x'), undefined, text)
  t.is(mapArrayText('{a,"b,\\"c\\"",NULL,"NULL"}', (item) => `<${item}>`), '{"<a>","<b,\\"c\\">",NULL,"<NULL>"}')
  t.is(mapArrayText('{a,b}', () => null), '{NULL,NULL}')
  const same = '{a,b}'
  t.is(mapArrayText(same, (item) => item), same)
  for (const hex of ['', '00000001', '000000070000000000000019', '00000001000000000000001900000002000000010000000161', '0000000100000000000000190000000100000001000000016100', '00000001000000000000001900000001000000010000000561']) t.is(mapArrayBinary(Buffer.from(hex, 'hex'), () => null), undefined, hex)
  t.is(mapArrayBinary(Buffer.from('000000010000000000000019000000010000000100000001' + '61', 'hex'), () => null)?.toString('hex'), '000000010000000100000019000000010000000100000000'.slice(0, 40) + 'ffffffff')
})

test('binary values are read as text', (t) => {
  const text = (form: Parameters<typeof binaryToText>[0], hex: string) => binaryToText(form, Buffer.from(hex, 'hex'))
  t.is(text('int', 'fffe'), '-2')
  t.is(text('int', '000000000000002a'), '42')
  t.is(text('float', '3ff8000000000000'), '1.5')
  t.is(text('float', '3dcccccd'), '0.1')
  t.is(text('numeric', '000300014000000204d2162e1e00'.replace('1e00', '04b0')), '-12345678.12')
  t.is(text('numeric', '0000000000000000'), '0')
  t.is(text('numeric', '00000000c0000000'), 'NaN')
  t.is(text('numeric', '000100000000'), undefined)
  t.is(text('date', 'ffffe3a3'), '1980-02-14')
  t.is(text('uuid', '12345678123412341234123456789abc'), '12345678-1234-1234-1234-123456789abc')
  t.is(text('inet', '02200004c0a80107'), '192.168.1.7')
  t.is(text('inet', '02100104c0a80000'), '192.168.0.0/16')
  t.is(text('jsonb', '017b7d'), '{}')
  t.is(text('jsonb', '027b7d'), undefined)
  t.is(text('bytea', 'ff00'), undefined)
  t.is(text('bytea', '310032003300'), '123')
})
