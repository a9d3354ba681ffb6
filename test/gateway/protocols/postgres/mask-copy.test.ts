// COPY … TO STDOUT through a masker: what comes out is what a real server reads back in, with nothing of a masked column in it.
import test from 'ava'
import { parseSync, loadModule } from 'libpg-query'
import { copyFormatOf } from '../../../../gateway/protocols/postgres/mask/copy-format.ts'
import type { CopyFormat } from '../../../../gateway/protocols/postgres/mask/copy-rows.ts'
import { backendTag, encodeCopyData, encodeCopyDone, encodeQuery, Framer, parseDiagnostic, rowCells } from '../../../../gateway/protocols/postgres/messages.ts'
import { createResultMasker } from '../../../../gateway/protocols/postgres/mask.ts'
import type { Lineage } from '../../../../gateway/protocols/postgres/sql/analysis.ts'
import { RefusalError } from '../../../../gateway/refusal.ts'
import type { MaskRule } from '../../../../rego/index.ts'
import { maskFrames, openBank, planOf, summary, type Bank } from './mask-kit.ts'

let bank: Bank
const canary = '123-45-6789'
const notes = ['plain', '', 'tab\there', 'line\nbreak', 'cr\r\nlf', 'back\\slash \\N', '"quoted" "" \'single\'', 'comma, semicolon; pipe|', '\\.', 'ünïcode ☃ 😀', '\u0001\u000b\f\b', null] as const
const ssn: MaskRule = { id: 'ssn', match: { columns: ['ssn'] }, op: 'redact' }
const note: MaskRule = { id: 'note', match: { columns: ['note'] }, op: 'partial', keep_last: 1 }
const age: MaskRule = { id: 'age', match: { columns: ['age'] }, op: 'redact' }
const net: MaskRule = { id: 'net', match: { class: 'US_SSN' }, op: 'redact' }

test.before(async () => {
  await loadModule()
  bank = await openBank()
  await bank.ask('create table people (id int, ssn text, note text, age int, tags text[])')
  for (const [id, text] of notes.entries()) await bank.ask(`insert into people values (${id}, '${canary}', ${text === null ? 'null' : `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`}, 33, array['${canary}', 'a,"b"\\{}'])`)
  await bank.ask('create table back (like people)')
  await bank.reload()
})
test.after.always(() => bank?.close())

function formatOf(sql: string): CopyFormat | undefined {
  const { stmts } = parseSync(sql) as { stmts: { stmt: { CopyStmt: { [name: string]: unknown } } }[] }
  return copyFormatOf(stmts[0]!.stmt.CopyStmt)
}

/** Lineage of the table's own columns, as an analysis gives it. */
function outputs(...columns: readonly string[]): readonly Lineage[] {
  const people = bank.snapshot.findRelation('public', 'people', [])!
  return columns.map((name) => ({ columns: [{ relation: people.oid, attribute: people.columns.find((column) => column.name === name)!.attribute }] }))
}
const all = ['id', 'ssn', 'note', 'age', 'tags'] as const

const lines = (bytes: Uint8Array) => new Framer('backend').push(bytes).filter(({ tag }) => tag === backendTag.copyData).map(({ bytes: each }) => each.subarray(5))

async function copyBack(options: string, rows: readonly Uint8Array[], columns = ''): Promise<readonly (readonly (string | null)[])[]> {
  await bank.ask('truncate back')
  await bank.client.ask([], 0)
  const frames = await bank.client.ask([encodeQuery(`copy back ${columns} from stdin ${options}`), ...rows.map((row) => encodeCopyData(row)), encodeCopyDone()])
  const error = frames.find(({ tag }) => tag === backendTag.error)
  if (error !== undefined) throw new Error(parseDiagnostic(error.bytes).get('M'))
  const back = await bank.ask('select id, ssn, note, age, tags from back order by id')
  return back.filter(({ tag }) => tag === backendTag.dataRow).map(({ bytes }) => rowCells(bytes).map((cell) => cell === null ? null : Buffer.from(cell).toString()))
}

for (const options of [
  '', '(delimiter \'|\')', '(delimiter \',\', null \'\')', '(header)', '(format csv)', '(format csv, header)', '(format csv, delimiter \';\', quote \'\'\'\')',
  '(format csv, escape \'\\\')', '(format csv, null \'NULL\')', '(format csv, force_quote *)', '(format csv, encoding \'utf8\')', 'with csv header', 'with delimiter \'|\' null \'nil\'', '(format csv, delimiter E\'\\t\', quote \'~\', escape \'^\')',
]) {
  test.serial(`a masked COPY reads back: ${options === '' ? 'text' : options}`, async (t) => {
    const sql = `copy people to stdout ${options}`
    const frames = await bank.client.ask([encodeQuery(sql)])
    const format = formatOf(sql)
    if (format === undefined) return t.fail('the format is not known')
    const { part } = maskFrames(frames, planOf(ssn, note, age, { id: 'tags', match: { columns: ['tags'] }, op: 'redact' }), bank.snapshot, { outputs: outputs(...all), copy: { format } })
    t.false(Buffer.from(part.bytes).includes(canary))
    const rows = await copyBack(options.replace(', force_quote *', ''), lines(part.bytes))
    t.is(rows.length, notes.length)
    for (const [id, ssnCell, noteCell, ageCell, tags] of rows) {
      t.is(ssnCell, '[REDACTED:ssn]')
      t.is(ageCell, null)
      t.is(tags, '{[REDACTED:tags],[REDACTED:tags]}')
      const before = notes[Number(id)]
      // CSV cannot tell an empty text from NULL but by its quotes; both ways are the server's.
      if (before === null || before === undefined) {
        // A word for NULL that may be a value, too, is masked as one: else it would say which rows have that value.
        if (options.includes("'nil'")) t.regex(noteCell ?? '', /^[^ni]+l$/)
        else t.is(noteCell, null)
      }
      else t.regex(noteCell ?? '', before === '' ? /^$/ : /^[^a-zA-Z☃]*[a-zA-Z☃😀|]?[^a-zA-Z]*$/u, String(noteCell))
    }
    t.is(part.masked.get('ssn'), notes.length)
    t.is(part.masked.get('age'), notes.length)
  })

  test.serial(`an unmasked column of a masked COPY is the same byte for byte: ${options === '' ? 'text' : options}`, async (t) => {
    const sql = `copy people (id, note, ssn) to stdout ${options}`
    const frames = await bank.client.ask([encodeQuery(sql)])
    const { part } = maskFrames(frames, planOf(ssn), bank.snapshot, { outputs: outputs('id', 'note', 'ssn'), copy: { format: formatOf(sql)! } })
    const rows = await copyBack(options.replace(', force_quote *', ''), lines(part.bytes), '(id, note, ssn)')
    t.deepEqual(rows.map(([id, , text]) => [Number(id), text]), notes.map((text, id) => [id, text === '' && options.includes("null ''") ? null : text]))      // the server itself writes both alike
  })
}

test.serial('detectors read COPY cells that no rule covers, also behind escapes', async (t) => {
  await bank.ask(`create table hidden (a text, b int, c bytea, d jsonb); insert into hidden values (E'x\\t${canary}\\ny', 5, '${canary}', '{"s": "${canary}"}')`)
  await bank.reload()
  const hidden = bank.snapshot.findRelation('public', 'hidden', [])!
  for (const options of ['', '(format csv)']) {
    const sql = `copy hidden to stdout ${options}`
    const { part } = maskFrames(await bank.client.ask([encodeQuery(sql)]), planOf(net), bank.snapshot, { copy: { format: formatOf(sql)! }, outputs: hidden.columns.map(({ attribute }) => ({ columns: [{ relation: hidden.oid, attribute }] })) })
    const [line] = lines(part.bytes)
    t.is(Buffer.from(line!).toString(), options === '' ? 'x\\t[REDACTED:net]\\ny\t5\t\\N\t{"s":"[REDACTED:net]"}\n' : '"x\t[REDACTED:net]\ny",5,,"{""s"":""[REDACTED:net]""}"\n')
  }
})

test.serial('the header row passes and is no row', async (t) => {
  const sql = 'copy people (ssn, id) to stdout (format csv, header)'
  const { part } = maskFrames(await bank.client.ask([encodeQuery(sql)]), planOf(ssn), bank.snapshot, { outputs: outputs('ssn', 'id'), copy: { format: formatOf(sql)! } })
  t.is(Buffer.from(lines(part.bytes)[0]!).toString(), 'ssn,id\n')
  t.is(Buffer.from(lines(part.bytes)[1]!).toString(), '"[REDACTED:ssn]",0\n')
})

const refused = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    if (error instanceof RefusalError) return `${error.refusal.code}: ${error.message}`
    throw error
  }
  return 'passed'
}

test.serial('a COPY that cannot be read for certain is refused', async (t) => {
  const text = await bank.client.ask([encodeQuery('copy people to stdout')])
  const binary = await bank.client.ask([encodeQuery('copy people to stdout (format binary)')])
  const format = formatOf('copy people to stdout')!
  const masked = (frames: typeof text, given: Parameters<typeof maskFrames>[3], ...rules: readonly MaskRule[]) => refused(() => maskFrames(frames, planOf(...rules), bank.snapshot, given))
  t.is(masked(binary, { outputs: outputs(...all), copy: { format } }, ssn), 'mask.unenforceable: A binary COPY cannot be masked')
  t.is(masked(binary, { outputs: outputs(...all), copy: { format } }, net), 'mask.unenforceable: A binary COPY cannot be masked')
  t.is(masked(binary, {}), 'passed')
  t.is(masked(text, {}, ssn), 'mask.unenforceable: The format of this COPY is not known')
  t.is(masked(text, { copy: { format } , unknownOrigin: 'deny' }, ssn), 'mask.unenforceable: Nobody can say where a column of this result comes from')
  t.is(masked(text, { outputs: outputs('id', 'ssn'), copy: { format: { ...format, delimiter: '|' } } }, ssn), 'mask.failed: A row of this COPY is malformed')
  t.is(masked(text, { outputs: outputs(...all), copy: { format: { ...format, delimiter: '||' } } }, ssn), 'mask.unenforceable: The format of this COPY is not known')
  t.is(formatOf('copy people to stdout (format binary)'), undefined)
  t.is(formatOf('copy people to stdout (format \'json\')'), undefined)
  t.is(formatOf("copy people to stdout (encoding 'latin1')"), undefined)
  t.is(formatOf('copy people to stdout (novelty)'), undefined)
})

test.serial('without lineage every column of a COPY is masked', async (t) => {
  const { part } = maskFrames(await bank.client.ask([encodeQuery('copy people to stdout')]), planOf(ssn), bank.snapshot, { copy: { format: formatOf('copy people to stdout')! } })
  t.deepEqual(new Set(lines(part.bytes).map((line) => Buffer.from(line).toString())), new Set(['\\N\t\\N\t\\N\t\\N\t\\N\n']))
})

test('a row that comes in pieces is passed on where nothing is masked', (t) => {
  const frames = new Framer('backend', { maxBufferedBytes: 16 }).push(Buffer.concat([encodeCopyData(Buffer.from(`${'x'.repeat(40)}\n`))]))
  t.not(frames[0]!.part, 'whole')
  const open = createResultMasker({ plan: planOf(), classOf: () => undefined, snapshot: bank.snapshot, unknownOrigin: 'mask', reachesSensitive: true })
  open.copyOut(0, [0], undefined)
  for (const frame of frames) open.copyRow(frame)
  t.is(open.take(summary).bytes.length, 46)
  t.is(open.rows, 1)
})

/** The bytes that go on, of lines that are held whole and of the same lines cut everywhere. */
function inPieces(options: string, texts: readonly string[], column: (at: number) => Lineage, keepsBodies = false): readonly string[] {
  const bytes = Buffer.concat(texts.map((text) => encodeCopyData(Buffer.from(text))))
  const format = formatOf(`copy (select 1) to stdout ${options}`)!
  return [undefined, 1, 3, 1_000].map((piece) => {
    const masked = createResultMasker({ plan: planOf(ssn), classOf: () => undefined, snapshot: bank.snapshot, unknownOrigin: 'mask', reachesSensitive: false, keepsBodies })
    masked.copyOut(0, [0, 0, 0], { format, outputs: [0, 1, 2].map(column) })
    const framer = new Framer('backend', piece === undefined ? {} : { maxBufferedBytes: 6 })
    for (let at = 0; at < bytes.length; at += piece ?? bytes.length) for (const frame of framer.push(bytes.subarray(at, at + (piece ?? bytes.length)))) masked.copyRow(frame)
    const part = masked.take(summary)
    return `${masked.rows} ${part.masked.get('ssn') ?? 0} ${Buffer.from(part.bytes).toString('latin1')} ${Buffer.from(part.content).toString('latin1')}`
  })
}

test('a line that is too long to be held is masked as a short one is', (t) => {
  const relation = bank.snapshot.findRelation('public', 'people', [])!
  const of = (name: string, isPlain: boolean): Lineage => ({ columns: [{ relation: relation.oid, attribute: relation.columns.find((each) => each.name === name)!.attribute }], ...isPlain ? { isPlain } : {} })
  const none: Lineage = { columns: [] }
  const secret = '123-45-6789'
  for (const isPlain of [true, false]) {
    for (const hidden of [0, 1, 2]) {
      const column = (at: number) => at === hidden ? of('ssn', isPlain) : none
      for (const [options, texts] of [
        ['', [`a\t${secret}\tb\n`, `\\N\t\\N\t\\N\n`, '\t\t\n', 'a\\\tx\tb\\\\\t\\n\n']],
        ['(format csv)', [`a,${secret},b\n`, ',,\n', '"a,""b","c\nd""","e"\n', '"",x,""""\n']],
        [`(format csv, quote '|', escape '^', delimiter ';')`, ['|a;^|b|;|^^|;c\n', `${secret};;|^|;|\n`]],
      ] as const) {
        for (const keepsBodies of [false, true]) {
          const [whole = '', ...cut] = inPieces(options, texts, column, keepsBodies)
          for (const each of cut) t.is(each, whole, `${options} ${hidden} ${isPlain}`)
        }
      }
    }
  }
})

test('of a long line only what is shown is counted, and a malformed one goes no further', (t) => {
  const masked = (fields: readonly Lineage[]) => {
    const made = createResultMasker({ plan: planOf(ssn), classOf: () => undefined, snapshot: bank.snapshot, unknownOrigin: 'mask', reachesSensitive: true })
    made.copyOut(0, fields.map(() => 0), { format: formatOf('copy (select 1) to stdout')!, outputs: fields })
    return made
  }
  const line = (text: string) => new Framer('backend').push(encodeCopyData(Buffer.from(`${text}\n`)))
  const long = 'x'.repeat(17 << 20)
  const unknown: Lineage = { columns: [], unknown: 'opaque_routine' }
  const hides = masked([unknown])
  for (const frame of line(long)) hides.copyRow(frame)
  t.is(Buffer.from(hides.take(summary).bytes.subarray(5)).toString(), '\\N\n')
  const shows = masked([unknown, { columns: [] }])
  t.is(refused(() => { for (const frame of line(`a\t${long}`)) shows.copyRow(frame) }), 'mask.failed: A row is too long to be masked')
  const wide = masked([unknown])
  t.is(refused(() => { for (const frame of line(`${long}\t`)) wide.copyRow(frame) }), 'mask.failed: A row of this COPY is malformed')
})
