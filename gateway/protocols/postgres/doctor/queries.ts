// What the doctor asks a database: who the gateway is there, and what that role may do by itself, whatever policy says of callers.
// Everything is qualified, as in ../sql/catalogue-queries.ts; an ordinary user of PostgreSQL 13 to 18 may ask all of it.

export const about = `
select session_user::pg_catalog.text, pg_catalog.current_database()::pg_catalog.text, pg_catalog.current_setting('server_version'), pg_catalog.current_setting('server_version_num'),
  (select s.ssl::pg_catalog.text from pg_catalog.pg_stat_ssl s where s.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()), pg_catalog.current_setting('password_encryption'),
  (pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) operator(pg_catalog.*) 1000)::pg_catalog.int8::pg_catalog.text,
  pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')::pg_catalog.text, pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')::pg_catalog.text`

/** The role itself and every one that it is a member of; of a superuser, all there are. */
export const roles = `
select r.rolname::pg_catalog.text, r.rolsuper::pg_catalog.text, r.rolbypassrls::pg_catalog.text, r.rolcreaterole::pg_catalog.text, r.rolcreatedb::pg_catalog.text, r.rolreplication::pg_catalog.text
from pg_catalog.pg_roles r where pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')`

const userSchema = `n.nspname operator(pg_catalog.<>) all ('{pg_catalog,information_schema,pg_toast}'::pg_catalog.name[]) and not pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_temp_') and not pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_toast_temp_')`

export const schemas = `
select n.nspname::pg_catalog.text, pg_catalog.has_schema_privilege(n.oid, 'USAGE')::pg_catalog.text, pg_catalog.has_schema_privilege(n.oid, 'CREATE')::pg_catalog.text
from pg_catalog.pg_namespace n where ${userSchema}`

/** Column numbers that may be selected come as one JSON text. */
export const privileges = `
select c.oid::pg_catalog.text, pg_catalog.pg_has_role(session_user, c.relowner, 'MEMBER')::pg_catalog.text,
  case when c.relkind operator(pg_catalog.=) 'S' then 'false' else pg_catalog.has_table_privilege(c.oid, 'INSERT')::pg_catalog.text end,
  case when c.relkind operator(pg_catalog.=) 'S' then 'false' else pg_catalog.has_table_privilege(c.oid, 'UPDATE')::pg_catalog.text end,
  case when c.relkind operator(pg_catalog.=) 'S' then 'false' else pg_catalog.has_table_privilege(c.oid, 'DELETE')::pg_catalog.text end,
  case when c.relkind operator(pg_catalog.=) 'S' then pg_catalog.has_sequence_privilege(c.oid, 'USAGE')::pg_catalog.text else 'false' end,
  (select pg_catalog.json_agg(a.attnum)::pg_catalog.text from pg_catalog.pg_attribute a
     where a.attrelid operator(pg_catalog.=) c.oid and a.attnum operator(pg_catalog.>) 0 and not a.attisdropped and pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT'))
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
where c.relkind operator(pg_catalog.=) any ('{r,p,v,m,f,S}'::pg_catalog."char"[]) and ${userSchema}`

/** Which relations a view reads; 0 stands for routines that somebody made. */
export const reads = `
select distinct r.ev_class::pg_catalog.text, case when d.refclassid operator(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass then d.refobjid::pg_catalog.text else '0' end
from pg_catalog.pg_depend d join pg_catalog.pg_rewrite r on r.oid operator(pg_catalog.=) d.objid
where d.classid operator(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.refobjid operator(pg_catalog.<>) r.ev_class
  and d.refclassid operator(pg_catalog.=) any (array['pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass]::pg_catalog.oid[])`

/** Routines that read with their owner's rights, whoever calls them. */
export const definers = `
select n.nspname::pg_catalog.text, p.proname::pg_catalog.text, pg_catalog.pg_get_userbyid(p.proowner)::pg_catalog.text
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
where p.prosecdef and ${userSchema} and pg_catalog.has_function_privilege(p.oid, 'EXECUTE') and not pg_catalog.pg_has_role(session_user, p.proowner, 'MEMBER')`
