-- psql: what people type, in its own commands. Run with `-a`, so that the answer stands below each.
\conninfo
\d
\d+ customers
\d+ customer_totals
\dt+
\df
\dn+
\du
\dp
\di+
\dT+
\sf add_one
\sv customer_totals
\encoding
\set FETCH_COUNT 10
select id, ssn from customers order by id limit 25;
\unset FETCH_COUNT
select 'select ' || g from generate_series(1, 3) g \gexec
select id, ssn from customers order by id limit 1 \gset
\echo gset :ssn
select * from customers order by id limit 2 \gx
select ssn, id from customers \gdesc
\copy notes(body) from stdin
hello
world
\.
\copy (select id from orders limit 3) to stdout
begin;
savepoint a;
insert into notes(body) values ('y') returning id > 0;
rollback to a;
commit;
drop table customers;
select 'alive after a refusal';
prepare q(int) as select id, ssn from customers where id = $1;
execute q(3);
deallocate q;
begin; declare c scroll cursor for select id, ssn from customers order by id; fetch 2 from c; close c; commit;
listen ch;
unlisten *;
set search_path to public;
set statement_timeout = '10s';
reset all;
discard all;
select 1 \; select 2;
\c -
select 'alive after reconnecting';
