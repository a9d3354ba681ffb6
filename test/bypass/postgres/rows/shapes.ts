// The shape of what comes back: rows longer than a read, values across two, nothing beside them, a single one deep in a run of harmless rows.
import { leak } from '../row.ts'
import type { Message } from '../row.ts'

const ask = (sql: string): Message[] => [['P', '', sql], ['B', '', '', [], [0]], ['D', 'P', ''], ['E', '', 0], ['S']]

export const shapes = [
  leak('a row is longer than a read, the value at its end', ["select repeat('x', 200000), ssn from customers"]),
  leak('a row is longer than a read, the value at its beginning', ["select ssn, repeat('x', 200000) from customers"]),
  leak('values lie across the ends of reads', ["select repeat('x', 8100 + n), ssn, pin, repeat('y', n) from customers, generate_series(1, 24) n"]),
  leak('values lie across the ends of reads, in the binary format', [{ sql: "select repeat('x', 8100 + n), ssn, pin, repeat('y', n) from customers, generate_series(1, 24) n", isBinary: true }]),
  leak('NULL and nothing stand around the value', ["select null, '', ssn, null::int, ''::bytea, null from customers"]),
  leak('NULL and nothing stand around the value, in the binary format', [{ sql: "select null, '', ssn, null::int, ''::bytea, null from customers", isBinary: true }]),
  leak('one row among thousands holds it', ["select case when n = 1900 then ssn else 'row ' || n end from customers, generate_series(1, 2000) n"]),
  leak('thousands of rows hold it', ['select n, ssn from customers, generate_series(1, 1500) n']),
  leak('hundreds of columns hold it', [`select ${Array.from({ length: 300 }, (_, at) => `ssn as c${at}`).join(', ')} from customers`]),
  leak('rows without a column come before it in one text', ['select from customers; select ssn from customers; select from customers']),
  leak('results of other shapes come before and behind it in one read', [{ pipeline: [...ask('select id, item from orders'), ...ask('select ssn from customers'), ...ask('select item, id, customer_id from orders')] }]),
  leak('portions end in the middle of a read', [{ sql: 'select n, ssn from customers, generate_series(1, 40) n', maxRows: 7 }]),
  leak('an array with NULL and nothing in it', ["select array[null, '', ssn, null] from customers", { sql: "select array[null, '', ssn, null] from customers", isBinary: true }]),
  leak('an array of arrays', ["select array[[ssn, ''], ['', null]] from customers", { sql: "select array[[ssn, ''], ['', null]] from customers", isBinary: true }]),
  leak('an array that begins elsewhere than at one', ["select ('[0:1]={' || ssn || ',x}')::text[] from customers"]),
  leak('COPY where escapes stand before the value', [String.raw`copy (select E'\\N', E'\\x41', E'a\tb\nc\\', ssn from customers) to stdout`]),
  leak('COPY where the value stands between NULL and nothing', ["copy (select null, '', ssn, '', null from customers) to stdout", "copy (select null, '', ssn, '', null from customers) to stdout (format csv)"]),
  leak('COPY of lines longer than a read', ["copy (select repeat('x', 200000), ssn from customers) to stdout"]),
  leak('COPY where lines lie across the ends of reads', ["copy (select repeat(E'\\\\', 4050 + n), ssn, E'\\t' from customers, generate_series(1, 24) n) to stdout"]),
  leak('COPY of thousands of lines', ['copy (select n, ssn from customers, generate_series(1, 1500) n) to stdout']),
]
