// Rows that come in runs are the rows that came: cut anywhere, masked together or one by one, limited or broken off in the middle.
import test from 'ava'
import type { Permit } from '../../../../gateway/call.ts'
import { createMasking } from '../../../../gateway/mask/index.ts'
import { RowKernel } from '../../../../gateway/protocols/postgres/mask/kernel/row-kernel.ts'
import { createResultMasker, type ResultMasker } from '../../../../gateway/protocols/postgres/mask.ts'
import {
  backendTag, encodeCommandComplete, encodeCopyData, encodeDataRow, encodeReady, encodeRowDescription, Framer, messagesOf, rowCells, type Field, type Frame,
} from '../../../../gateway/protocols/postgres/messages.ts'
import type { PostgresOperation } from '../../../../gateway/protocols/postgres/operation.ts'
import { Act } from '../../../../gateway/protocols/postgres/session/act.ts'
import { Replies } from '../../../../gateway/protocols/postgres/session/replies.ts'
import { SessionState } from '../../../../gateway/protocols/postgres/session/state.ts'
import type { Lineage, Snapshot } from '../../../../gateway/protocols/postgres/sql/analysis.ts'
import { RefusalError } from '../../../../gateway/refusal.ts'
import { createTokens, detectedClasses } from '../../../../gateway/sensitive/index.ts'
import type { MaskRule } from '../../../../rego/index.ts'
import { summary } from './mask-kit.ts'

/** The same numbers each time (a linear congruence; its upper bits). */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0
    return (state >>> 8) % below
  }
}

const masking = createMasking({ limits: { maxBodyBytes: 1 << 16, maxResultBytes: 1 << 16, maxDepth: 8 } }, createTokens(new Uint8Array(32).fill(1)))
const net: MaskRule = { id: 'net', match: { classes: [...detectedClasses] }, op: 'redact' }
const names = ['id', 'label', 'ssn', 'note', 'code']
const types = [23, 25, 25, 25, 1043]
const columns = names.map((name, index) => ({ name, attribute: index + 1, type: types[index] ?? 25, modifier: -1 }))
const relation = { oid: 5000, schema: 'public', name: 'people', kind: 'r', parents: [], columns }
const snapshot = { path: ['public'], relations: [relation], relation: () => relation, findRelation: () => relation, type: () => undefined } as unknown as Snapshot
const fields: readonly Field[] = columns.map(({ name, attribute, type }) => ({ name, table: 5000, attribute, type, size: -1, modifier: -1, format: 0 }))
const outputs: readonly Lineage[] = columns.map(({ attribute }) => ({ columns: [{ relation: 5000, attribute }] }))
const kernel = new RowKernel()
const maskerOf = (rules: readonly MaskRule[], keepsBodies = false, by?: RowKernel) => createResultMasker({ kernel: by, plan: masking.planFor({ mask: rules }, undefined), classOf: () => undefined, snapshot, unknownOrigin: 'mask', reachesSensitive: true, keepsBodies })

const values = ['', 'x', 'row 7', '219-09-9999', 'mail jane@b.co', 'a\tb\\c\nd', '\\N', '\\x41', 'é'.repeat(40), 'y'.repeat(300), '4111111111111111', '{"a":"219-09-9999"}', '2024-05-06 07:08:09', '1234567890123456789', null]

/** What nobody looks at closer. */
const quiet = ['', 'x', 'row 7', 'y'.repeat(40), 'é'.repeat(20), 'a sentence of some words', '12', '2024-05-06', null]

test('runs are the same messages, however the bytes are cut', (t) => {
  const next = numbersFrom(3)
  for (let round = 0; round < 60; round++) {
    const stream = Buffer.concat(Array.from({ length: 40 }, () => [encodeDataRow([Buffer.alloc(next(60))]), encodeDataRow([]), encodeCopyData(Buffer.alloc(next(90))), encodeReady('I'), encodeCommandComplete('SELECT 1')][next(9) % 5] as Uint8Array))
    const limits = { maxBufferedBytes: [20, 50, 1000][next(3)] ?? 20 }
    const [alone, runs] = [new Framer('backend', limits), new Framer('backend', limits)]
    const shown = (frames: readonly Frame[]) => frames.map(({ tag, part, count, bytes }) => [tag, part, count, Buffer.from(bytes).toString('hex')])
    const [one, many]: [Frame[], Frame[]] = [[], []]
    for (let at = 0, size = 1 + next(300); at < stream.length; at += size) {
      one.push(...alone.push(stream.subarray(at, at + size)))
      many.push(...runs.pushRuns(stream.subarray(at, at + size)))
      t.is(alone.heldBytes, runs.heldBytes)
    }
    t.deepEqual(shown(many.flatMap(messagesOf)), shown(one))
    t.deepEqual(Buffer.concat(many.map(({ bytes }) => bytes)), stream)
    t.true(many.every(({ tag, part, count }) => count === 1 || (part === 'whole' && (tag === backendTag.dataRow || tag === backendTag.copyData))))
  }
})

test('a bad length behind a run breaks the stream: nothing of that read goes on', (t) => {
  const row = encodeDataRow([Buffer.from('x')])
  for (const length of [5, 0, 0x3fff_ffff, 0xffff_ffff]) {
    const bad = Buffer.from(row)
    bad.writeUInt32BE(length, 1)
    const framer = new Framer('backend')
    t.throws(() => framer.pushRuns(Buffer.concat([row, row, bad, row])), { message: `DataRow message (D) has length ${length}, not 6 to 1073741822` })
    t.throws(() => framer.pushRuns(row), { message: /DataRow message/ })
  }
})

test('a row that announces a gigabyte holds no gigabyte, and no row behind it is taken for its content', (t) => {
  const row = encodeDataRow([Buffer.from('x')])
  const long = Buffer.from(row)
  long.writeUInt32BE(0x3fff_fffe, 1)
  const framer = new Framer('backend')
  const frames = framer.pushRuns(Buffer.concat([row, row, long, row]))
  t.deepEqual(frames.map(({ part, count, bytes }) => [part, count, bytes.length]), [['whole', 2, 2 * row.length], ['first', 1, 5], ['middle', 1, 2 * row.length - 5]])
  t.is(framer.heldBytes, 0)
})

function take(masker: ResultMasker, frames: readonly Frame[], isCopy: boolean): { readonly bytes: Buffer; readonly content: string; readonly masked: readonly (readonly [string, number])[]; readonly rows: number; readonly refused: string } {
  let refused = ''
  try {
    for (const frame of frames) if (isCopy) masker.copyRow(frame); else masker.row(frame)
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    refused = error.message
  }
  const { rows } = masker
  const part = masker.take(summary)
  return { bytes: Buffer.from(part.bytes), content: part.content === part.bytes ? '' : Buffer.from(part.content).toString(), masked: [...part.masked], rows, refused }
}

const ssn: MaskRule = { id: 'ssn', match: { columns: ['people.ssn'] }, op: 'redact' }
const ruleSets: readonly (readonly MaskRule[])[] = [[], [ssn], [ssn, net], [net], [{ ...ssn, op: 'partial', keep_last: 2 }, { id: 'n', match: { columns: ['note'] }, op: 'tokenize' }, { id: 'c', match: { columns: ['code'] }, op: 'null' }, net]]

test('a run is masked as its rows would be, one by one; where one is broken, those before it have gone and none after', (t) => {
  const next = numbersFrom(11)
  for (let round = 0; round < 400; round++) {
    const rules = ruleSets[round % ruleSets.length] ?? []
    const keepsBodies = next(3) === 0
    const isCopy = next(2) === 0
    const isQuiet = next(2) === 0
    const messages = Array.from({ length: 1 + next(30) }, () => {
      const cells = names.map((_, index) => index === 0 ? String(next(1e6)) : isQuiet && next(40) > 0 ? quiet[next(quiet.length)] ?? null : values[next(values.length)] ?? null)
      const broken = next(80)
      if (broken === 0) cells.pop()
      if (!isCopy) return encodeDataRow(cells.map((cell) => cell === null ? null : Buffer.from(cell)))
      return encodeCopyData(Buffer.from(`${cells.map((cell) => cell === null ? '\\N' : cell.replace(/[\\\t\n]/g, (sign) => ({ '\\': '\\\\', '\t': '\\t', '\n': '\\n' }[sign] ?? sign))).join('\t')}\n`))
    })
    const stream = Buffer.concat(messages)
    const size = 1 + next(2_000)
    const results = ([['push'], ['pushRuns'], ['pushRuns', kernel]] as const).map(([way, by]) => {
      const framer = new Framer('backend')
      const frames: Frame[] = []
      for (let at = 0; at < stream.length; at += size) frames.push(...framer[way](stream.subarray(at, at + size)))
      const masker = maskerOf(rules, keepsBodies, by)
      if (isCopy) masker.copyOut(0, names.map(() => 0), { format: { kind: 'text', delimiter: '\t', null: '\\N', quote: '"', escape: '"', hasHeader: round % 4 === 0, isQuery: false }, outputs })
      else masker.describe(fields, outputs)
      return take(masker, frames, isCopy)
    })
    t.deepEqual(results[1], results[0])
    t.deepEqual(results[2], results[0])
    if (rules.includes(net) && !(isCopy && round % 4 === 0)) t.false(results[0]?.bytes.includes('219-09-9999'))
  }
})

test('masks of two COPYs in one message are all counted', (t) => {
  const masker = maskerOf([ssn])
  const [frame] = new Framer('backend').pushRuns(Buffer.concat([encodeCopyData(Buffer.from('1\ta\tb\tc\td\n')), encodeCopyData(Buffer.from('1\ta\tb\tc\td\n'))]))
  for (let copy = 0; copy < 2; copy++) {
    masker.copyOut(0, names.map(() => 0), { format: { kind: 'text', delimiter: '\t', null: '\\N', quote: '"', escape: '"', hasHeader: false, isQuery: false }, outputs })
    masker.copyRow(frame!)
  }
  t.deepEqual([...masker.take(summary).masked], [['ssn', 4]])
})

/** What the client gets of a query's reply that came in one read, under these limits. */
function underLimits(limits: { readonly rows?: number; readonly bytes?: number }, rows: readonly Uint8Array[], mask: readonly MaskRule[] = [], keepsBodies = false): { readonly delivered: readonly string[]; readonly broken: string | undefined; readonly said: number | undefined } {
  const state = new SessionState()
  const act = new Act({ action: { properties: { effects: ['read'] } } } as unknown as PostgresOperation, [], { text: '', isBarrier: false })
  act.permit = { call: { decision: { mask, limits } } } as unknown as Permit<PostgresOperation>
  act.masker = maskerOf([...mask], keepsBodies)
  state.expect({ reply: 'query', act })
  state.expect({ reply: 'ready' })
  const never = () => { throw new Error('not expected') }
  const replies = new Replies(state, { setting: never, broken: () => undefined, unasked: never, idle: () => undefined, farewell: never })
  const items = replies.read(new Framer('backend').pushRuns(Buffer.concat([encodeRowDescription(fields.slice(0, 1)), ...rows])))
  const delivered = items.flatMap((item) => item.kind === 'part' ? new Framer('backend').push(Buffer.from(item.part.bytes)) : []).filter(({ tag }) => tag === backendTag.dataRow).map(({ bytes }) => String(rowCells(bytes)[0]))
  const part = items.find((item) => item.kind === 'part')
  if (part?.kind === 'part' && keepsBodies && Buffer.from(part.part.content).toString().split('\n').length - 1 !== delivered.length) throw new Error('on record is what arrives')
  return { delivered, broken: act.broken?.message, said: part?.kind === 'part' ? part.part.summary.rows : undefined }
}

test('where policy\'s limit falls into a run, the rows before it arrive and none behind it', (t) => {
  const rows = Array.from({ length: 10 }, (_, index) => encodeDataRow([Buffer.from(String(index))]))
  const all = rows.map((_, index) => String(index))
  const head = encodeRowDescription(fields.slice(0, 1)).length
  const each = rows[0]?.length ?? 0
  t.deepEqual(underLimits({}, rows), { delivered: all, broken: undefined, said: 10 })
  t.deepEqual(underLimits({ rows: 10 }, rows), { delivered: all, broken: undefined, said: 10 })
  t.deepEqual(underLimits({ rows: 4 }, rows), { delivered: all.slice(0, 4), broken: 'The result has more rows than policy allows (4)', said: 4 })
  t.deepEqual(underLimits({ bytes: head + 10 * each }, rows), { delivered: all, broken: undefined, said: 10 })
  t.deepEqual(underLimits({ bytes: head + 7 * each + 1 }, rows), { delivered: all.slice(0, 7), broken: `The result is longer than policy allows (${head + 7 * each + 1} bytes)`, said: 7 })
})

test('of masked rows what is shown counts for the limit, and not what they were', (t) => {
  const whole: MaskRule = { id: 'whole', match: { columns: [String(fields[0]?.name)] }, op: 'redact' }
  const head = encodeRowDescription(fields.slice(0, 1)).length
  // A number, and NULL stands for it.
  const each = encodeDataRow([null]).length
  for (const length of [0, 1, 100, 5_000]) {
    const rows = Array.from({ length: 10 }, () => encodeDataRow([Buffer.alloc(length, 'x')]))
    for (const keepsBodies of [false, true]) {
      const told = underLimits({ bytes: head + 7 * each + 1 }, rows, [whole], keepsBodies)
      t.deepEqual(told, { delivered: Array.from({ length: 7 }, () => 'null'), broken: `The result is longer than policy allows (${head + 7 * each + 1} bytes)`, said: 7 }, `${length}`)
      t.deepEqual(underLimits({ rows: 4 }, rows, [whole], keepsBodies).said, 4)
      t.is(underLimits({ bytes: head + 10 * each }, rows, [whole], keepsBodies).broken, undefined)
    }
  }
})
