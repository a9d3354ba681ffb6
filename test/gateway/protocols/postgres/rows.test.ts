// Rows: columns and cells by offset, and what is no row.
import test from 'ava'
import { encodeDataRow, encodeRowDescription, parseRowDescription, ProtocolViolation, rowCells, RowReader, type Field } from '../../../../gateway/protocols/postgres/messages.ts'
import { message } from './samples.ts'

const bytes = (text: string) => Buffer.from(text)
const cells = [bytes('1'), null, bytes(''), bytes('a cell that is longer than what is copied byte by byte'), bytes('last')]
const shown = (row: Uint8Array) => rowCells(row).map((cell) => cell === null ? null : Buffer.from(cell).toString())

test('columns are read as they were written, system columns and unsigned OIDs too', (t) => {
  const fields: Field[] = [
    { name: 'ssn', table: 4_294_967_295, attribute: 3, type: 25, size: -1, modifier: -1, format: 0 },
    { name: '', table: 0, attribute: 0, type: 4_000_000_000, size: 8, modifier: 12, format: 1 },
    { name: 'ctid', table: 16_384, attribute: -1, type: 27, size: 6, modifier: -1, format: 0 },
  ]
  t.deepEqual(parseRowDescription(encodeRowDescription(fields)), fields)
})

test('a row is read cell by cell, where it lies among others', (t) => {
  const row = encodeDataRow(cells)
  const chunk = Buffer.concat([bytes('before'), row, bytes('behind')])
  const reader = new RowReader().reset(chunk, 6, 6 + row.length)
  t.is(reader.count, 5)
  t.deepEqual(Array.from({ length: 5 }, (_none, index) => reader.isNull(index)), [false, true, false, false, false])
  t.is(Buffer.from(chunk.subarray(reader.start(4), reader.end(4))).toString(), 'last')
  t.deepEqual(shown(row), ['1', null, '', 'a cell that is longer than what is copied byte by byte', 'last'])
  t.throws(() => reader.cell(5), { instanceOf: RangeError, message: 'a row of 5 cells has no cell 5' })
  t.throws(() => reader.isNull(5), { instanceOf: RangeError, message: 'a row of 5 cells has no cell 5' })
})

test('a reader forgets the row before, and grows for a wider one', (t) => {
  const reader = new RowReader().reset(encodeDataRow(cells))
  t.is(reader.reset(encodeDataRow([])).count, 0)
  t.throws(() => reader.start(0), { instanceOf: RangeError, message: 'a row of 0 cells has no cell 0' })
  t.is(reader.reset(encodeDataRow(Array.from({ length: 1664 }, () => null))).count, 1664)
})

test('the cells of a row are read as text, and bytes that are none are shown to be none', (t) => {
  t.deepEqual(new RowReader().reset(encodeDataRow([bytes('é'), null, bytes(''), Buffer.of(0xff)])).texts(), ['é', null, '', '\ufffd'])
})

const wrong: readonly (readonly [string, string, string])[] = [
  ['announces more cells than it has', '0002ffffffff', 'DataRow message ends inside a length'],
  ['has a cell of negative length', '0001fffffffe', 'DataRow message has a value of length -2'],
  ['has a cell longer than itself', '000100000002aa', 'DataRow message has a value of length 2'],
  ['has a cell whose length wraps', '00017fffffffaa', 'DataRow message has a value of length 2147483647'],
  ['has bytes behind its cells', '0001ffffffffaa', 'DataRow message has 1 bytes behind its end'],
]
for (const [what, content, said] of wrong) {
  test(`a row that ${what} is a protocol violation, and no cell of it can be read`, (t) => {
    const reader = new RowReader()
    t.throws(() => reader.reset(message('D', Buffer.from(content, 'hex'))), { instanceOf: ProtocolViolation, message: said })
    t.is(reader.count, 0)
  })
}

test('what is no whole row is a protocol violation', (t) => {
  const row = encodeDataRow(cells)
  for (const end of [0, 5, 6, row.length - 1]) t.throws(() => new RowReader().reset(row, 0, end), { instanceOf: ProtocolViolation, message: `${end} bytes are no DataRow message` })
  t.throws(() => new RowReader().reset(message('d', Buffer.alloc(2))), { instanceOf: ProtocolViolation, message: '7 bytes are no DataRow message' })
})
