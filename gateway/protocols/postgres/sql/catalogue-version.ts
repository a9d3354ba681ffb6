// One question whose answer changes with whatever anybody changes in the catalogue: each row of it carries the transaction that wrote it.
// It prints no definition, so it costs a small part of a reading. Everything is named whole, as in catalogue-queries.ts.

/** Their rows decide what names mean, what statements reach, and who may look a schema up; with the column that says whose relation a row is about. */
const watched: readonly (readonly [string, string?])[] = [
  ['pg_attribute', 'attrelid'], ['pg_attrdef', 'adrelid'], ['pg_index', 'indrelid'], ['pg_constraint', 'conrelid'], ['pg_inherits', 'inhrelid'],
  ['pg_proc'], ['pg_aggregate'], ['pg_rewrite'], ['pg_trigger'], ['pg_policy'], ['pg_range'], ['pg_operator'], ['pg_cast'], ['pg_language'], ['pg_auth_members'],
]

const isPermanent = (schema: string): string => `not pg_catalog.starts_with(${schema}::pg_catalog.text, 'pg_temp_') and not pg_catalog.starts_with(${schema}::pg_catalog.text, 'pg_toast_temp_')`

/** Temporary tables come and go, and nobody but their owner, whose own DDL is seen, reaches them. */
const sources: readonly string[] = [
  `pg_catalog.pg_class c where c.relpersistence operator(pg_catalog.<>) 't'`,
  `pg_catalog.pg_namespace c where ${isPermanent('c.nspname')}`,
  `pg_catalog.pg_type c where c.typnamespace operator(pg_catalog.=) any (array(select n.oid from pg_catalog.pg_namespace n where ${isPermanent('n.nspname')}))`,
  ...watched.map(([table, owner]) => `pg_catalog.${table} c${owner === undefined ? '' : ` where c.${owner} operator(pg_catalog.<>) all (array(select t.oid from pg_catalog.pg_class t where t.relpersistence operator(pg_catalog.=) 't'))`}`),
]

/** How many rows, and a sum of hashes of who wrote them, whatever their order: an update leaves the number and changes the sum. */
export const version = `select pg_catalog.concat_ws(' ', ${sources.map((source) =>
  `(select pg_catalog.concat(pg_catalog.count(*), ':', pg_catalog.sum(pg_catalog.hashtext(c.xmin::pg_catalog.text)::pg_catalog.int8)) from ${source})`).join(',\n  ')})`
