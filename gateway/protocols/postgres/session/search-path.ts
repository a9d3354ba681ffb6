// Along which schemas a session's names resolve now, asked so that asking makes no temporary schema: where `search_path` begins with one that is not
// there yet, `current_schemas` makes it (fetch_search_path in PostgreSQL's namespace.c), outside the transaction that was to.
import type { Ask } from '../sql/catalogue.ts'

/** `settings`: by which the server reads texts. It says by itself that they have changed, but not before the next ReadyForQuery. `values`: by which it reads and writes dates, numbers and bytes. */
export interface Along { readonly path: readonly string[]; readonly role: string; readonly sessionRole: string; readonly values: string; readonly settings: ReadonlyMap<string, string> }

const readBy = ['standard_conforming_strings', 'client_encoding']
const valuesBy = ['DateStyle', 'IntervalStyle', 'TimeZone', 'bytea_output', 'extra_float_digits', 'xmloption']
const setting = (name: string): string => `pg_catalog.current_setting('${name}')`

/** Operators are named whole, since the session's own path decides which `=` it would be. */
const question = `SELECT CASE WHEN pg_catalog.pg_my_temp_schema() OPERATOR(pg_catalog.<>) 0::pg_catalog.oid OR pg_catalog.strpos(pg_catalog.lower(pg_catalog.current_setting('search_path')), 'pg_temp') OPERATOR(pg_catalog.=) 0
  THEN pg_catalog.array_to_json(pg_catalog.current_schemas(true))::pg_catalog.text END, current_user::pg_catalog.text, session_user::pg_catalog.text, pg_catalog.concat_ws(';', ${valuesBy.map(setting).join(', ')}), ${readBy.map(setting).join(', ')}`

/** The setting's own words, as `SplitIdentifierString` reads them: quoted as they are, others in lower case; a schema that is not there, or may not be looked into, is passed over. */
const words = `
SELECT pg_catalog.json_agg(x.nspname ORDER BY x.place)::pg_catalog.text FROM (
  SELECT n.nspname, pg_catalog.min(w.place) AS place FROM (
    SELECT CASE WHEN m.part[2] IS NULL THEN pg_catalog.replace(m.part[1], '""', '"') ELSE pg_catalog.lower(m.part[2] COLLATE pg_catalog."C") END AS word, m.place
    FROM pg_catalog.regexp_matches(pg_catalog.current_setting('search_path'), '"((?:[^"]|"")*)"|([^", \\t\\n\\r\\f][^, \\t\\n\\r\\f]*)', 'g') WITH ORDINALITY AS m(part, place)
  ) w JOIN pg_catalog.pg_namespace n ON n.nspname OPERATOR(pg_catalog.=) CASE WHEN w.word OPERATOR(pg_catalog.=) '$user' THEN current_user ELSE w.word::pg_catalog.name END
  WHERE pg_catalog.has_schema_privilege(n.oid, 'USAGE') GROUP BY n.nspname
) x`

/** @throws what `ask` throws */
export async function alongWhich(ask: Ask): Promise<Along> {
  const [row] = await ask(question)
  const [path, role, sessionRole, values, ...read] = row ?? []
  return { path: typeof path === 'string' ? JSON.parse(path) as string[] : row === undefined ? [] : await pathOfWords(ask), role: role ?? '', sessionRole: sessionRole ?? '', values: values ?? '', settings: new Map(readBy.map((name, i) => [name, read[i] ?? ''])) }
}

/** pg_catalog is looked in first where it is not named (manual, `search_path`). */
async function pathOfWords(ask: Ask): Promise<readonly string[]> {
  const [row] = await ask(words)
  const named = JSON.parse(row?.[0] ?? '[]') as string[]
  return named.includes('pg_catalog') ? named : ['pg_catalog', ...named]
}
