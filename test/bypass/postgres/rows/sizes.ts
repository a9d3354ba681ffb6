// How much was made of a value: a masked cell shows nothing of it, but what is too long, over a limit, or did not fit into memory may.
import { leak } from '../row.ts'
import type { Canary } from '../row.ts'

const first = ({ ssn }: Canary) => ssn[0] ?? 'A'
/** Of the right letter little, of a wrong one so many bytes. */
const made = (letter: string, bytes: number) => `coalesce(nullif(left(ssn, 1), '${letter}'), repeat('x', ${bytes}))`
const tells = (name: string, sql: (letter: string) => string) => leak(name, (canary) => [{ oracle: [sql(first(canary)), sql('#')] }])
const spills = (canary: Canary) => `with x as materialized (select ${made(first(canary), 20_000_000)} v from customers where id = 1) select count(*) from x a, x b`
const seen = { also: () => ['20000'] }
const plan = 'analyze, serialize text, costs off, timing off, summary off, buffers off'

export const sizes = [
  tells('a row may be too long to be held', (letter) => `select ${made(letter, 17_000_000)} from customers where id = 1`),
  tells('a line of COPY may be too long to be held', (letter) => `copy (select ${made(letter, 17_000_000)} from customers where id = 1 limit 1) to stdout`),
  tells('a line of CSV may be too long to be held', (letter) => `copy (select ${made(letter, 17_000_000)}, name from customers where id = 1 limit 1) to stdout (format csv, force_quote *)`),
  leak('what did not fit into memory is counted', (canary) => [spills(canary), { waitMs: 1_500 }, 'select 1', 'select temp_bytes from pg_stat_database where datname = current_database()'], seen),
  leak('what did not fit into memory is counted, and searched', (canary) => [spills(canary), { waitMs: 1_500 }, 'select 1', { oracle: ['select count(*) from pg_stat_database where datname = current_database() and temp_bytes > 20000000', 'select count(*) from pg_stat_database where datname = current_database() and temp_bytes > 90000000000'] }]),
  leak('what did not fit into memory is counted, by the function', (canary) => [spills(canary), { waitMs: 1_500 }, 'select 1', 'select pg_stat_get_db_temp_bytes(oid) from pg_database where datname = current_database()'], seen),
  leak('a plan that was run tells how long a column is', [{ oracle: [1, 2].map((id) => `explain (${plan}) select ${Array.from({ length: 1_000 }, () => 'ssn').join()} from customers where id = ${id}`) as [string, string] }]),
]
