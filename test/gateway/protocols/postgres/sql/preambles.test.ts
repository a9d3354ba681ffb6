// What stock clients send by themselves reads the system catalogue and sets its own session; nothing else.
import test from 'ava'
import { createAnalyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import { createParser } from '../../../../../gateway/protocols/postgres/sql/parser.ts'
import { naming } from './town.ts'
import { untraced } from './untraced.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, untraced)

const catalogue: Readonly<Record<string, string>> = {
  'psql \\d, which relation': `SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(customers)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3;`,
  'psql \\d, columns': `SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid, true) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef), a.attnotnull, (SELECT c.collname FROM pg_catalog.pg_collation c, pg_catalog.pg_type t WHERE c.oid = a.attcollation AND t.oid = a.atttypid AND a.attcollation <> t.typcollation) AS attcollation, a.attidentity, a.attgenerated FROM pg_catalog.pg_attribute a WHERE a.attrelid = '16385' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum;`,
  'psql \\d, indexes': `SELECT c2.relname, i.indisprimary, pg_catalog.pg_get_indexdef(i.indexrelid, 0, true), pg_catalog.pg_get_constraintdef(con.oid, true), c2.reltablespace FROM pg_catalog.pg_class c, pg_catalog.pg_class c2, pg_catalog.pg_index i LEFT JOIN pg_catalog.pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x')) WHERE c.oid = '16385' AND c.oid = i.indrelid AND i.indexrelid = c2.oid ORDER BY i.indisprimary DESC, c2.relname;`,
  'psql \\l': `SELECT d.datname AS "Name", pg_catalog.pg_get_userbyid(d.datdba) AS "Owner", pg_catalog.pg_encoding_to_char(d.encoding) AS "Encoding", CASE WHEN pg_catalog.array_upper(d.datacl, 1) = 0 THEN '(none)' ELSE pg_catalog.array_to_string(d.datacl, E'\\n') END AS "Access privileges" FROM pg_catalog.pg_database d ORDER BY 1;`,
  'psql \\du': `SELECT r.rolname, r.rolsuper, ARRAY(SELECT b.rolname FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles b ON (m.roleid = b.oid) WHERE m.member = r.oid) AS memberof FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1;`,
  'psql \\df': `SELECT n.nspname AS "Schema", p.proname AS "Name", pg_catalog.pg_get_function_result(p.oid), pg_catalog.pg_get_function_arguments(p.oid), CASE p.prokind WHEN 'a' THEN 'agg' ELSE 'func' END FROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE pg_catalog.pg_function_is_visible(p.oid) AND n.nspname <> 'pg_catalog' ORDER BY 1, 2, 4;`,
  'psql completion': `SELECT pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class c WHERE c.relkind IN ('r','v') AND pg_catalog.substring(pg_catalog.quote_ident(c.relname), 1) = 'c' AND pg_catalog.pg_table_is_visible(c.oid) UNION ALL SELECT pg_catalog.quote_ident(n.nspname) || '.' FROM pg_catalog.pg_namespace n LIMIT 1000`,
  'JDBC type info': `SELECT typinput='pg_catalog.array_in'::regproc as is_array, typtype, typname, pg_type.oid FROM pg_catalog.pg_type LEFT JOIN (select ns.oid as nspoid, ns.nspname, r.r from pg_namespace as ns join ( select s.r, (current_schemas(false))[s.r] as nspname from generate_series(1, array_upper(current_schemas(false), 1)) as s(r) ) as r using ( nspname )) as sp ON sp.nspoid = typnamespace WHERE typname = $1 ORDER BY sp.r, pg_type.oid DESC LIMIT 1`,
  'JDBC getTables': `SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN 'SYSTEM TABLE' ELSE NULL END AS TABLE_TYPE, d.description AS REMARKS FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid AND n.nspname LIKE 'public' ORDER BY TABLE_TYPE`,
  'Npgsql version and types': `SELECT ns.nspname, t.oid, t.typname, t.typtype, t.typnotnull, t.elemtypoid FROM (SELECT typ.oid, typ.typnamespace, typ.typname, typ.typtype, typ.typrelid, typ.typnotnull, typ.relkind, elemtyp.oid AS elemtypoid FROM (SELECT typ.oid, typnamespace, typname, typrelid, typnotnull, relkind, typelem AS elemoid, typtype FROM pg_type AS typ LEFT JOIN pg_class AS cls ON (cls.oid = typ.typrelid) LEFT JOIN pg_proc AS proc ON proc.oid = typ.typreceive LEFT JOIN pg_range ON (pg_range.rngtypid = typ.oid)) AS typ LEFT JOIN pg_type AS elemtyp ON elemtyp.oid = elemoid) AS t JOIN pg_namespace AS ns ON (ns.oid = typnamespace) WHERE typtype IN ('b', 'r', 'm', 'e', 'd') ORDER BY CASE WHEN typtype IN ('b', 'e', 'p') THEN 0 ELSE 1 END`,
  'Npgsql version': 'SELECT version()',
  'DBeaver databases': `SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate OR db.datname = current_database() ORDER BY db.datname`,
  'DBeaver settings': `select * from pg_catalog.pg_settings where name = 'standard_conforming_strings'`,
  'DBeaver tables': `SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass WHERE c.relnamespace=$1 AND c.relkind not in ('i','I','c')`,
  'DBeaver session': 'SELECT current_schema(), session_user',
  'DataGrip state': `select current_database() as a, current_schemas(false) as b, txid_current_if_assigned()`,
  'psycopg TypeInfo': `SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter FROM pg_type t WHERE t.oid = to_regtype($1) ORDER BY t.oid`,
  'psycopg EnumInfo': `SELECT name, oid, array_oid, array_agg(label) AS labels FROM (SELECT t.typname AS name, t.oid AS oid, t.typarray AS array_oid, e.enumlabel AS label FROM pg_type t LEFT JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.oid = to_regtype($1) ORDER BY e.enumsortorder) x GROUP BY name, oid, array_oid`,
  'asyncpg introspection': `WITH RECURSIVE typeinfo_tree(oid, ns, name, kind, basetype, depth) AS (SELECT t.oid, ns.nspname, t.typname, t.typtype, t.typbasetype, 0 FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace ns ON ns.oid = t.typnamespace WHERE t.oid = any($1::oid[]) UNION ALL SELECT t.oid, t.typnamespace::text, t.typname, t.typtype, t.typbasetype, tt.depth + 1 FROM pg_catalog.pg_type t, typeinfo_tree tt WHERE t.oid = tt.basetype) SELECT DISTINCT * FROM typeinfo_tree ORDER BY depth DESC`,
  'information schema': `select table_name from information_schema.tables where table_schema = 'public'`,
  'keep-alive': 'select 1',
}

for (const [client, text] of Object.entries(catalogue)) {
  test(`${client} only reads the system catalogue`, async (t) => {
    const analysis = await analyser.analyse(text, naming)
    if (analysis.status === 'error') return t.fail(analysis.message)
    for (const { effects, relations, unknown, isBarrier, routines } of analysis.statements) {
      t.deepEqual(effects, ['read'])
      t.deepEqual(unknown, [], JSON.stringify(routines.filter(({ isKnown }) => !isKnown)))
      t.false(isBarrier)
      for (const { labels, name } of relations) t.deepEqual(labels, ['system_catalogue'], name)
    }
  })
}

const session: Readonly<Record<string, string>> = {
  'JDBC': `SET extra_float_digits = 3; SET application_name = 'PostgreSQL JDBC Driver'`,
  'DBeaver': `SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY; SET search_path = public,"$user"`,
  'Npgsql': 'DISCARD ALL',
  'pg_dump': `SET statement_timeout = 0; SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET row_security = off`,
  'psycopg': 'BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY',
  'node-postgres': `SET client_min_messages TO warning`,
}

for (const [client, text] of Object.entries(session)) {
  test(`the preamble of ${client} only sets its own session`, async (t) => {
    const analysis = await analyser.analyse(text, naming)
    for (const { effects, unknown } of analysis.status === 'ok' ? analysis.statements : []) {
      t.true(effects.every((effect) => effect === 'session' || effect === 'transaction'))
      t.deepEqual(unknown, [])
    }
  })
}
