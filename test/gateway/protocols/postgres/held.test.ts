import test from 'ava'
import { Held, resolveHeld } from '../../../../gateway/protocols/postgres/session/held.ts'
import { createAnalyser } from '../../../../gateway/protocols/postgres/sql/analyse.ts'
import type { Statement } from '../../../../gateway/protocols/postgres/sql/analysis.ts'
import { createParser } from '../../../../gateway/protocols/postgres/sql/parser.ts'
import { naming } from './sql/town.ts'
import { untraced } from './sql/untraced.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, untraced)
const analyse = async (text: string) => await analyser.analyse(text, naming)

/** A session in which these texts have run. */
async function after(...texts: readonly string[]): Promise<Held> {
  const held = new Held()
  for (const text of texts) {
    const analysis = await analyse(text)
    const statements = analysis.status === 'ok' ? analysis.statements : []
    held.forget(statements)
    held.keep(statements, text)
  }
  return held
}

async function last(text: string, held: Held): Promise<Statement | undefined> {
  const analysis = await resolveHeld(await analyse(text), held, analyse)
  return analysis.status === 'ok' ? analysis.statements.at(-1) : undefined
}
const read = (statement: Statement | undefined) => statement?.relations.map(({ name }) => name)

test('EXECUTE is what was prepared under its name, and says by which text', async (t) => {
  const statement = await last('execute p', await after('prepare p as select 1 from customers'))
  t.deepEqual(read(statement), ['customers'])
  t.is(statement?.source, 'prepare p as select 1 from customers')
})

test('a name that a text gives anew is in that text what it gives', async (t) => {
  const held = await after('prepare p as select 1', 'declare c cursor for select 1')
  t.deepEqual(read(await last('deallocate p; prepare p as select 1 from customers; execute p', held)), ['customers'])
  t.deepEqual(read(await last('close c; declare c cursor for select 1 from customers; fetch c', held)), ['customers'])
  t.deepEqual((await last('deallocate all; execute p', held))?.unknown, ['unresolved_prepared'])
})

test('a name that a message has taken is not what SQL prepared', async (t) => {
  const held = await after('prepare p as select 1')
  held.forgetPrepared('p')
  t.deepEqual((await last('execute p', held))?.unknown, ['unresolved_prepared'])
})

test('code that may prepare anything leaves no name known', async (t) => {
  for (const text of ['do $$ begin execute \'prepare p as select 2\'; end $$', 'discard all', 'deallocate all', 'select unheard_of()']) {
    t.deepEqual((await last('execute p', await after('prepare p as select 1', text)))?.unknown, ['unresolved_prepared'], text)
  }
})

test('a cursor that calls what means something else now is not known, and one that calls nothing is', async (t) => {
  for (const [query, isKnown] of [['select unheard_of(1) from customers', false], ['select 1 from customers', true]] as const) {
    const held = await after(`declare c cursor for ${query}`)
    const fetch = async (now: string) => { const analysis = await resolveHeld(await analyse('fetch c'), held, () => analyse(`declare c cursor for ${now}`)); return analysis.status === 'ok' && analysis.statements[0]?.relations.length === 1 }
    t.true(await fetch(query))
    t.is(await fetch('select 1 from accounts'), isKnown)
    held.forgetCalling()
    t.is(await fetch(query), isKnown)
  }
})

test('behind code that may name anything a text knows no name that was given before it, and what a cursor calls is called by FETCH', async (t) => {
  const held = await after('declare c cursor for select unheard_of(1) from customers', 'prepare p as select 1 from customers')
  t.deepEqual(read(await last('select unheard_of(1); execute p', held)), [])
  t.deepEqual(read(await last('discard all; fetch c', held)), [])
  t.true((await last('fetch c', held))?.isBarrier)
  t.false((await last('fetch c', await after('declare c cursor for select 1 from customers')))?.isBarrier)
})

test('what was prepared is read as names resolve when it runs', async (t) => {
  const held = await after('prepare p as select 1 from customers')
  const analysis = await resolveHeld(await analyse('execute p'), held, () => analyse('prepare p as select 1 from accounts'))
  t.deepEqual(analysis.status === 'ok' ? read(analysis.statements[0]) : [], ['accounts'])
})
