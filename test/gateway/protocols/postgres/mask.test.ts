// Results of a real server, masked by where their values come from, whatever their columns are called.
import test from 'ava'
import { createResultMasker } from '../../../../gateway/protocols/postgres/mask.ts'
import { backendTag, encodeDataRow, encodeQuery, encodeRowDescription, Framer, parseRowDescription, rowCells } from '../../../../gateway/protocols/postgres/messages.ts'
import type { BaseColumn, Lineage } from '../../../../gateway/protocols/postgres/sql/analysis.ts'
import { splitRows } from '../../../../gateway/mask/index.ts'
import { RefusalError } from '../../../../gateway/refusal.ts'
import type { MaskRule } from '../../../../rego/index.ts'
import { extended, maskFrames, openBank, planOf, summary, type Bank, type Given } from './mask-kit.ts'

let bank: Bank
const canary = '123-45-6789'
const ssn: MaskRule = { id: 'ssn', match: { columns: ['public.customers.ssn'] }, op: 'redact' }
const partial: MaskRule = { ...ssn, op: 'partial', keep_last: 4 }
const redacted = '[REDACTED:ssn]'

test.before(async () => {
  bank = await openBank()
  await bank.ask(`create table customers (id int primary key, ssn text, email text, profile jsonb); insert into customers values (1, '${canary}', 'jane@bank.example', '{"ssn": "${canary}", "city": "Bern"}');
    create view v as select id, ssn as code from customers; create materialized view m as select ssn from customers;
    create table people (id int, ssn text) partition by list (id); create table people_1 partition of people for values in (1); insert into people values (1, '${canary}');
    create table plain (id int, label text); insert into plain values (1, 'x')`)
  await bank.reload()
})
test.after.always(() => bank?.close())

const column = (table: string, name: string): BaseColumn => {
  const relation = bank.snapshot.findRelation('public', table, [])!
  return { relation: relation.oid, attribute: relation.columns.find((each) => each.name === name)!.attribute }
}
const from = (...columns: readonly BaseColumn[]): Lineage => ({ columns })
const ask = (sql: string) => bank.client.ask([encodeQuery(sql)])
const cells = async (sql: string, rules: readonly MaskRule[], given?: Given) => {
  const { rows, part } = maskFrames(await ask(sql), planOf(...rules), bank.snapshot, given)
  const leaked = Buffer.from(part.bytes).includes(canary)
  return [...(rows[0] ?? []).map((cell) => cell?.toString() ?? null), ...leaked ? ['leaked'] : []]
}
const refused = async (work: () => unknown) => {
  try {
    await work()
  } catch (error) {
    if (error instanceof RefusalError) return `${error.refusal.code}: ${error.message}`
    throw error
  }
  return 'passed'
}

test.serial('the origin the server reports decides, not the name', async (t) => {
  t.deepEqual(await cells('select ssn as x, email as ssn from customers', [ssn]), [redacted, 'jane@bank.example'])
  t.deepEqual(await cells('select a.ssn from (select ssn from customers) a', [ssn]), [redacted])
  t.deepEqual(await cells('with c as materialized (select * from customers) select ssn from c group by ssn', [ssn]), [redacted])
  t.deepEqual(await cells('prepare p as select ssn as a from customers; execute p; deallocate p', [ssn]), [redacted])
  t.deepEqual(await cells('select ctid, tableoid > 0 from customers', [ssn], { outputs: [from(), from()] }), ['(0,1)', 't'])
})

test.serial('the column of a table of another name is another column', async (t) => {
  t.deepEqual(await cells("select '1' as id, label from plain", [{ id: 'l', match: { columns: ['customers.label'] }, op: 'redact' }], { outputs: [from(), from(column('plain', 'label'))] }), ['1', 'x'])
})

test.serial('a partition is masked by the rules of its parent', async (t) => {
  const rule: MaskRule = { ...ssn, match: { columns: ['public.people.ssn'] } }
  t.deepEqual(await cells('select ssn from people', [rule]), [redacted])
  t.deepEqual(await cells('select ssn from people_1', [rule]), [redacted])
  const byClass: MaskRule = { id: 'ssn', match: { class: 'SECRET_NUMBER' }, op: 'redact' }
  t.deepEqual(await cells('select ssn from people_1', [byClass], { classOf: (relation, name) => relation === 'public.people' && name === 'ssn' ? 'SECRET_NUMBER' : undefined }), [redacted])
})

test.serial('a rule that names the column wins over the class net', async (t) => {
  const net: MaskRule = { id: 'net', match: { class: 'US_SSN' }, op: 'null' }
  t.deepEqual(await cells('select ssn from customers', [net, partial], { classOf: () => 'US_SSN' }), ['***-**-6789'])
  t.deepEqual(await cells('select ssn from customers', [net], { classOf: (relation, name) => relation === 'public.customers' && name === 'ssn' ? 'US_SSN' : undefined }), [null])
})

test.serial('an expression is masked by its lineage, and tells nothing in part', async (t) => {
  const outputs = [from(column('customers', 'ssn'))]
  t.deepEqual(await cells("select ssn || '' from customers", [ssn], { outputs }), [redacted])
  for (const op of ['partial', 'hash', 'tokenize'] as const) t.deepEqual(await cells('select substr(ssn, 1, 5) from customers', [{ ...ssn, op }], { outputs }), [redacted], op)
  t.deepEqual(await cells('select length(ssn) from customers', [ssn], { outputs }), [null])
  // Whether an expression gave anything, and how many elements, may be what it tells.
  t.deepEqual(await cells('select array_agg(ssn) from customers', [ssn], { outputs }), [null])
  t.deepEqual(await cells('select nullif(ssn, ssn) from customers', [ssn], { outputs }), [redacted])
  t.deepEqual(await cells('select nullif(ssn, ssn) from customers', [ssn], { outputs: outputs.map((each) => ({ ...each, isPlain: true })) }), [null])
  t.deepEqual(await cells('select to_jsonb(c) from customers c', [ssn], { outputs }), [null])
  t.deepEqual(await cells('select id || \'\' from customers', [ssn], { outputs: [from(column('customers', 'id'))] }), ['1'])
})

test.serial('a value laundered through another column stays masked', async (t) => {
  const sql = 'begin; update customers set email = ssn returning email; rollback'
  t.deepEqual(await cells(sql, [ssn], { outputs: [from(column('customers', 'ssn'))] }), [redacted])
  t.deepEqual(await cells(sql, [partial], { outputs: [from(column('customers', 'ssn'))] }), [redacted])
})

test.serial('a whole row is all of its columns', async (t) => {
  t.deepEqual(await cells('select customers from customers', [ssn]), [null])
  t.deepEqual(await cells('select array_agg(customers) from customers', [ssn], { outputs: [from(column('customers', 'id'))] }), [null])
  t.deepEqual(await cells('select row(id, ssn) from customers', [ssn], { outputs: [from(column('customers', 'id'), column('customers', 'ssn'))] }), [null])
  t.deepEqual(await cells('select plain from plain', [ssn]), ['(1,x)'])
})

test.serial('a view is what its lineage says, and unknown without', async (t) => {
  t.deepEqual(await cells('select code from v', [ssn], { outputs: [from(column('customers', 'ssn'))] }), [redacted])
  t.deepEqual(await cells('select id from v', [ssn], { outputs: [from(column('customers', 'id'))] }), ['1'])
  t.deepEqual(await cells('select code from v', [ssn]), ['[REDACTED:unknown_origin]'])
  t.deepEqual(await cells('select ssn from m', [ssn], { viewLineage: () => from(column('customers', 'ssn')) }), [redacted])
  t.deepEqual(await cells('select relname from pg_class where relname = \'plain\'', [ssn]), ['plain'])
  t.deepEqual(await cells('select tablename from pg_tables where tablename = \'plain\'', [ssn]), ['plain'])
  t.deepEqual(await cells('analyze customers; select histogram_bounds, most_common_vals from pg_stats where attname = \'ssn\'', [ssn]), [null, null])
})

test.serial('an unknown origin is masked or refused where a sensitive column can be reached, and passed where none can', async (t) => {
  t.deepEqual(await cells("select 'a' || 'b', 5", [ssn]), ['[REDACTED:unknown_origin]', null])
  t.deepEqual(await cells("select 'a' || 'b', 5", [ssn], { reachesSensitive: false }), ['ab', '5'])
  t.deepEqual(await cells("select 'a' || 'b'", [ssn], { outputs: [{ columns: [], unknown: 'opaque_routine' }] }), ['[REDACTED:unknown_origin]'])
  t.deepEqual(await cells("select 'a' || 'b'", [ssn], { outputs: [from()] }), ['ab'])
  t.is(await refused(() => cells("select 'a'", [ssn], { unknownOrigin: 'deny' })), 'mask.unenforceable: Nobody can say where a column of this result comes from')
  t.deepEqual(await cells(`explain (verbose, costs off) select upper('${canary}') from customers`, [ssn]), ['[REDACTED:unknown_origin]'])
  t.deepEqual(maskFrames(await ask('create temp table fresh as select ssn from customers; select ssn from fresh; drop table fresh'), planOf(ssn), bank.snapshot).rows[0]?.map(String), ['[REDACTED:unknown_origin]'])
  t.deepEqual(await cells('select ssn from customers', [ssn], { snapshot: undefined }), ['[REDACTED:unknown_origin]'])
})

test.serial('lineage of another number of columns than the result has is no lineage', async (t) => {
  t.deepEqual(await cells("select ssn || '', 1 from customers", [ssn], { outputs: [from()] }), ['[REDACTED:unknown_origin]', null])
})

test.serial('a JSON document is masked by path and by member', async (t) => {
  const given = { reachesSensitive: true }
  t.deepEqual(await cells('select profile from customers', [{ id: 'p', match: { json_path: '/profile/ssn' }, op: 'partial', keep_last: 4 }], given), ['{"ssn":"***-**-6789","city":"Bern"}'])
  t.deepEqual(await cells('select profile from customers', [{ id: 'p', match: { columns: ['ssn'] }, op: 'null' }], given), ['{"ssn":null,"city":"Bern"}'])
  t.deepEqual(await cells('select profile from customers', [{ id: 'p', match: { columns: ['profile'] }, op: 'partial' }], given), [null])
  const { rows } = maskFrames(await bank.client.ask(extended('select profile from customers', 1)), planOf({ id: 'p', match: { json_path: '/profile/ssn' }, op: 'drop' }), bank.snapshot)
  t.is(rows[0]?.[0]?.toString(), '\u0001{"city":"Bern"}')
})

test.serial('detectors find values in columns nobody declared, in every type', async (t) => {
  const net: MaskRule = { id: 'net', match: { classes: ['US_SSN', 'PAN'] }, op: 'redact' }
  const outputs = [from()]
  t.deepEqual(await cells(`select 'ssn ${canary}, ok'`, [net], { outputs }), ['ssn [REDACTED:net.us_ssn], ok'])
  for (const expression of [`array['x','${canary}']`, `array[array['${canary}']]`]) t.false((await cells(`select ${expression}`, [net], { outputs })).includes('leaked'))
  for (const format of [0, 1]) {
    for (const expression of ['4111111111111111::int8', '4111111111111111::numeric', "array[4111111111111111]", `row(1, '${canary}')`, 'row(4111111111111111::int8, 1)', `'${canary}'::bytea`, `jsonb_build_object('a', '${canary}')`, `convert_to('${canary}', 'utf8')`, `'{${canary}}'::text[]`]) {
      const { rows, part } = maskFrames(await bank.client.ask(extended(`select ${expression}`, format)), planOf(net), bank.snapshot, { outputs, formats: [format] })
      const out = Buffer.from(part.bytes)
      t.false(out.includes(canary) || out.includes('4111111111111111') || out.includes(Buffer.from(4111111111111111n.toString(16).padStart(16, '0'), 'hex')), `${expression} ${format}`)
      t.is(rows.length, 1)
      t.is(part.masked.size, 1, `${expression} ${format}`)
    }
  }
})

test.serial('rows in which nothing is masked are the bytes that came, without a copy', async (t) => {
  const bytes = Buffer.concat((await ask('select id, label from plain, generate_series(1, 50)')).map(({ bytes: each }) => each))
  const frames = new Framer('backend').push(bytes)
  const { part } = maskFrames(frames, planOf(ssn), bank.snapshot)
  t.is(part.bytes.buffer, bytes.buffer)
  t.deepEqual(Buffer.from(part.bytes), bytes)
  t.is(part.form, 'opaque')
  t.is(part.content, part.bytes)
})

test.serial('a masked row between open ones keeps their order', async (t) => {
  const frames = await ask('select id, label from plain; select ssn from customers; select id, label from plain')
  const { part } = maskFrames(frames, planOf(ssn), bank.snapshot)
  t.is(new Framer('backend').push(part.bytes).map(({ tag }) => String.fromCharCode(tag)).join(''), 'TDCTDCTDCZ')
  t.deepEqual([...part.masked], [['ssn', 1]])
})

test.serial('the record keeps masked rows as lines where the decision says so', async (t) => {
  const sql = "select id, ssn, E'a\\tb\\n' as note, null as nothing from customers"
  const outputs = [from(column('customers', 'id')), from(column('customers', 'ssn')), from(), from()]
  for (const format of [0, 1]) {
    const { part } = maskFrames(await bank.client.ask(extended(sql, format)), planOf(ssn), bank.snapshot, { keepsBodies: true, outputs, formats: [format] })
    t.is(part.form, 'text')
    t.is(Buffer.from(part.content).toString(), `1\t${redacted}\ta\\tb\\n\t\\N\n`)
  }
})

test.serial('a long record is cut to frames, and all bytes go with the last of them', async (t) => {
  const { part } = maskFrames(await ask("select repeat('é', 700), ssn from customers, generate_series(1, 200)"), planOf(ssn), bank.snapshot, { keepsBodies: true, outputs: [from(), from(column('customers', 'ssn'))] })
  const pieces = splitRows(part)
  t.true(pieces.length > 2)
  t.true(pieces.every(({ content }) => content.length <= 64 * 1024))
  t.is(pieces.map(({ content }) => Buffer.from(content).toString()).join(''), Buffer.from(part.content).toString())
  t.is(pieces.at(-1)?.bytes, part.bytes)
  t.deepEqual(pieces.slice(0, -1).map(({ bytes, summary: { isFinal } }) => [bytes.length, isFinal]), pieces.slice(1).map(() => [0, false]))
})

const field = { name: 'a', table: 0, attribute: 0, type: 25, size: -1, modifier: -1, format: 0 }
const frameOf = (bytes: Uint8Array) => new Framer('backend').push(Buffer.from(bytes))[0]!
const masker = (...rules: readonly MaskRule[]) => createResultMasker({ plan: planOf(...rules), classOf: () => undefined, snapshot: bank.snapshot, unknownOrigin: 'mask', reachesSensitive: true })

test('rows nobody described are refused', async (t) => {
  t.is(await refused(() => masker(ssn).row(frameOf(encodeDataRow([Buffer.from('x')])))), 'mask.unenforceable: The columns of this result are not known')
  t.is(await refused(() => masker().row(frameOf(encodeDataRow([Buffer.from('x')])))), 'passed')
})

test('a row with another number of columns than its description is refused', async (t) => {
  const each = masker(ssn)
  each.describe(parseRowDescription(encodeRowDescription([field])), undefined)
  t.is(await refused(() => each.row(frameOf(encodeDataRow([Buffer.from('x'), Buffer.from('y')])))), 'mask.failed: A row has another number of columns than its description')
})

test('a row that fails half-way leaves nothing of itself behind', async (t) => {
  const each = masker(ssn, { id: 'net', match: { class: 'US_SSN' }, op: 'redact' })
  each.describe([field, field], [from(column('customers', 'ssn')), from()])
  const good = frameOf(encodeDataRow([Buffer.from(canary), Buffer.from('fine')]))
  each.row(good)
  t.is(await refused(() => each.row(frameOf(encodeDataRow([Buffer.from(canary), Buffer.from('x'.repeat(2 << 20))])))), 'mask.failed: A cell is too long to be masked')
  each.row(good)
  const rows = new Framer('backend').push(each.take(summary).bytes).map(({ bytes }) => rowCells(bytes).map(String))
  t.deepEqual(rows, [[redacted, 'fine'], [redacted, 'fine']])
})

test('a row whose lengths do not add up is refused', async (t) => {
  for (const [at, byte] of [[10, 200], [10, 4], [17, 9], [17, 1], [7, 0x7f]] as const) {
    const bytes = encodeDataRow([Buffer.from('abc'), Buffer.from('de')])
    bytes[at] = byte
    const each = masker(ssn)
    each.describe([field, field], [from(column('customers', 'ssn')), from()])
    t.is(await refused(() => each.row(frameOf(bytes))), 'mask.failed: A row is malformed', `${byte} at ${at}`)
  }
})

test('each result is masked by its own description', (t) => {
  const each = masker(ssn)
  each.describe([field], [from(column('customers', 'ssn'))])
  each.row(frameOf(encodeDataRow([Buffer.from(canary)])))
  each.describe([field], [from()])
  each.row(frameOf(encodeDataRow([Buffer.from('open')])))
  const part = each.take(summary)
  t.is(each.rows, 2)
  t.deepEqual(new Framer('backend').push(part.bytes).map(({ bytes }) => Buffer.from(bytes.subarray(11)).toString()), [redacted, 'open'])
  t.deepEqual([...part.masked], [['ssn', 1]])
  t.true(each.isEmpty)
})

test.serial('a masker lent to the next run masks as before, whatever came back, and brings nothing of the last run along', async (t) => {
  for (const keepsBodies of [false, true]) {
    const plan = planOf(ssn)
    const make = () => createResultMasker({ plan, classOf: () => undefined, snapshot: bank.snapshot, unknownOrigin: 'mask', reachesSensitive: true, keepsBodies })
    const lent = make()
    const described = new Map<string, ReturnType<typeof parseRowDescription>>()
    const run = (masker: ReturnType<typeof make>, frames: Awaited<ReturnType<typeof ask>>) => {
      for (const frame of frames) {
        if (frame.tag === backendTag.rowDescription) {
          const key = frame.bytes.toString()
          described.set(key, described.get(key) ?? parseRowDescription(frame.bytes))
          masker.describe(described.get(key)!, undefined)
        } else if (frame.tag === backendTag.dataRow) masker.row(frame)
      }
      const { rows } = masker
      const part = masker.take(summary)
      return { rows, bytes: Buffer.from(part.bytes), content: Buffer.from(part.content).toString(), masked: [...part.masked] }
    }
    const runs = ['select ssn, id from customers', 'select ssn, id from customers', 'select id, ssn from customers', "select 'x' as ssn from plain where false", 'select ssn, id from customers']
    for (const [at, sql] of runs.entries()) {
      const frames = await ask(sql)
      if (at > 0) {
        t.true(lent.isFree)
        lent.lend()
      }
      const [again, alone] = [run(lent, frames), run(make(), frames)]
      t.deepEqual(again, alone, sql)
      t.false(again.bytes.includes(canary))
    }
    lent.lend()
    t.is(await refused(async () => lent.row((await ask('select ssn, id from customers')).find(({ tag }) => tag === backendTag.dataRow)!)), 'mask.unenforceable: The columns of this result are not known')
  }
})

test('a row that is too long to be held is masked as a short one is', (t) => {
  const plain = { ...column('customers', 'ssn') }
  const rows = [[Buffer.from(canary), null, Buffer.from('open')], [null, Buffer.alloc(0), null], [Buffer.alloc(0), Buffer.from(canary), Buffer.from('x'.repeat(99))]]
  const bytes = Buffer.concat(rows.map((row) => Buffer.from(encodeDataRow(row))))
  const description = parseRowDescription(encodeRowDescription(['a', 'b', 'c'].map((name) => ({ name, table: 0, attribute: 0, type: 25, size: -1, modifier: -1, format: 0 }))))
  for (const outputs of [[from(plain), from(), from()], [{ ...from(plain), isPlain: true }, from(plain), from()]]) {
    for (const rule of [ssn, partial]) {
      for (const keepsBodies of [false, true]) {
        const [whole, ...cut] = [undefined, 1, 2, 7, 1_000].map((piece) => {
          const each = createResultMasker({ plan: planOf(rule), classOf: () => undefined, snapshot: bank.snapshot, unknownOrigin: 'mask', reachesSensitive: true, keepsBodies })
          each.describe(description, outputs)
          const framer = new Framer('backend', piece === undefined ? {} : { maxBufferedBytes: 6 })
          for (let at = 0; at < bytes.length; at += piece ?? bytes.length) for (const frame of framer.push(bytes.subarray(at, at + (piece ?? bytes.length)))) each.row(frame)
          const part = each.take(summary)
          return [each.rows, part.masked.get('ssn'), Buffer.from(part.bytes).toString('latin1'), Buffer.from(part.content).toString('latin1')]
        })
        for (const each of cut) t.deepEqual(each, whole)
      }
    }
  }
})

test('of a long row only what is shown is counted, and a malformed one goes no further', async (t) => {
  const masker = () => {
    const each = createResultMasker({ plan: planOf(ssn), classOf: () => undefined, snapshot: bank.snapshot, unknownOrigin: 'mask', reachesSensitive: true })
    each.describe(parseRowDescription(encodeRowDescription(['a', 'b'].map((name) => ({ name, table: 0, attribute: 0, type: 25, size: -1, modifier: -1, format: 0 })))), [from(column('customers', 'ssn')), from()])
    return each
  }
  const feed = (each: ReturnType<typeof masker>, bytes: Uint8Array) => { for (const frame of new Framer('backend').push(bytes)) each.row(frame) }
  const long = Buffer.alloc(17 << 20, 'x')
  const hides = masker()
  feed(hides, encodeDataRow([long, Buffer.from('open')]))
  t.deepEqual(rowCells(hides.take(summary).bytes).map(String), [redacted, 'open'])
  t.is(await refused(() => feed(masker(), encodeDataRow([Buffer.from('a'), long]))), 'mask.failed: A row is too long to be masked')
  t.is(await refused(() => feed(masker(), encodeDataRow([long, null, null]))), 'mask.failed: A row has another number of columns than its description')
  const torn = Buffer.from(encodeDataRow([long, Buffer.from('open')]))
  torn.writeInt32BE((17 << 20) + 3, 7)
  t.is(await refused(() => feed(masker(), torn)), 'mask.failed: A row is malformed')
})
