// What the server prints by names: views, default and generation expressions, policies, SQL bodies. Read again only where the text may be another.
// To print, the server locks what the text names (AccessShareLock), so what somebody else alters just then is left out: nobody waits for that.

/** Rows that were written since, but for those whose text stands; those that depend on what was changed, and those that could not be printed. undefined: all. */
export type Scope = {
  readonly from: number
  /** OIDs of relations, routines and types that were there before. */
  readonly touched: readonly number[]
  readonly missing: readonly number[]
  /** By `stamp`. While a transaction is open for long, what was written since it began is new to every reading; printed each time, it would be locked each time. */
  readonly settled: readonly string[]
} | undefined

export const oidOf = (table: string): string => `'pg_catalog.${table}'::pg_catalog.regclass`
export const is = (left: string, right: string): string => `${left} operator(pg_catalog.=) ${right}`
export const isAny = (left: string, oids: readonly number[]): string => `${left} operator(pg_catalog.=) any ('{${oids.join()}}'::pg_catalog.oid[])`

/** Written by this transaction or a later one; one that is long past (frozen, or by bootstrap) is of greater age. Counting is modulo 2³². */
export const isSince = (from: number, ...rows: readonly string[]): string => rows.map((row) => `pg_catalog.age(${row}.xmin) operator(pg_catalog.<=) (select pg_catalog.age('${from}'::pg_catalog.xid))`).join(' or ')

/** Held or asked for, which is the same to whoever comes behind. A prepared transaction has no process. */
export const lockedByOthers = `with locked as materialized (select array(select l.relation from pg_catalog.pg_locks l
  where ${is('l.locktype', "'relation'")} and ${is('l.mode', "'AccessExclusiveLock'")} and not coalesce(${is('l.pid', 'pg_catalog.pg_backend_pid()')}, false)
    and ${is('l.database', `(select d.oid from pg_catalog.pg_database d where ${is('d.datname', 'pg_catalog.current_database()')})`)}) as oids)`
const isLocked = (relation: string): string => `${relation} operator(pg_catalog.=) any ((select k.oids from locked k)::pg_catalog.oid[])`

/** Nothing that this row names is locked. @param own its own relation */
export const isOpen = (table: string, oid: string, own?: string): string =>
  `${own === undefined ? '' : `not ${isLocked(own)} and `}not exists (select from pg_catalog.pg_depend d where ${is('d.classid', oidOf(table))} and ${is('d.objid', oid)} and ${is('d.refclassid', oidOf('pg_class'))} and ${isLocked('d.refobjid')})`

/** One version of a row, whatever is written after it: its OID, and the transaction that wrote it. */
const stamp = (row: string): string => `pg_catalog.concat(${row}.oid, ' ', ${row}.xmin)`

export const printed = (isPrinted: boolean, text: string, isOpen: string): string => isPrinted ? `case when ${isOpen} then ${text} end` : 'null'

/** @param own columns that hold the OID of what it belongs to, or is */
export const within = (scope: Scope, table: string, row: string, own: readonly string[]): string => scope === undefined ? '' : ` and (${[
  scope.settled.length === 0 ? isSince(scope.from, row) : `${isSince(scope.from, row)} and ${stamp(row)} operator(pg_catalog.<>) all ('{${scope.settled.map((each) => `"${each}"`).join()}}'::pg_catalog.text[])`,
  ...own.map((oid) => isAny(oid, [...scope.touched, ...scope.missing])),
  ...scope.touched.length === 0 ? [] : [`${row}.oid operator(pg_catalog.=) any (array(select t.objid from pg_catalog.pg_depend t where ${is('t.classid', oidOf(table))}
    and t.refclassid operator(pg_catalog.=) any (array[${['pg_class', 'pg_proc', 'pg_type'].map((each) => `${oidOf(each)}::pg_catalog.oid`).join()}]) and ${isAny('t.refobjid', scope.touched)}))`],
].join(' or ')})`

export const definitions = (scope: Scope, isPrinted: boolean): string => `
${lockedByOthers}
select c.oid::pg_catalog.text, ${printed(isPrinted, 'pg_catalog.pg_get_viewdef(c.oid)', isOpen('pg_rewrite', 'r.oid', 'c.oid'))}, ${stamp('r')}
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace join pg_catalog.pg_rewrite r on ${is('r.ev_class', 'c.oid')} and ${is('r.rulename', "'_RETURN'")}
where c.relkind operator(pg_catalog.=) any ('{v,m}'::pg_catalog."char"[]) and n.nspname operator(pg_catalog.<>) all ('{pg_catalog,information_schema}'::pg_catalog.name[])${within(scope, 'pg_rewrite', 'r', ['c.oid'])}`
export const oneDefinition = (oid: number): string => `select pg_catalog.pg_get_viewdef(${oid}::pg_catalog.oid)`

/** Defaults and generation expressions of user tables. */
export const expressions = (scope: Scope, isPrinted: boolean): string => `
${lockedByOthers}
select x.adrelid::pg_catalog.text, x.adnum::pg_catalog.text, a.attgenerated::pg_catalog.text, ${printed(isPrinted, 'pg_catalog.pg_get_expr(x.adbin, x.adrelid)', isOpen('pg_attrdef', 'x.oid', 'x.adrelid'))}, ${stamp('x')}
from pg_catalog.pg_attrdef x join pg_catalog.pg_attribute a on a.attrelid operator(pg_catalog.=) x.adrelid and a.attnum operator(pg_catalog.=) x.adnum where true${within(scope, 'pg_attrdef', 'x', ['x.adrelid'])}`
/** One text: what has gone is what is not in it. */
export const expressionKeys = `select pg_catalog.json_agg(pg_catalog.concat_ws(' ', adrelid::pg_catalog.text, adnum::pg_catalog.text))::pg_catalog.text from pg_catalog.pg_attrdef`

/** Expressions of row security policies, by relation. */
export const policies = (isPrinted: boolean): string => `
${lockedByOthers}
select p.polrelid::pg_catalog.text, ${printed(isPrinted, "pg_catalog.concat_ws(' ', pg_catalog.pg_get_expr(p.polqual, p.polrelid), pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))", isOpen('pg_policy', 'p.oid', 'p.polrelid'))}
from pg_catalog.pg_policy p order by p.oid`
