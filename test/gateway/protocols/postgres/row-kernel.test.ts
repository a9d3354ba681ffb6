// The row kernel leaves to others what it cannot do, and does the rest as they would: at the edges of its memory, in both formats, and whatever stands in a row.
import test from 'ava'
import { createMasking } from '../../../../gateway/mask/index.ts'
import { assemble } from '../../../../gateway/protocols/postgres/mask/kernel/wat.ts'
import { at as address, inputBytes, maxColumns } from '../../../../gateway/protocols/postgres/mask/kernel/rows-wat.ts'
import { RowKernel, type RowForm, type Stop } from '../../../../gateway/protocols/postgres/mask/kernel/row-kernel.ts'
import { createResultMasker, type CopySource } from '../../../../gateway/protocols/postgres/mask.ts'
import { encodeCopyData, encodeDataRow, Framer, type Field } from '../../../../gateway/protocols/postgres/messages.ts'
import type { Lineage, Snapshot } from '../../../../gateway/protocols/postgres/sql/analysis.ts'
import { RefusalError } from '../../../../gateway/refusal.ts'
import { createTokens, detectedClasses } from '../../../../gateway/sensitive/index.ts'
import type { MaskRule } from '../../../../rego/index.ts'
import { summary } from './mask-kit.ts'

const kernel = new RowKernel()
const maskingOf = (maxBytes: number) => createMasking({ limits: { maxBodyBytes: maxBytes, maxResultBytes: maxBytes, maxDepth: 8 } }, createTokens(new Uint8Array(32).fill(1)))
const masking = maskingOf(1 << 20)
/** Shorter than what the kernel walks at once. */
const maxBytes = 4096
const narrow = maskingOf(maxBytes)
const net: MaskRule = { id: 'net', match: { classes: [...detectedClasses] }, op: 'redact' }
const ssn: MaskRule = { id: 'ssn', match: { columns: ['t.ssn'] }, op: 'redact' }

interface Shape { readonly types: readonly number[]; readonly isBinary?: boolean; readonly copy?: Partial<CopySource['format']>; readonly rules?: readonly MaskRule[]; readonly first?: string; readonly kind?: string; readonly by?: typeof masking }
type Cells = readonly (string | Uint8Array | null)[]

/** Columns are c0, c1 …, the last one is ssn. */
function mask({ types, isBinary = false, copy, rules = [ssn, net], first = 'c0', kind = 'r', by: of = masking }: Shape, rows: readonly Cells[], by: RowKernel | undefined) {
  const columns = types.map((type, index) => ({ name: index === types.length - 1 ? 'ssn' : index === 0 ? first : `c${index}`, attribute: index + 1, type, modifier: -1 }))
  const relation = { oid: 5000, schema: 'public', name: 't', kind, parents: [], columns }
  const snapshot = { path: ['public'], relations: [relation], relation: () => relation, findRelation: () => relation, type: () => undefined } as unknown as Snapshot
  const fields: readonly Field[] = columns.map(({ name, attribute, type }) => ({ name, table: 5000, attribute, type, size: -1, modifier: -1, format: isBinary ? 1 : 0 }))
  const outputs: readonly Lineage[] = columns.map(({ attribute }) => ({ columns: [{ relation: 5000, attribute }] }))
  const masker = createResultMasker({ kernel: by, plan: of.planFor({ mask: rules }, undefined), classOf: () => undefined, snapshot, unknownOrigin: 'mask', reachesSensitive: true })
  if (copy === undefined) masker.describe(fields, outputs)
  else masker.copyOut(0, types.map(() => 0), { format: { kind: 'text', delimiter: '\t', null: '\\N', quote: '"', escape: '"', hasHeader: false, isQuery: false, ...copy }, outputs })
  const stream = Buffer.concat(rows.map((row) => copy === undefined ? encodeDataRow(row.map((cell) => cell === null ? null : Buffer.from(cell as string))) : encodeCopyData(Buffer.from(String(row[0])))))
  let refused = ''
  try {
    for (const frame of new Framer('backend').pushRuns(stream)) if (copy === undefined) masker.row(frame); else masker.copyRow(frame)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    refused = error.message
  }
  const { rows: seen } = masker
  const part = masker.take(summary)
  return { seen, refused, masked: [...part.masked], bytes: Buffer.from(part.bytes) }
}

/** Rows that the kernel saw to, and those it left to others. */
class Counting extends RowKernel {
  rows = 0
  left = 0
  override walk(form: RowForm, skipped: number): Stop {
    const stop = super.walk(form, skipped)
    this.rows += stop.rows
    if (stop.wantsMore) this.left++
    return stop
  }
}

const times = <T>(count: number, of: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => of(index))

test('the kernel sees to what nobody need look at closer, and to nothing else', (t) => {
  for (const copy of [undefined, {}]) {
    const by = new Counting()
    const rows: Cells[] = times(10, (index) => copy === undefined ? [String(index), index === 3 ? 'mail jane@b.co' : 'x', '219-09-9999'] : [`${index}\t${index === 3 ? 'mail jane@b.co' : 'x'}\t219-09-9999\n`])
    const { seen, masked } = mask({ types: [23, 25, 25], ...copy === undefined ? {} : { copy } }, rows, by)
    t.deepEqual([by.rows, by.left, seen], [9, 1, 10])
    t.deepEqual(masked, [['net.email', 1], ['ssn', 10]])
  }
})

test('as many rows as its memory does not hold pass, and all are masked', (t) => {
  const shape: Shape = { types: [23, 25, 25] }
  for (const length of [3, 100, inputBytes - 60, inputBytes, inputBytes + 1, 3 * inputBytes]) {
    const rows = times(10, (index) => [String(index), index === 5 ? 'a '.repeat(length / 2) : 'short', '219-09-9999'])
    const [one, other] = [mask(shape, rows, kernel), mask(shape, rows, undefined)]
    t.deepEqual(one, other)
    t.false(one.bytes.includes('219-09'))
    t.deepEqual(one.masked, [['ssn', 10]])
  }
  const many = times(20_000, (index) => [String(index), `row ${index}`, index % 7 === 0 ? null : '219-09-9999'])
  t.deepEqual(mask(shape, many, kernel), mask(shape, many, undefined))
})

test('where constants are longer than what they stand for, its output overflows and nothing is lost', (t) => {
  const long: MaskRule = { id: 'a.rule.with.a.long.name/which.stands.in.its.mask', match: { columns: ['t.ssn', 't.c0', 't.c1', 't.c2'] }, op: 'redact' }
  const rows = times(6_000, () => ['1', '2', '3', '4'])
  const shape: Shape = { types: [25, 25, 25, 25], rules: [long, net] }
  const one = mask(shape, rows, kernel)
  t.deepEqual(one, mask(shape, rows, undefined))
  t.true(one.bytes.length > 3 * inputBytes)
  t.deepEqual(one.masked, [[long.id, 24_000]])
  // Also behind a row that was somebody else's, be it as long as those around it or not: each row counts once.
  for (const quiet of ['quiet', 'a quiet string']) {
    const left = rows.map((row, index) => [...row.slice(1), index === 3 ? 'mail jane@b.co' : `${quiet}${index}`.slice(-quiet.length), 'x'])
    t.deepEqual(mask({ types: [25, 25, 25, 25, 25], rules: [long, net] }, left, kernel), mask({ types: [25, 25, 25, 25, 25], rules: [long, net] }, left, undefined))
  }
})

test('constants as long as its memory has room for end where its output ends, by as many columns as it has room for', (t) => {
  class Bounded extends Counting {
    override walk(form: RowForm, skipped: number): Stop {
      const stop = super.walk(form, skipped)
      if (stop.writtenEnd > address.end) throw new Error('written behind its output')
      return stop
    }
  }
  for (const copy of [undefined, {}]) {
    for (const [count, bytes, isSeen] of [[maxColumns, 32, true], [maxColumns, 33, false], [maxColumns + 1, 16, false]] as const) {
      const id = 'i'.repeat(bytes - '[REDACTED:]'.length - (copy === undefined ? 4 : 0))
      const types = times(count, () => 25)
      const rules: readonly MaskRule[] = [{ id, match: { columns: types.map((_, index) => index === count - 1 ? 't.ssn' : `t.c${index}`) }, op: 'redact' }]
      const rows: Cells[] = times(40, () => copy === undefined ? types.map(() => '') : [`${'\t'.repeat(count - 1)}\n`])
      const shape: Shape = { types, rules, ...copy === undefined ? {} : { copy } }
      const by = new Bounded()
      t.deepEqual(mask(shape, rows, by), mask(shape, rows, undefined))
      t.is(by.rows, isSeen ? 40 : 0)
    }
  }
})

test('a row that is not what was described goes no further, and the rows before it have gone', (t) => {
  const good = times(8, (index) => [String(index), 'x', '219-09-9999'])
  for (const bad of [['1', 'x'], ['1', 'x', 'y', 'z'], []]) {
    const one = mask({ types: [23, 25, 25] }, [...good, bad, ...good], kernel)
    t.is(one.refused, 'A row has another number of columns than its description')
    t.deepEqual(one, mask({ types: [23, 25, 25] }, [...good, bad, ...good], undefined))
    t.deepEqual(one.masked, [['ssn', 8]])
  }
  const row = encodeDataRow([Buffer.from('1'), Buffer.from('x'), Buffer.from('219-09-9999')])
  for (let at = 7; at < row.length; at++) {
    for (const byte of [0, 1, 5, 0x7f, 0xff]) {
      const broken = Buffer.from(row)
      broken[at] = byte
      const stream = Buffer.concat([row, row, row, broken, row, row, row, row])
      const results = [kernel, undefined].map((by) => {
        const columns = ['c0', 'c1', 'ssn'].map((name, index) => ({ name, attribute: index + 1, type: 25, modifier: -1 }))
        const relation = { oid: 5000, schema: 'public', name: 't', kind: 'r', parents: [], columns }
        const snapshot = { path: ['public'], relations: [relation], relation: () => relation, findRelation: () => relation, type: () => undefined } as unknown as Snapshot
        const masker = createResultMasker({ kernel: by, plan: masking.planFor({ mask: [ssn, net] }, undefined), classOf: () => undefined, snapshot, unknownOrigin: 'mask', reachesSensitive: true })
        masker.describe(columns.map(({ name, attribute }) => ({ name, table: 5000, attribute, type: 25, size: -1, modifier: -1, format: 0 })), columns.map(({ attribute }) => ({ columns: [{ relation: 5000, attribute }] })))
        let refused = ''
        try { for (const frame of new Framer('backend').pushRuns(stream)) masker.row(frame) } catch (error) { refused = (error as Error).message }
        return [refused, masker.rows, Buffer.from(masker.take(summary).bytes).toString('latin1')]
      })
      t.deepEqual(results[0], results[1])
    }
  }
})

test('a cell too long to be searched is refused, whatever looks at it and however clean it is', (t) => {
  for (const [type, cell] of [[25, 'a '], [23, '0.'], [1082, 'x ']] as const) {
    for (const [length, refused] of [[maxBytes, type === 23 ? undefined : ''], [maxBytes + 2, 'A cell is too long to be masked']] as const) {
      const rows = times(6, (index) => index === 4 ? [cell.repeat(length / 2), 'x'] : ['1', 'x'])
      const one = mask({ types: [type, 25], by: narrow }, rows, kernel)
      t.deepEqual(one, mask({ types: [type, 25], by: narrow }, rows, undefined))
      if (refused !== undefined) t.deepEqual([one.refused, one.seen], [refused, refused === '' ? 6 : 5])
    }
  }
})

test('numbers in binary are let be where their text would be, and looked at where it would not', (t) => {
  const int8 = (value: bigint) => { const bytes = Buffer.alloc(8); bytes.writeBigInt64BE(value); return bytes }
  const values: readonly Uint8Array[] = [Buffer.of(0, 7), Buffer.of(0x7f, 0xff, 0xff, 0xff), int8(1n), int8(-1n), int8(999_999_999_999n), int8(4_111_111_111_111_111n), int8(-4_111_111_111_111_111n), int8(2n ** 39n), int8(-(2n ** 39n)), Buffer.of(1, 2, 3), Buffer.alloc(5), Buffer.concat([Buffer.alloc(4), Buffer.from('4111111111111111')])]
  for (const value of values) {
    const rows = times(6, () => [value, '219-09-9999'])
    const [one, other] = [kernel, undefined].map((by) => mask({ types: [20, 25], isBinary: true }, rows, by))
    t.deepEqual(one, other)
  }
  t.is(mask({ types: [20, 25], isBinary: true }, times(6, () => [int8(4_111_111_111_111_111n), 'x']), kernel).masked.find(([id]) => id === 'net.pan')?.[1], 6)
})

const lines = ['1\tx\t219-09-9999', '1\t\\N\t\\N', '\\N\t\\N\t\\N', '\t\t', 'a\\tb\tc\td', '\\\\N\tx\ty', 'x\\N\tx\ty', '\\Nx\tx\ty', '\\\tx\ty', 'mail jane@b.co\tx\ty', '4111111111111111\tx\ty', `${'w '.repeat(30)}\tx\ty`, '1\tx\ty\\', '1\tx\t\\', '1\tx\t\\n', '1|x|219-09-9999', '\\N|\\N|\\N', '1Nx\\NN\\N', '\\NNx\\NNy']

test('each line of a COPY becomes what it would without the kernel, by any delimiter', (t) => {
  for (const delimiter of ['\t', '|', 'N', ' ']) {
    for (const first of lines) {
      for (const second of lines) {
        const rows = [first, first, first, second, first, first, first, first].map((line) => [`${line}\n`])
        const [one, other] = [kernel, undefined].map((by) => mask({ types: [23, 25, 25], copy: { delimiter } }, rows, by))
        t.deepEqual(one, other)
        t.false(one?.bytes.includes('219-09-9999'))
      }
    }
  }
})

test('what another session’s rows left in its memory decides nothing', (t) => {
  const behind = (bytes: string) => new class extends RowKernel {
    override take(...[source, start, end, plan]: Parameters<RowKernel['take']>): number {
      const taken = super.take(source, start, end, plan)
      this.memory.fill(bytes, address.input + taken - start, address.output)
      return taken
    }
  }()
  const broken = (line: string) => [...times(5, () => ['1\tx\t\\N\n']), [line]]
  for (const bytes of ['N', '\\', '\t', '\n', '=', ':', '4', '-02', '1980', '@', '\0']) {
    const by = behind(bytes)
    for (const line of ['1\tx\t\\', '1\tx\ty', '1\tx\t', '1\tx', '\\N\t\\N\t\\N', `1\t2\t${'x'.repeat(17)}`]) t.deepEqual(mask({ types: [25, 25, 25], copy: {} }, broken(line), by), mask({ types: [25, 25, 25], copy: {} }, broken(line), undefined), `${line} ${bytes}`)
    for (const cell of ['411111111111', '2024-05-06', '2024-05-06 1', '2024-05-06 07:08:09', '2024-05-06 07:08:09.', '2024-05-06 07:08:09+', '12345678', 'b 1', 'word', '']) {
      for (const type of [25, 23, 1184]) {
        const shape: Shape = { types: [type, 25] }
        const rows = times(6, () => [cell, 'x'])
        t.deepEqual(mask(shape, rows, by), mask(shape, rows, undefined), `${cell} ${bytes}`)
      }
    }
  }
})

test('what is no text, is named as somebody’s or hides one text in another is as it was without the kernel', (t) => {
  const base64 = Buffer.from('mail jane@b.co now').toString('base64')
  const cases: readonly (readonly [Shape, Cells])[] = [
    [{ types: [25, 25] }, [base64, null]], [{ types: [2950, 25] }, [base64, null]], [{ types: [25, 25], first: 'account' }, ['12345678', null]], [{ types: [20, 25], first: 'account', isBinary: true }, [Buffer.of(0, 0, 0, 0, 7, 0, 0, 1), null]],
    [{ types: [25, 25], kind: 'v' }, ['x', null]], [{ types: [25, 25], copy: {} }, [`${base64}\tx\n`]], [{ types: [25, 25], copy: { null: 'none' } }, ['x\t\\N\n']],
  ]
  for (const [shape, row] of cases) t.deepEqual(mask(shape, times(6, () => row), kernel), mask(shape, times(6, () => row), undefined), JSON.stringify([shape, row]))
  t.false(mask({ types: [25, 25] }, times(6, () => [base64, null]), kernel).bytes.includes(base64))
  // Whether an expression made a value may be what it tells.
  t.is(mask({ types: [25, 25], kind: 'v' }, times(6, () => ['x', null]), kernel).masked.find(([id]) => id === 'ssn')?.[1], 6)
})

test('headers, other words for NULL and CSV are read as before', (t) => {
  for (const copy of [{ hasHeader: true }, { null: '' }, { null: 'none' }, { kind: 'csv', delimiter: ',', null: '' }] as const) {
    const line = 'kind' in copy ? '1,x,219-09-9999\n' : '1\tx\t219-09-9999\n'
    const rows = times(12, (index) => [index === 0 && 'hasHeader' in copy ? 'c0\tc1\tssn\n' : line])
    const [one, other] = [kernel, undefined].map((by) => mask({ types: [23, 25, 25], copy }, rows, by))
    t.deepEqual(one, other)
    t.false(one?.bytes.includes('219-09-9999'))
  }
})

test('without detectors a pair in a text is seen', (t) => {
  const named: MaskRule = { id: 'named', match: { columns: ['ssn', 'pin'] }, op: 'redact' }
  for (const text of ['plain', 'pin: 1234', 'pin=1234', `${'long '.repeat(9)}pin=1234`]) {
    const [one, other] = [kernel, undefined].map((by) => mask({ types: [25, 25], rules: [named] }, times(6, () => [text, '219-09-9999']), by))
    t.deepEqual(one, other)
    t.is(one?.bytes.includes('1234'), false)
  }
})

test('one result after another, of other columns: no plan is taken for another', (t) => {
  const shapes: readonly Shape[] = [{ types: [23, 25] }, { types: [25, 25, 25] }, { types: [25, 25], rules: [{ ...ssn, op: 'null' }, net] }, { types: [25, 25], rules: [net] }]
  for (let round = 0; round < 12; round++) {
    const shape = shapes[round % shapes.length] as Shape
    const rows = times(9, (index) => shape.types.map((type) => type === 23 ? String(index) : index === 4 ? '219-09-9999' : 'quiet'))
    t.deepEqual(mask(shape, rows, kernel), mask(shape, rows, undefined))
  }
})

test('the assembler refuses what it does not know', (t) => {
  for (const [text, message] of [
    ['(func $f (i64.add 1 2))', 'i64.add is not known here'], ['(func $f (local.set $a 1))', 'nothing is called $a'], ['(func $f (br $l))', 'no label $l is open'], ['(func $f (call $g))', 'nothing is called $g'],
    ['(func $f', 'a bracket is not closed'], [')', 'a bracket closes nothing'], ['(global $g)', 'a function was expected'], ['(func $f (if 1 (br $l)))', 'an if has no then'], ['(func $f (drop 1.5))', 'drop is not known here'], ['(func $f (return 1.5))', '1.5 is no integer of 32 bits'],
    ['(func $f (return 4294967296))', '4294967296 is no integer of 32 bits'], ['(func $f (return (i32.load offset=x 0)))', 'x is no integer of 32 bits'], ['(func $f (return (i32.load offset=-4 0)))', '-4 is no integer of 32 bits'],
    ['(func $f (if 1 (then) (else) (then)))', 'an if has one condition, one then and at most one else'], ['(func $f (if))', 'an if has one condition, one then and at most one else'],
    ['(func $f (param $a) (local $a))', '$a is declared twice'], ['(func $f (local $a) (local $b))', '$f has local twice'], ['(func $f) (func $f)', 'two functions have one name'],
  ] as const) t.throws(() => assemble(text, 1), { instanceOf: SyntaxError, message })
})
