// Errors, notices, settings and notifications of a masked session: raised by a real server over canary values, and no canary gets through.
import test from 'ava'
import { RefusalError } from '../../../../gateway/refusal.ts'
import { createResultMasker } from '../../../../gateway/protocols/postgres/mask.ts'
import { backendTag, encodeError, encodeNotification, encodeParameterStatus, encodeQuery, parseDiagnostic, parseNotification, parseParameterStatus } from '../../../../gateway/protocols/postgres/messages.ts'
import type { MaskRule } from '../../../../rego/index.ts'
import { maskFrames, openBank, planOf, summary, type Bank } from './mask-kit.ts'

let bank: Bank
const canary = '123-45-6789'
const ssn: MaskRule = { id: 'ssn', match: { columns: ['customers.ssn'] }, op: 'redact' }
const net: MaskRule = { id: 'net', match: { class: 'US_SSN' }, op: 'redact' }

test.before(async () => {
  bank = await openBank()
  await bank.ask(`create table customers (id int primary key, ssn text unique not null check (ssn <> 'none'), email text, born date);
    create table orders (id int primary key, customer_ssn text references customers (ssn));
    create domain short as text check (length(value) < 5);
    create table parts (k text) partition by list (k); create table parts_a partition of parts for values in ('a');
    insert into customers values (1, '${canary}', 'a@b.example', null), (2, 'none-yet', null, null);
    create function leak(how text) returns text language plpgsql as $$
    declare v text; begin select customers.ssn into v from customers where id = 1;
      case how
        when 'raise' then raise exception '%', v;
        when 'detail' then raise exception 'failed' using detail = v, hint = v, errcode = '23505', column = v, table = v, constraint = v, schema = v, datatype = v;
        when 'code' then raise exception 'duplicate key value violates unique constraint "%"', v using errcode = '23505', constraint = v;
        when 'state' then raise exception 'x' using errcode = replace(substr(v, 1, 6), '-', '');
        when 'notice' then raise notice '%', v; raise warning 'column "%" does not exist', v;
        when 'sql' then execute 'select ' || quote_ident(v);
        when 'table' then execute 'select * from ' || quote_ident(v);
        when 'syntax' then execute v;
        when 'long' then raise exception 'value too long for type character varying(%)', replace(v, '-', '');
        when 'assert' then assert false, v;
      end case; return null; end $$`)
  await bank.reload()
})
test.after.always(() => bank?.close())

/** Statement, SQLSTATE, and what the caller may read. */
const raised: readonly (readonly [sql: string, code: string, message: string])[] = [
  [`insert into customers values (3, '${canary}')`, '23505', 'duplicate key value violates unique constraint "customers_ssn_key"'],
  ['update customers set ssn = \'none\' where id = 1', '23514', 'new row for relation "customers" violates check constraint "customers_ssn_check"'],
  ['update customers set id = null', '23502', 'null value in column "id" of relation "customers" violates not-null constraint'],
  ['insert into orders select 1, ssn || \'x\' from customers where id = 1', '23503', 'insert or update on table "orders" violates foreign key constraint "orders_customer_ssn_fkey"'],
  ['select ssn::int from customers', '22P02', 'invalid text representation'],
  ['select ssn::date from customers where id = 1', '22008', 'datetime field overflow'],
  ['select ssn::json from customers where id = 2', '22P02', 'invalid text representation'],
  ['select ssn::json from customers where id = 1', '22P02', 'invalid text representation'],
  ['select (\'{"a":\' || ssn || \'}\')::jsonb from customers where id = 1', '22P02', 'invalid text representation'],
  ['select (\'<\' || ssn)::xml from customers', '2200N', 'invalid xml content'],
  ['select ssn::uuid from customers', '22P02', 'invalid text representation'],
  ['select ssn::numeric from customers', '22P02', 'invalid text representation'],
  ['select ssn::inet from customers', '22P02', 'invalid text representation'],
  ['select ssn::timestamp from customers where id = 1', '22008', 'datetime field overflow'],
  ['select to_number(ssn, ssn), to_date(ssn, \'YYYY-MM-DD\') from customers where id = 1', '22008', 'datetime field overflow'],
  ['select (ssn::short)::text from customers', '23514', 'value for domain short violates check constraint "short_check"'],
  ['select ssn::regclass from customers where id = 1', '42P01', 'relation "…" does not exist'],
  ['select (\'"\' || ssn || \'"\')::regclass from customers where id = 1', '42P01', 'relation "…" does not exist'],
  ['select (\'"\' || ssn || \'"\')::regtype from customers where id = 1', '42704', 'type "…" does not exist'],
  ['select (\'"\' || ssn || \'"\')::regrole from customers where id = 1', '42704', 'role "…" does not exist'],
  ['select nextval(\'"\' || ssn || \'"\') from customers where id = 1', '42P01', 'relation "…" does not exist'],
  ['select set_config(ssn, ssn, false) from customers where id = 1', '42704', 'unrecognized configuration parameter "…"'],
  ['select current_setting(\'a.\' || translate(ssn, \'-0123456789\', \'_abcdefghij\')) from customers where id = 1', '42704', 'unrecognized configuration parameter "…"'],
  ['insert into parts select ssn from customers', '23514', 'no partition of relation "parts" found for row'],
  ['select substring(email from ssn || \'(\') from customers where id = 1', '2201B', 'invalid regular expression'],
  ['select format(ssn || \'%z\') from customers', '22023', 'invalid parameter value'],
  ['select encode(ssn::bytea, ssn) from customers', '22023', 'invalid parameter value'],
  ['select decode(ssn, \'hex\') from customers', '22023', 'invalid parameter value'],
  ['select ssn::int[] from customers where id = 1', '22P02', 'invalid text representation'],
  ['select jsonb_build_object(\'a\', ssn)->>0, (ssn || \'..\')::int4range from customers', '22P02', 'invalid text representation'],
  ['select (array[1])[id], 1/(id-1) from customers', '22012', 'division by zero'],
  ['select leak(\'raise\')', 'P0001', 'raise exception'],
  ['select leak(\'detail\')', '23505', 'unique violation'],
  ['select leak(\'code\')', '23505', 'duplicate key value violates unique constraint "…"'],
  ['select leak(\'state\')', 'P0001', 'error'],
  ['select leak(\'sql\')', '42703', 'column "…" does not exist'],
  ['select leak(\'table\')', '42P01', 'relation "…" does not exist'],
  ['select leak(\'syntax\')', '42601', 'syntax error at or near "…"'],
  ['select leak(\'long\')', 'P0001', 'value too long for type character varying(…)'],
  ['select leak(\'assert\')', 'P0004', 'assert failure'],
  ['select nothing from customers', '42703', 'column "nothing" does not exist'],
  ['select * from nowhere', '42P01', 'relation "nowhere" does not exist'],
  ['select nofunction(ssn) from customers', '42883', 'function nofunction(text) does not exist'],
  ['selec 1', '42601', 'syntax error at or near "…"'],
  ['select id, count(*) from customers', '42803', 'column "customers.id" must appear in the GROUP BY clause or be used in an aggregate function'],
]

for (const [sql, code, message] of raised) {
  test.serial(`an error keeps its code and no value: ${sql}`, async (t) => {
    const frames = await bank.client.ask([encodeQuery(sql)])
    const { part, frames: masked } = maskFrames(frames, planOf(ssn), bank.snapshot)
    const error = masked.find(({ tag }) => tag === backendTag.error)
    if (error === undefined) return t.fail(`nothing raised: ${sql}`)
    const fields = parseDiagnostic(error.bytes)
    t.is(fields.get('C'), code)
    t.is(fields.get('M'), message)
    t.is(fields.get('S'), 'ERROR')
    t.deepEqual([...fields.keys()].filter((letter) => 'DHWqp'.includes(letter)), [])
    const text = Buffer.from(part.bytes).toString('latin1')
    for (const form of [canary, '123456789', '12345', '6789', 'abcdefg']) t.false(text.includes(form), form)
  })
}

test.serial('a notice is scrubbed like an error', async (t) => {
  const frames = await bank.client.ask([encodeQuery("select leak('notice')")])
  const { part, frames: masked } = maskFrames(frames, planOf(ssn), bank.snapshot)
  t.deepEqual(masked.filter(({ tag }) => tag === backendTag.notice).map(({ bytes }) => parseDiagnostic(bytes).get('M')), ['successful completion', 'column "…" does not exist'])
  t.false(Buffer.from(part.bytes).includes(canary))
})

test.serial('where no sensitive column can be reached an error keeps its words, and detectors read them', async (t) => {
  const frames = await bank.client.ask([encodeQuery("do $$ begin raise exception 'no stock' using detail = 'ssn 123-45-6789', hint = 'order more'; end $$")])
  const { frames: masked } = maskFrames(frames, planOf(net), bank.snapshot, { reachesSensitive: false })
  const fields = parseDiagnostic(masked[0]!.bytes)
  t.deepEqual([fields.get('M'), fields.get('D'), fields.get('H')], ['no stock', 'ssn [REDACTED:net]', 'order more'])
})

test('without masks an error passes as it is', (t) => {
  const message = encodeError(new Map([['S', 'ERROR'], ['C', '23505'], ['M', 'm'], ['D', canary]]))
  const masker = createResultMasker({ plan: planOf(), classOf: () => undefined, snapshot: undefined, unknownOrigin: 'deny', reachesSensitive: true })
  masker.diagnostic(message)
  t.deepEqual(Buffer.from(masker.take(summary).bytes), Buffer.from(message))
})

const masker = (reachesSensitive: boolean) => createResultMasker({ plan: planOf(ssn, net), classOf: () => undefined, snapshot: undefined, unknownOrigin: 'mask', reachesSensitive })

test('a setting that a statement can fill with data is hidden, one of few words is not', (t) => {
  const value = (name: string, given: string, reaches = true) => {
    const each = masker(reaches)
    each.parameterStatus(encodeParameterStatus(name, given))
    return parseParameterStatus(each.take(summary).bytes).value
  }
  t.is(value('application_name', canary), '[REDACTED:unknown_origin]')
  t.is(value('search_path', canary), '[REDACTED:unknown_origin]')
  t.is(value('scram_iterations', '123456789'), '[REDACTED:unknown_origin]')
  t.is(value('TimeZone', '<123-45-6789>5'), '[REDACTED:unknown_origin]')
  t.is(value('TimeZone', 'Europe/Zurich'), 'Europe/Zurich')
  t.is(value('client_encoding', 'UTF8'), 'UTF8')
  t.is(value('application_name', 'psql', false), 'psql')
  t.is(value('application_name', `x ssn ${canary}`, false), 'x ssn [REDACTED:net]')
})

test('a notification brings no payload out of a statement that reaches sensitive columns', (t) => {
  const payload = (given: string, reaches: boolean) => {
    const each = masker(reaches)
    each.notification(encodeNotification({ pid: 7, channel: 'jobs', payload: given }))
    return parseNotification(each.take(summary).bytes)
  }
  t.deepEqual(payload('job 4 done', true), { pid: 7, channel: 'jobs', payload: '[REDACTED:unknown_origin]' })
  t.deepEqual(payload('job 4 done', false), { pid: 7, channel: 'jobs', payload: 'job 4 done' })
  t.is(payload(`ssn ${canary}`, false).payload, 'ssn [REDACTED:net]')
  t.is(payload('', true).payload, '')
})

test('the result of a function call is refused unless nothing is masked', (t) => {
  const error = t.throws(() => masker(false).functionResult(Buffer.from('V')), { instanceOf: RefusalError })
  t.is(error?.refusal.code, 'mask.unenforceable')
  t.is(error?.message, 'The result of a function call cannot be masked')
})
