// The schema that lineage is tried on: one secret column in each shape a database can hide it in. Secrets are canaries.

/** In customers.ssn, people.ssn and vault.secret; nowhere else. */
export const canary = 'Kanarie7f3a9c'

export const schema = `
create type pair as (a text, b text);
create type address as (street text, city text);
create domain code as text check (length(value) < 200);
create table customers (id int primary key, ssn text unique, email text, name text, profile jsonb, tags text[]);
create table accounts (id int primary key, customer_id int, balance numeric, note text);
create table places (id int primary key, home address, kept pair);
create table vault (id int primary key, secret code, shout text generated always as (upper(secret)) stored, plain text);
create table people (id int, region text, ssn text, name text) partition by list (region);
create table people_eu partition of people for values in ('eu');
create table people_us partition of people for values in ('us');
create table animals (id int, name text);
create table dogs (breed text, name text, id int) ;
alter table dogs inherit animals;
create table audited (id int primary key, ssn text, copy text);
insert into customers select n, '${canary}-' || n, 'user' || n || '@example.com', 'Name ' || n, jsonb_build_object('age', n, 'city', 'Bern'), array['tag' || n, 'all'] from generate_series(1, 4) n;
insert into accounts select n, (n % 4) + 1, n * 100, 'note ' || n from generate_series(1, 8) n;
insert into places select n, row('Street ' || n, 'Bern')::address, row('a', 'b')::pair from generate_series(1, 2) n;
insert into vault (id, secret, plain) select n, '${canary}-v' || n, 'plain' from generate_series(1, 2) n;
insert into people select n, case when n % 2 = 0 then 'eu' else 'us' end, '${canary}-p' || n, 'Person ' || n from generate_series(1, 4) n;
insert into animals values (1, 'cat');
insert into dogs values ('pug', 'rex', 2);
insert into audited values (1, '${canary}-a1', null);
create view v_plain as select id, ssn, email from customers;
create view v_alias as select ssn as code, email as contact, id from customers where ssn is not null;
create view v_deep as select upper(code) as loud, contact, a.note from v_alias v join accounts a on a.customer_id = v.id;
create view v_union as select email as x from customers union all select ssn from customers;
create view v_star as select c.*, a.balance from customers c join accounts a on a.customer_id = c.id;
create view v_using as select * from accounts join (select id, ssn from customers) c using (id);
create materialized view mv as select name, ssn || '!' as marked from customers;
create function f_ssn(int) returns text language sql stable as 'select ssn from customers where id = $1';
create function f_named(wanted int) returns text language sql stable as 'select c.ssn from customers c where c.id = f_named.wanted';
create function f_set() returns setof customers language sql stable as 'select * from customers';
create function f_table() returns table (who text, what text) language sql stable as 'select name, ssn from customers';
create function f_out(in i int, out mail text, out secret text) language sql stable as 'select email, ssn from customers where id = i';
create function f_atomic(i int) returns text language sql stable begin atomic; select ssn from customers where id = i; end;
create function f_return(i int) returns text language sql stable return (select ssn from customers where id = i);
create function f_pl(i int) returns text language plpgsql stable as $$declare x text; begin select ssn into x from customers where id = i; return x; end$$;
create function f_pl_loop() returns setof text language plpgsql stable as $$declare r record; begin for r in select * from customers loop return next r.ssn; end loop; return; end$$;
create function f_pl_query() returns setof customers language plpgsql stable as $$begin return query select * from customers; end$$;
create function f_pl_table() returns table (n text, s text) language plpgsql stable as $$begin return query select name, ssn from customers; end$$;
create function f_dynamic(t text) returns setof text language plpgsql stable as $$begin return query execute 'select ssn from ' || t; end$$;
create function f_nested(i int) returns text language sql stable as 'select upper(f_pl(i))';
create function f_recursive(i int) returns text language plpgsql stable as $$begin if i <= 1 then return f_ssn(1); end if; return f_recursive(i - 1); end$$;
create function f_row(customers) returns text language sql immutable as 'select $1.ssn';
create function f_pure(text) returns text language sql immutable as 'select $1 || $1';
create function f_default(i int default 1, j int default 2) returns text language sql stable as 'select email from customers where id = i + j';
create function f_variadic(variadic text[]) returns text language sql immutable as 'select $1[1]';
create function secret_of(customers) returns text language sql immutable as 'select ($1).ssn';
create function t_copy() returns trigger language plpgsql as $$begin new.copy := new.ssn; return new; end$$;
create trigger audited_copy before insert or update on audited for each row execute function t_copy();
create function op_reads(text, text) returns text language sql stable as 'select ssn from customers limit 1';
create operator ### (leftarg = text, rightarg = text, function = op_reads);
create procedure p_out(inout x text) language plpgsql as $$begin select ssn into x from customers limit 1; end$$;
create function f_leaky(x text default f_ssn(1)) returns text language sql stable as 'select x';
create function f_fetch(c refcursor) returns text language plpgsql as $$declare x text; begin fetch c into x; return x; end$$;
create function f_opened() returns text language plpgsql as $$declare c refcursor; x text; begin open c for select ssn from customers; fetch c into x; close c; return x; end$$;
create function f_bound() returns text language plpgsql as $$declare c cursor for select ssn from customers; x text; begin open c; fetch c into x; close c; return x; end$$;
create function f_rows() returns customers[] language sql stable as 'select array_agg(c) from customers c';
create function f_launder(s text) returns text language plpgsql as $$declare r text; begin insert into accounts (id, note) values (999, s) returning note into r; return r; end$$;
create table worn (a text, b text generated always as (a || '!') stored, c text default f_ssn(2));
create view v_upper as select id, email, upper(email) as loud from customers;
create aggregate last_of(text) (sfunc = textcat, stype = text);
create function "F odd"("I" int) returns text language plpgsql stable as $$begin return (select "ssn" from customers where id = "I"); end$$;
create function f_over(int) returns text language sql stable as 'select email from customers where id = $1';
create function f_over(text) returns text language sql stable as 'select ssn from customers where email = $1';
create function f_exec_const() returns text language plpgsql stable as $$declare x text; begin execute 'select ssn from customers' into x; return x; end$$;
create function f_record() returns setof record language sql stable as 'select id, ssn from customers';
create procedure p_do(i int) language plpgsql as $$begin update accounts set note = 'x' where id = i; end$$;
create schema other;
create table other.customers (id int, ssn text, remark text);
insert into other.customers values (1, 'harmless', 'remark');
create function f_path() returns text language sql stable set search_path = other, pg_temp as 'select ssn from customers';
`

/** Columns whose values hold a canary. */
export const sensitive = ['public.customers.ssn', 'public.people.ssn', 'public.people_eu.ssn', 'public.people_us.ssn', 'public.vault.secret', 'public.audited.ssn'] as const
