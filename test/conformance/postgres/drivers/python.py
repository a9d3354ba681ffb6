# psycopg 3, psycopg2, asyncpg, SQLAlchemy and Django against the address of libpq's environment. One line a check: `ok NAME` or `FAIL NAME: why`.
# Masked values are expected where `direct` is not the first argument.
import asyncio
import io
import os
import sys
import threading

DIRECT = sys.argv[1:] == ['direct']
E = os.environ
P = dict(host=E['PGHOST'], port=int(E['PGPORT']), user=E['PGUSER'], password=E['PGPASSWORD'], dbname=E['PGDATABASE'])
SSN = '123-45-6789' if DIRECT else '[REDACTED:pg.ssn]'
PIN = 1 if DIRECT else None


def check(name, run, expected=None):
    try:
        found = run()
        ok = expected is None or found == expected
        print(f'ok {name}' if ok else f'FAIL {name}: {found!r}'[:300], flush=True)
    except Exception as error:
        print(f'FAIL {name}: {type(error).__name__} {error}'.replace('\n', ' ')[:400], flush=True)


def psycopg3():
    import psycopg
    from psycopg.types import TypeInfo
    from psycopg.types.composite import CompositeInfo
    from psycopg.types.enum import EnumInfo
    c = psycopg.connect(**P, autocommit=True)
    one = 'select id, ssn, pin from customers where id = %s'
    check('psycopg text', lambda: c.execute(one, (1,)).fetchone(), (1, SSN, PIN))
    check('psycopg binary', lambda: c.cursor(binary=True).execute(one, (1,)).fetchone(), (1, SSN, PIN))
    check('psycopg prepared', lambda: [c.execute(one, (i,), prepare=True).fetchone()[1] for i in range(1, 9)], [SSN] * 8)
    check('psycopg client cursor', lambda: psycopg.ClientCursor(c).execute(one, (1,)).fetchone(), (1, SSN, PIN))

    def pipeline():
        with c.pipeline():
            a, b = c.execute('select %s::int', (1,)), c.execute('select ssn from customers where id = %s', (2,))
            d = c.execute('insert into notes(body) values (%s) returning body', ('p',))
            return a.fetchone(), b.fetchone(), d.fetchone()
    check('psycopg pipeline', pipeline, ((1,), (SSN,), ('p',)))

    def refused():
        try:
            with c.pipeline():
                c.execute('select 1')
                c.execute('drop table customers')
                c.execute('select 2')
        except psycopg.Error as error:
            return error.sqlstate, c.execute('select 3').fetchone()
    if not DIRECT:
        check('psycopg pipeline refused', refused, ('42501', (3,)))

    def server(binary):
        with c.transaction(), c.cursor(name='srv', scrollable=True, binary=binary) as cursor:
            cursor.execute('select id, ssn from customers order by id')
            first = cursor.fetchmany(3)
            cursor.scroll(-2)
            return first[0], cursor.fetchone(), len(cursor.fetchall())
    for binary in (False, True):
        check(f'psycopg server cursor, binary {binary}', lambda: server(binary), ((1, SSN), (2, SSN), 48))
    check('psycopg stream', lambda: sum(1 for _ in c.cursor().stream('select id, ssn from customers', size=7)), 50)

    def copy(sql, types=None):
        with c.cursor().copy(sql) as rows:
            if types:
                rows.set_types(types)
            for i in range(100):
                rows.write_row((f'c{i}',))
        return c.execute("select count(*) from notes where body ~ '^c[0-9]+$'").fetchone()
    check('psycopg copy in', lambda: copy('copy notes(body) from stdin'), (100,))
    check('psycopg copy in binary', lambda: copy('copy notes(body) from stdin (format binary)', ['text']), (200,))

    def out():
        with c.cursor().copy('copy orders(id) to stdout') as rows:
            return sum(1 for _ in rows.rows())
    check('psycopg copy out', out, 40)
    for info, name in ((TypeInfo, 'mood'), (EnumInfo, 'mood'), (CompositeInfo, 'orders')):
        check(f'psycopg {info.__name__}', lambda: info.fetch(c, name).name, name)

    def cancel():
        threading.Timer(0.5, c.cancel_safe).start()
        try:
            c.execute('select pg_sleep(20)')
        except psycopg.Error as error:
            return error.sqlstate
    check('psycopg cancel', cancel, '57014')
    for key, value in (('sslmode', 'prefer'), ('sslmode', 'allow'), ('options', '-c statement_timeout=5000'), ('application_name', 'x'), ('max_protocol_version', '3.2'), ('target_session_attrs', 'read-write')):
        check(f'psycopg {key}={value}', lambda: psycopg.connect(**P, **{key: value}).execute('select 1').fetchone(), (1,))


def psycopg2_():
    import psycopg2
    import psycopg2.extras
    c = psycopg2.connect(**P)
    cursor = c.cursor()

    def one():
        cursor.execute('select id, ssn, pin from customers where id = %s', (1,))
        return cursor.fetchone()
    check('psycopg2 text', one, (1, SSN, PIN))

    def named():
        server = c.cursor('named')
        server.itersize = 9
        server.execute('select ssn from customers')
        return {row[0] for row in server}
    check('psycopg2 named cursor', named, {SSN})
    check('psycopg2 composite', lambda: psycopg2.extras.register_composite('orders', c).name, 'orders')
    check('psycopg2 execute_values', lambda: psycopg2.extras.execute_values(cursor, 'insert into notes(body) values %s', [('a',), ('b',)]))
    check('psycopg2 copy_from', lambda: cursor.copy_from(io.StringIO('x\ny\n'), 'notes', columns=('body',)))
    check('psycopg2 copy_expert', lambda: cursor.copy_expert('copy orders to stdout', io.StringIO()))
    c.commit()
    check('psycopg2 reset', c.reset)


async def asyncpg_():
    import asyncpg
    c = await asyncpg.connect(host=P['host'], port=P['port'], user=P['user'], password=P['password'], database=P['dbname'])

    async def checked(name, awaitable, expected=None):
        try:
            result = await awaitable
        except Exception as error:
            print(f'FAIL asyncpg {name}: {type(error).__name__} {error}'.replace('\n', ' ')[:400], flush=True)
            return
        check(f'asyncpg {name}', lambda: result, expected)
    await checked('binary', c.fetchrow('select id, ssn, pin from customers where id = $1', 1), (1, SSN, PIN))
    await checked('type introspection', c.fetchval("select array['ok']::mood[]"), ['ok'])
    await checked('composite', c.fetchval('select o from orders o where id = 1'), (1, 2, 1))
    await checked('executemany', c.executemany('insert into notes(body) values ($1)', [('a',), ('b',)]))
    await checked('copy records', c.copy_records_to_table('notes', records=[('z',)] * 10, columns=['body']), 'COPY 10')
    await checked('copy from query', c.copy_from_query('select id from orders where id < $1', 10, output=io.BytesIO()), 'COPY 9')

    async def cursor():
        async with c.transaction():
            return {row['ssn'] async for row in c.cursor('select ssn from customers', prefetch=7)}
    await checked('cursor', cursor(), {SSN})

    async def refused():
        try:
            await c.fetch('select id from customers where ssn like $1', '1%')
        except asyncpg.PostgresError as error:
            return error.sqlstate, await c.fetchval('select 1')
    if not DIRECT:
        await checked('refused', refused(), ('42501', 1))

    async def late():
        try:
            await c.fetch('select pg_sleep(20)', timeout=0.4)
        except asyncio.TimeoutError:
            return await c.fetchval('select 1')
    await checked('timeout', late(), 1)
    await checked('reset', c.reset())
    await c.close()


def sqlalchemy_():
    from sqlalchemy import MetaData, create_engine, inspect, select, text
    for driver in ('psycopg', 'psycopg2'):
        engine = create_engine(f"postgresql+{driver}://{P['user']}:{P['password']}@{P['host']}:{P['port']}/{P['dbname']}")
        found = inspect(engine)
        for method in ('get_table_names', 'get_view_names', 'get_schema_names', 'get_enums', 'get_domains', 'get_sequence_names', 'get_multi_columns', 'get_multi_foreign_keys', 'get_multi_indexes'):
            check(f'SQLAlchemy {driver} {method}', getattr(found, method))
        meta = MetaData()
        check(f'SQLAlchemy {driver} reflect', lambda: meta.reflect(engine, views=True) or sorted(meta.tables), ['customer_totals', 'customers', 'notes', 'orders'])

        def orm():
            with engine.begin() as connection:
                return connection.execute(select(meta.tables['customers'].c.ssn).limit(1)).scalar(), connection.execute(text('select 1')).scalar()
        check(f'SQLAlchemy {driver} select', orm, (SSN, 1))


def django_():
    import django
    from django.conf import settings
    settings.configure(DATABASES={'default': dict(ENGINE='django.db.backends.postgresql', NAME=P['dbname'], USER=P['user'], PASSWORD=P['password'], HOST=P['host'], PORT=P['port'])})
    django.setup()
    from django.core.management import call_command
    from django.db import connection, transaction
    out = io.StringIO()
    check('Django inspectdb', lambda: call_command('inspectdb', stdout=out) or 'Unable' in out.getvalue(), False)

    def atomic():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute('select ssn from customers limit 1')
            return cursor.fetchone()
    check('Django atomic', atomic, (SSN,))


for part in (psycopg3, psycopg2_, lambda: asyncio.run(asyncpg_()), sqlalchemy_, django_):
    try:
        part()
    except Exception as error:
        print(f'FAIL {getattr(part, "__name__", "asyncpg")}: {error}'.replace('\n', ' ')[:400], flush=True)
