// Every type, in both formats, under every op: what comes out is a value of its type, by a real server's judgement, and not the value that went in.
import test from 'ava'
import pg from 'pg'
import { backendTag, type Frame } from '../../../../gateway/protocols/postgres/messages.ts'
import type { MaskOp, MaskRule } from '../../../../rego/index.ts'
import { extended, maskFrames, openBank, planOf, sendBack, type Bank } from './mask-kit.ts'

let bank: Bank
const ops: readonly MaskOp[] = ['redact', 'partial', 'hash', 'tokenize', 'null', 'drop']
const canary = '123-45-6789'

/** Type, value, and what a rule's `redact` makes of it. */
const types: readonly (readonly [type: string, value: string, redacted: string | null])[] = [
  ['text', canary, '[REDACTED:c]'], ['varchar', canary, '[REDACTED:c]'], ['varchar(11)', canary, '[REDACTED:c'], ['char(14)', canary, '[REDACTED:c]  '], ['name', canary, '[REDACTED:c]'],
  ['"char"', 'x', null], ['citext', canary, '[REDACTED:c]'], ['ssn_text', canary, '[REDACTED:c]'], ['ssn_text_again', canary, '[REDACTED:c]'], ['ssn_number', '123456789', null],
  ['json', `{"ssn":"${canary}"}`, null], ['jsonb', `{"ssn":"${canary}"}`, null], ['xml', `<s>${canary}</s>`, '[REDACTED:c]'], ['int2', '12345', null], ['int4', '123456789', null], ['int8', '123456789', null],
  ['float4', '123.5', null], ['float8', '123456789.5', null], ['numeric', '123456789.25', null], ['numeric(12,2)', '-123456789.25', null], ['money', '123456.78', null], ['oid', '123456789', null],
  ['bool', 't', null], ['date', '1980-02-29', null], ['time', '12:34:56', null], ['timetz', '12:34:56+01', null], ['timestamp', '1980-02-29 12:34:56', null], ['timestamptz', '1980-02-29 12:34:56+00', null], ['interval', '3 days', null],
  ['uuid', '12345678-1234-1234-1234-123456789abc', null], ['inet', '192.168.1.7', null], ['cidr', '192.168.0.0/16', null], ['macaddr', '08:00:2b:01:02:03', null], ['bytea', '\\x3132332d34352d36373839', null],
  ['mood', 'sad', null], ['int4range', '[1,5)', null], ['int4multirange', '{[1,5)}', null], ['pair', `(1,${canary})`, null], ['point', '(1,2)', null], ['bit(4)', '1010', null], ['varbit', '1010', null], ['tsvector', "'a':1", null], ['int2vector', '12345 2', null], ['oidvector', '123456789 26', null], ['hstore', `a=>${canary}`, null], ['ltree', 'Top.A', null],
  ['text[]', `{${canary},NULL,"a \\"b\\" \\\\ c, {d}"}`, '{[REDACTED:c],NULL,[REDACTED:c]}'], ['text[][]', `{{${canary},b},{NULL,""}}`, '{{[REDACTED:c],[REDACTED:c]},{NULL,[REDACTED:c]}}'], ['varchar(11)[]', `{${canary}}`, '{[REDACTED:c}'],
  ['text[]', `[0:1]={${canary},b}`, '[0:1]={[REDACTED:c],[REDACTED:c]}'], ['citext[]', `{${canary}}`, '{[REDACTED:c]}'], ['ssn_text[]', `{${canary}}`, '{[REDACTED:c]}'], ['text[]', '{}', '{}'],
  ['int4[]', '{123456789,2}', null], ['uuid[]', '{12345678-1234-1234-1234-123456789abc}', null], ['jsonb[]', '{"{\\"ssn\\": 1}"}', null], ['bytea[]', '{"\\\\x3132"}', null], ['mood[]', '{sad}', null], ['pair[]', `{"(1,${canary})"}`, null],
]

test.before(async () => {
  bank = await openBank()
  await bank.ask(`create extension citext; create extension hstore; create extension ltree; create domain ssn_text as text check (value <> ''); create domain ssn_text_again as ssn_text; create domain ssn_number as int;
    create type mood as enum ('sad', 'glad'); create type pair as (a int, b text); set client_min_messages = error`)
  for (const [index, [type, value]] of types.entries()) await bank.ask(`create table t${index} (c ${type}); insert into t${index} values ($v$${value}$v$::${type}), (null)`)
  await bank.reload()
})
test.after.always(() => bank?.close())

const select = (index: number, format: number): Promise<readonly Frame[]> => bank.client.ask(extended(`select c from t${index}`, format))
const rule = (op: MaskOp): MaskRule => ({ id: 'c', match: { columns: ['c'] }, op, ...op === 'partial' ? { keep_last: 2 } : {} })

for (const format of [0, 1]) {
  test.serial(`each type stays valid under each op, ${format === 0 ? 'text' : 'binary'} format`, async (t) => {
    let sent = 0
    for (const [index, [type, value, redacted]] of types.entries()) {
      const frames = await select(index, format)
      if (frames.some(({ tag }) => tag === backendTag.error)) { t.is(format, 1, type); continue }   // no binary output
      for (const op of ops) {
        const { rows, fields, part } = maskFrames(frames, planOf(rule(op)), bank.snapshot)
        const [[cell], [none]] = rows as unknown as [[Buffer | null], [Buffer | null]]
        t.is(none, null, `${type} ${op}: NULL stays NULL`)
        t.false(Buffer.from(part.bytes).includes(canary), `${type} ${op}`)
        const back = await sendBack(bank.client, type, fields[0]!.type, format, cell)
        sent++
        if (value !== '{}') t.not(back, value, `${type} ${op}`)
        if (op === 'redact') t.is(back, redacted === null ? null : type === 'char(14)' ? redacted.trimEnd() : redacted, `${type} ${format}`)
        if (op === 'null' || op === 'drop') t.is(cell, null, `${type} ${op}`)
        t.deepEqual([...part.masked.keys()], value === '{}' && op !== 'null' && op !== 'drop' ? [] : ['c'], `${type} ${op}`)
      }
    }
    t.log(`${sent} masked values sent back to PostgreSQL`)
  })

  test.serial(`detectors leave each type valid and nothing of a number in it, ${format === 0 ? 'text' : 'binary'} format`, async (t) => {
    const net = planOf({ id: 'net', match: { class: 'US_SSN' }, op: 'redact' })
    for (const [index, [type]] of types.entries()) {
      const frames = await select(index, format)
      if (frames.some(({ tag }) => tag === backendTag.error)) continue
      const { rows, fields, part } = maskFrames(frames, net, bank.snapshot)
      t.false(Buffer.from(part.bytes).includes(canary), type)
      t.false(Buffer.from(part.bytes).includes('3132332d34352d36373839'), type)
      await t.notThrowsAsync(sendBack(bank.client, type, fields[0]!.type, format, rows[0]?.[0] ?? null))
    }
  })
}

test.serial('a driver reads masked rows of every type', async (t) => {
  for (const [index, [type]] of types.entries()) {
    const { rows, fields } = maskFrames(await select(index, 0), planOf(rule('redact')), bank.snapshot)
    const cell = rows[0]?.[0]
    t.notThrows(() => { if (cell !== null && cell !== undefined) pg.types.getTypeParser(fields[0]!.type)(cell.toString()) }, type)
  }
})
