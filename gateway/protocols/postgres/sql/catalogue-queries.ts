// The statements that read the live catalogue. Everything is qualified, operators too: a session's own search_path must not decide what is read.
// They run as an ordinary user on PostgreSQL 13 to 18; system-catalogues chapter of the manual. What is printed by names: catalogue-printed.ts.
import { named } from './catalogue-named.ts'
import { is, isAny as isListed, isOpen, isSince, lockedByOthers, oidOf, printed, within, type Scope } from './catalogue-printed.ts'

/** Which rows of a reading in part: all, those that may have changed, or these OIDs. */
export type From = number | readonly number[] | undefined

const namedRelations = `from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
where c.relkind operator(pg_catalog.=) any ('{r,p,v,m,f,S,c}'::pg_catalog."char"[]) and n.nspname operator(pg_catalog.<>) 'pg_toast'`

/** Relations that have columns a statement can name. Columns come as one JSON text a relation: 10,000 tables stay 10,000 rows. A collation is told where it is not the default (100), below nought where texts that differ may be equal by it. @param from only what may have changed since */
export const relations = (from?: From): string => `
select c.oid::pg_catalog.text, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, c.relkind::pg_catalog.text, c.reltype::pg_catalog.text, c.relpersistence::pg_catalog.text,
  (select pg_catalog.json_agg(case when a.attcollation operator(pg_catalog.=) any ('{0,100}'::pg_catalog.oid[]) then pg_catalog.json_build_array(a.attnum, a.attname, a.atttypid::pg_catalog.int8, a.attnotnull::pg_catalog.int4)
      else pg_catalog.json_build_array(a.attnum, a.attname, a.atttypid::pg_catalog.int8, a.attnotnull::pg_catalog.int4, case when (select k.collisdeterministic from pg_catalog.pg_collation k where k.oid operator(pg_catalog.=) a.attcollation) then a.attcollation::pg_catalog.int8 else operator(pg_catalog.-) a.attcollation::pg_catalog.int8 end) end order by a.attnum)::pg_catalog.text
     from pg_catalog.pg_attribute a where a.attrelid operator(pg_catalog.=) c.oid and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped)
${namedRelations}${from === undefined ? '' : typeof from !== 'number' ? ` and ${isListed('c.oid', from)}`
  : ` and (${isSince(from, 'c', 'n')} or c.oid operator(pg_catalog.=) any (array(select a.attrelid from pg_catalog.pg_attribute a where ${isSince(from, 'a')})))`}`

export const inheritance = `select inhrelid::pg_catalog.text, inhparent::pg_catalog.text from pg_catalog.pg_inherits order by inhrelid, inhseqno`

/** Those somebody made, with their routines; and the server's own behind foreign keys, with the referencing table, what they answer, what they do there, and by which columns. The OIDs of RI_FKey_cascade_del and the like are pinned (pg_proc.dat). */
export const triggers = `
select distinct tgrelid::pg_catalog.text, tgfoid::pg_catalog.text, null::pg_catalog.text, null::pg_catalog.text, null::pg_catalog.text, null::pg_catalog.text, null::pg_catalog.text from pg_catalog.pg_trigger where not tgisinternal and tgenabled operator(pg_catalog.<>) 'D'
union all
select distinct tgrelid::pg_catalog.text, null, tgconstrrelid::pg_catalog.text, a.event, a.act, pg_catalog.array_to_json(k.confkey)::pg_catalog.text, pg_catalog.array_to_json(k.conkey)::pg_catalog.text from pg_catalog.pg_trigger
  join pg_catalog.pg_constraint k on k.oid operator(pg_catalog.=) tgconstraint
  join (values ('1646'::pg_catalog.oid, 'delete', 'delete'), ('1647', 'update', 'update'), ('1650', 'delete', 'update'), ('1651', 'update', 'update'), ('1652', 'delete', 'update'), ('1653', 'update', 'update')) a (routine, event, act)
  on a.routine operator(pg_catalog.=) tgfoid where tgisinternal`

/** Rules other than the one that makes a view a view. */
export const rules = `select distinct ev_class::pg_catalog.text from pg_catalog.pg_rewrite where not (ev_type operator(pg_catalog.=) '1' and is_instead)`

const outColumns = `case when p.proargmodes is null then null else pg_catalog.json_build_array(pg_catalog.to_json(p.proargmodes), pg_catalog.to_json(p.proargnames), pg_catalog.to_json(p.proallargtypes::pg_catalog.int8[]))::pg_catalog.text end`

/** pg_catalog's own routines, without bodies. */
export const systemRoutines = (from?: From): string => `
select p.oid::pg_catalog.text, n.nspname::pg_catalog.text, p.proname::pg_catalog.text, p.prokind::pg_catalog.text, l.lanname::pg_catalog.text, p.provolatile::pg_catalog.text,
  p.prosecdef::pg_catalog.text, p.proretset::pg_catalog.text, p.prorettype::pg_catalog.text, p.pronargs::pg_catalog.text, p.pronargdefaults::pg_catalog.text, p.provariadic::pg_catalog.text, ${outColumns}
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace join pg_catalog.pg_language l on l.oid operator(pg_catalog.=) p.prolang
where n.nspname operator(pg_catalog.=) 'pg_catalog'${from === undefined ? '' : ` and (${typeof from === 'number' ? isSince(from, 'p', 'n', 'l') : isListed('p.oid', from)})`}`

/** Everybody else's, with bodies where they can be followed. `hasSqlBody`: PostgreSQL 14 and later. */
export const userRoutines = (hasSqlBody: boolean, scope: Scope, isPrinted = true): string => `
${lockedByOthers}
select p.oid::pg_catalog.text, n.nspname::pg_catalog.text, p.proname::pg_catalog.text, p.prokind::pg_catalog.text, l.lanname::pg_catalog.text, p.provolatile::pg_catalog.text,
  p.prosecdef::pg_catalog.text, p.proretset::pg_catalog.text, p.prorettype::pg_catalog.text, p.pronargs::pg_catalog.text, p.pronargdefaults::pg_catalog.text, p.provariadic::pg_catalog.text, ${outColumns},
  pg_catalog.to_json(p.proargnames)::pg_catalog.text,
  case when l.lanname operator(pg_catalog.=) any ('{sql,plpgsql}'::pg_catalog.name[]) then ${hasSqlBody ? `case when p.prosqlbody is null then p.prosrc else ${printed(isPrinted, 'pg_catalog.pg_get_function_sqlbody(p.oid)', isOpen('pg_proc', 'p.oid'))} end` : 'p.prosrc'} end,
  ${hasSqlBody ? '(p.prosqlbody is not null)::pg_catalog.text' : "'false'"},
  (select s.setting from pg_catalog.unnest(p.proconfig) as s(setting) where pg_catalog.starts_with(s.setting, 'search_path=')),
  case when p.pronargdefaults operator(pg_catalog.>) 0 then pg_catalog.pg_get_expr(p.proargdefaults, 0) end, p.proargtypes::pg_catalog.text
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace join pg_catalog.pg_language l on l.oid operator(pg_catalog.=) p.prolang
where n.nspname operator(pg_catalog.<>) 'pg_catalog'${within(scope, 'pg_proc', 'p', ['p.oid'])}`

/** Array and row types of relations are implied by their element and relation; the rest is small. */
export const types = (from?: From): string => `
select t.oid::pg_catalog.text, n.nspname::pg_catalog.text, t.typname::pg_catalog.text, t.typtype::pg_catalog.text, t.typcategory::pg_catalog.text, t.typbasetype::pg_catalog.text, t.typelem::pg_catalog.text, t.typrelid::pg_catalog.text
from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) t.typnamespace${from === undefined ? '' : ` where ${typeof from === 'number' ? isSince(from, 't', 'n') : isListed('t.oid', from)}`}`

/** Version, path, which start of which server with which database, and the oldest transaction that had not ended. */
const aboutColumns = `pg_catalog.current_setting('server_version_num'), pg_catalog.to_json(pg_catalog.current_schemas(true))::pg_catalog.text,
  pg_catalog.concat_ws(' ', (select d.oid from pg_catalog.pg_database d where d.datname operator(pg_catalog.=) pg_catalog.current_database()),
    pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.pg_postmaster_start_time()), 'YYYYMMDDHH24MISSUS')),
  pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.text`
export const about = `select ${aboutColumns}, ${named()}`

/** Of what is read in part: what has gone leaves no row that was written. */
const counted = ['relations', 'routines', 'types'] as const
const watched = ['pg_inherits', 'pg_attrdef', 'pg_trigger', 'pg_rewrite', 'pg_policy', 'pg_operator', 'pg_cast', 'pg_depend'] as const
export type Watched = typeof watched[number]
const sinceIn = (from: number, table: string, oid: string): string => `select x.${oid} as oid from pg_catalog.${table} x where ${isSince(from, 'x')}`
const countedSince = (from: number, table: string): string =>
  `(select pg_catalog.concat(pg_catalog.count(*), ' ', pg_catalog.json_agg(x.oid::pg_catalog.int8) filter (where ${isSince(from, 'x')})) from pg_catalog.${table} x)`
/** Of what depends on what, the rows that `reached` reads. */
const watchedRows = (table: Watched): string => table !== 'pg_depend' ? '' : ` where x.refclassid operator(pg_catalog.=) any (array[${oidOf('pg_proc')}::pg_catalog.oid, ${oidOf('pg_operator')}::pg_catalog.oid]) or ${is('x.classid', oidOf('pg_policy'))}`

/** The columns of `about`; then what has been written since, without reading it: OIDs of relations, and how many there are; of routines and types how many, and OIDs; and of each small catalogue how many rows, and whether one is new. */
export const changes = (from: number): string => `
select ${aboutColumns}, ${named(from)},
  (select pg_catalog.json_agg(distinct s.oid::pg_catalog.int8)::pg_catalog.text from (${sinceIn(from, 'pg_class', 'oid')} union all ${sinceIn(from, 'pg_attribute', 'attrelid')}) s),
  (select pg_catalog.count(*) ${namedRelations})::pg_catalog.text, ${countedSince(from, 'pg_proc')}, ${countedSince(from, 'pg_type')},
  ${watched.map((table) => `(select pg_catalog.concat(pg_catalog.count(*), ' ', coalesce(pg_catalog.bool_or(${isSince(from, 'x')}), false)) from pg_catalog.${table} x${watchedRows(table)})`).join(',\n  ')}`
/** The columns of `changes` behind those of `about` and the next four. */
export const watchedColumns = watched

/** Each as one text: what has gone is what is not in it. */
export const oids = {
  relations: `select pg_catalog.json_agg(c.oid::pg_catalog.int8)::pg_catalog.text ${namedRelations}`,
  routines: 'select pg_catalog.json_agg(oid::pg_catalog.int8)::pg_catalog.text from pg_catalog.pg_proc', types: 'select pg_catalog.json_agg(oid::pg_catalog.int8)::pg_catalog.text from pg_catalog.pg_type',
} as const satisfies Record<typeof counted[number], string>

export const operators = `
select o.oprname::pg_catalog.text, o.oprcode::pg_catalog.oid::pg_catalog.text
from pg_catalog.pg_operator o join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) o.oprcode join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
where n.nspname operator(pg_catalog.<>) 'pg_catalog'`

export const casts = `
select c.casttarget::pg_catalog.text, c.castfunc::pg_catalog.text
from pg_catalog.pg_cast c join pg_catalog.pg_proc p on p.oid operator(pg_catalog.=) c.castfunc join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
where n.nspname operator(pg_catalog.<>) 'pg_catalog'`

const implicit = `c.castcontext operator(pg_catalog.=) 'i'`
export const implicitCasts = `${casts.replace('c.casttarget::pg_catalog.text, ', '')} and ${implicit}`

/** Routines that somebody put behind a relation, a type or an aggregate, as the server itself keeps them for DROP: whose, when they run, which. PostgreSQL's own are not listed there. And the relations that policies read. */
export const reached = `
with used as (
  select d.classid, d.objid, d.refobjid as routine from pg_catalog.pg_depend d where ${is('d.refclassid', oidOf('pg_proc'))}
  union all
  select d.classid, d.objid, o.oprcode::pg_catalog.oid from pg_catalog.pg_depend d join pg_catalog.pg_operator o on ${is('o.oid', 'd.refobjid')} where ${is('d.refclassid', oidOf('pg_operator'))}
)
select distinct x.moment, x.owner::pg_catalog.text, x.routine::pg_catalog.text from (
  select 'read', p.polrelid, u.routine from used u join pg_catalog.pg_policy p on ${is('p.oid', 'u.objid')} where ${is('u.classid', oidOf('pg_policy'))}
  union all select case when ${is('r.ev_type', "'1'")} then 'read' else 'write' end, r.ev_class, u.routine from used u join pg_catalog.pg_rewrite r on ${is('r.oid', 'u.objid')} where ${is('u.classid', oidOf('pg_rewrite'))}
  union all select 'write', a.adrelid, u.routine from used u join pg_catalog.pg_attrdef a on ${is('a.oid', 'u.objid')} where ${is('u.classid', oidOf('pg_attrdef'))}
  union all select case when ${is('c.conrelid', '0::pg_catalog.oid')} then 'type' else 'write' end, case when ${is('c.conrelid', '0::pg_catalog.oid')} then c.contypid else c.conrelid end, u.routine
    from used u join pg_catalog.pg_constraint c on ${is('c.oid', 'u.objid')} where ${is('u.classid', oidOf('pg_constraint'))}
  union all select 'write', i.indrelid, u.routine from used u join pg_catalog.pg_index i on ${is('i.indexrelid', 'u.objid')} where ${is('u.classid', oidOf('pg_class'))}
  union all select 'type', u.objid, u.routine from used u where ${is('u.classid', oidOf('pg_type'))}
  union all select 'part', p.oid, u.routine from used u join pg_catalog.pg_proc p on ${is('p.oid', 'u.objid')} where ${is('u.classid', oidOf('pg_proc'))} and ${is('p.prokind', "'a'")}
  union all select 'relation', p.polrelid, d.refobjid from pg_catalog.pg_depend d join pg_catalog.pg_policy p on ${is('p.oid', 'd.objid')}
    where ${is('d.classid', oidOf('pg_policy'))} and ${is('d.refclassid', oidOf('pg_class'))} and d.refobjid operator(pg_catalog.<>) p.polrelid
) x (moment, owner, routine) order by 1, 2, 3`
