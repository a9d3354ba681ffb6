import test from 'ava'
import { maxShownUnits, parameterText } from '../../../../gateway/protocols/postgres/operation/parameters.ts'
import { quietMessage } from '../../../../gateway/protocols/postgres/operation/quiet.ts'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

test('binary parameters are read as PostgreSQL writes them', (t) => {
  const rows: readonly (readonly [number, string, unknown])[] = [
    [16, '01', 'true'], [21, 'fffe', '-2'], [23, '0000002a', '42'], [20, '0000000100000000', '4294967296'], [26, 'ffffffff', '4294967295'],
    [700, '3fc00000', '1.5'], [700, '3dcccccd', '0.1'], [700, '4b800000', '16777216'], [700, '7f800000', 'Infinity'], [700, '7fc00000', 'NaN'], [700, '3eaaaaab', '0.33333334'], [701, 'bff8000000000000', '-1.5'], [25, '68c3a9', 'hé'], [2950, '00112233445566778899aabbccddeeff', '00112233-4455-6677-8899-aabbccddeeff'],
    [1082, '00000000', '2000-01-01'], [1082, 'ffffffff', '1999-12-31'], [1082, '7fffffff', 'infinity'],
    [1114, '0000000000000001', '2000-01-01T00:00:00.000001'], [1114, 'ffffffffffffffff', '1999-12-31T23:59:59.999999'], [1184, '0000000000000000', '2000-01-01T00:00:00Z'],
    [1700, '0002 0000 0000 0002 007b 1194', '123.45'], [1700, '0001 0001 4000 0000 0001', '-10000'], [1700, '0000 0000 c000 0000', 'NaN'], [1700, '0001 ffff 0000 0004 0001', '0.0001'],
    [3802, '017b7d', '{}'], [114, '5b5d', '[]'],
    [17, 'deadbeef', { bytes: 4 }], [0, '01', { bytes: 1 }], [1007, '00', { bytes: 1 }], [23, '00', { bytes: 1 }], [1700, '0009', { bytes: 2 }], [25, 'ff', { bytes: 1 }], [3802, '02', { bytes: 1 }],
  ]
  for (const [type, hex, expected] of rows) t.deepEqual(parameterText({ values: [bytes(hex)], formats: [1], types: [type] }, 0), expected as never, `${type} ${hex}`)
})

test('text parameters are text whatever their type, and formats are none, one or each', (t) => {
  const values = [Buffer.from('a'), Buffer.from([0, 0, 0, 1]), null]
  t.is(parameterText({ values, formats: [], types: [] }, 0), 'a')
  t.is(parameterText({ values, formats: [0, 1, 0], types: [0, 23, 0] }, 1), '1')
  t.is(parameterText({ values, formats: [1], types: [25] }, 0), 'a')
  t.is(parameterText({ values, formats: [], types: [] }, 2), null)
})

test('a value too long to show is told by its length', (t) => {
  t.deepEqual(parameterText({ values: [new Uint8Array(maxShownUnits + 1).fill(65)], formats: [], types: [] }, 0), { bytes: maxShownUnits + 1 })
})

test('the parser\'s message keeps keywords and loses the caller\'s words', (t) => {
  t.is(quietMessage('syntax error at or near "FROM"'), 'syntax error at or near "FROM"')
  t.is(quietMessage('syntax error at or near ")"'), 'syntax error at or near ")"')
  t.is(quietMessage('syntax error at or near "Brien"'), 'syntax error at or near "…"')
  t.is(quietMessage(`unterminated quoted string at or near "'abc"`), 'unterminated quoted string at or near "…"')
  t.is(quietMessage('syntax error at or near "a"b"'), 'syntax error at or near "…"')
  t.is(quietMessage('syntax error at or near "abc'), 'syntax error at or near "…"')
  t.is(quietMessage('syntax error at end of input'), 'syntax error at end of input')
})
