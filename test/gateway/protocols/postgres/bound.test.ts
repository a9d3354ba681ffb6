// What a portal is held to: what of it the server looks up again when it runs, and whether it is still the client's own.
import test from 'ava'
import type { TargetConfig } from '../../../../gateway/config.ts'
import { Act } from '../../../../gateway/protocols/postgres/session/act.ts'
import { forgetGivenAnew, forgetUnnoted, isAnyUnnoted, mayTakePortal } from '../../../../gateway/protocols/postgres/session/given-anew.ts'
import { isAsBound, isLookedUpAgain, meansStill } from '../../../../gateway/protocols/postgres/session/looked-up-again.ts'
import type { PlannerOptions } from '../../../../gateway/protocols/postgres/session/plan.ts'
import { Portals } from '../../../../gateway/protocols/postgres/session/portals.ts'
import type { RefusedSteps } from '../../../../gateway/protocols/postgres/session/refused-steps.ts'
import { SessionState, type Portal, type Prepared, type SessionNames } from '../../../../gateway/protocols/postgres/session/state.ts'
import { createAnalyser } from '../../../../gateway/protocols/postgres/sql/analyse.ts'
import type { Statement } from '../../../../gateway/protocols/postgres/sql/analysis.ts'
import { createParser } from '../../../../gateway/protocols/postgres/sql/parser.ts'
import { naming } from './sql/town.ts'
import { untraced } from './sql/untraced.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, untraced)
const names: SessionNames = { ...naming, role: 'app', sessionRole: 'app', viewLineage: () => undefined }

async function statementsOf(text: string): Promise<readonly Statement[]> {
  const analysis = await analyser.analyse(text, naming)
  return analysis.status === 'ok' ? analysis.statements : []
}

async function bound(text: string, { name = 'p', hasRows = false, madeAt }: { name?: string; hasRows?: boolean; madeAt?: string } = {}): Promise<Portal> {
  const act = new Act({} as Act['operation'], await statementsOf(text), { text, isBarrier: false })
  if (hasRows) act.count({ part: 'whole', count: 1, start: 0, end: 9 } as Parameters<Act['count']>[0])
  return { name, prepared: { text } as Prepared, resultFormats: [], message: {} as Portal['message'], names, act, fields: undefined, isDescribing: false, before: undefined, isUndone: false, ...madeAt === undefined ? {} : { madeAt } }
}

test('what the server looks up when it runs is looked up again, until it has run', async (t) => {
  for (const [text, whenBegun] of [
    ['insert into customers default values', false], ["update customers set id = 1 returning id", false], ['with x as (delete from customers returning 1) select from x', false], ['select 1 from customers for update', false],
    ['execute t', false], ['fetch c', false], ['copy customers to stdout', false], ['truncate customers', false], ['set search_path = a', false], ['explain select 1', false], ['select unheard_of(1)', true],
  ] as const) {
    t.true(isLookedUpAgain(await bound(text)), text)
    t.is(isLookedUpAgain(await bound(text, { hasRows: true })), whenBegun, text)
  }
  for (const text of ['select 1 from customers', 'begin', 'commit', 'show all', 'set transaction read only']) t.false(isLookedUpAgain(await bound(text)), text)
})

test('a portal means what it meant where statement, path and roles are the same', async (t) => {
  const portal = await bound('copy customers to stdout')
  const same = await statementsOf('copy customers to stdout')
  const before = { names, statements: portal.act.statements }
  t.true(meansStill(before, { names: { ...names, path: [...names.path] }, statements: same }))
  t.false(meansStill(before, { names, statements: await statementsOf('copy accounts to stdout') }))
  for (const other of [{ path: ['other', ...names.path] }, { role: 'other' }, { sessionRole: 'other' }, { values: 'SQL, DMY' }]) t.false(meansStill(before, { names: { ...names, ...other }, statements: same }), JSON.stringify(other))
  t.true(isAsBound(portal, names))
  t.false(isAsBound(portal, { ...names }))
  portal.act.settle()
  t.false(isAsBound(portal, names), 'what has ended is asked about again')
  for (const text of ['execute t', 'fetch c']) t.false(isAsBound(await bound(text), names), 'what another text says is looked at each time')
})

test('a portal that is asked about anew is held to what its names mean now, where the server looks them up when it runs', async (t) => {
  const target = { name: 'bank', protocol: 'postgres', prefix: '/bank', env: 'prod', labels: [], catalogue: {} } as unknown as TargetConfig
  for (const [text, isLookedUp] of [['delete from customers where id = 1', true], ['select 1 from customers', false]] as const) {
    const state = new SessionState()
    const later = { ...names }
    const read = { names: later, analysis: await analyser.analyse(text, naming) }
    const texts = { names: async () => later, read: async (_: string, by: SessionNames) => ({ ...read, names: by }) }
    const portals = new Portals({ state, texts, names: { fresh: undefined }, gate: { holds: () => true }, about: { target, database: 'bank', user: 'app', nonce: 'n' } } as unknown as PlannerOptions, {} as RefusedSteps)
    const portal = await bound(text)
    state.portals.set('p', { ...portal, prepared: { text, textBytes: Buffer.from(text), parameterTypes: [] } as unknown as Prepared, message: { values: [], formats: [] } as unknown as Portal['message'] })
    portal.act.settle()
    const { act } = await portals.execute({ kind: 'execute', portal: 'p' }, new Uint8Array(), [])
    t.not(act, portal.act, text)
    t.is(act?.names, isLookedUp ? later : undefined, text)
  }
})

test('code of somebody\'s own may take any portal but the unnamed one, and the one it runs in', async (t) => {
  const own = await statementsOf('select unheard_of(1)')
  const state = new SessionState()
  t.false(mayTakePortal(state, own))
  state.portals.set('', await bound('select 1', { name: '' }))
  t.false(mayTakePortal(state, own))
  state.portals.set('p', await bound('select 1'))
  t.true(mayTakePortal(state, own))
  t.true(mayTakePortal(state, []), 'nobody could read it')
  t.false(mayTakePortal(state, await statementsOf('select 1 from customers')))
  t.false(mayTakePortal(state, own, 'p'))
  state.portals.set('q', await bound('select 1', { name: 'q' }))
  t.true(mayTakePortal(state, own, 'p'))
})

test('a portal is believed by its text and by when it was made; where nobody could ask, by nothing', async (t) => {
  const state = new SessionState()
  const put = async (): Promise<void> => { for (const name of ['', 'p', 'q']) state.portals.set(name, await bound('select 1', { name })) }
  const ask = (...rows: readonly (readonly [string, string, string, string])[]) => async () => rows
  await put()
  t.true(isAnyUnnoted(state))
  await forgetGivenAnew(state, ask(['P', '', 'select 1', '1'], ['P', 'p', 'select 1', '1'], ['P', 'q', 'select 2', '1']))
  t.deepEqual([...state.portals.keys()], ['', 'p'], 'another text')
  t.false(isAnyUnnoted(state))
  forgetUnnoted(state)
  t.deepEqual([...state.portals.keys()], ['', 'p'])
  await forgetGivenAnew(state, ask(['P', '', 'select 1', '1'], ['P', 'p', 'select 1', '2']))
  t.deepEqual([...state.portals.keys()], [''], 'another time')
  await put()
  forgetUnnoted(state)
  t.deepEqual([...state.portals.keys()], [''])
  await put()
  await forgetGivenAnew(state, ask())
  t.deepEqual([...state.portals.keys()], [], 'gone')
  state.prepared.set('s', { name: 's' } as Prepared).set('t', { name: 't' } as Prepared).set('', { name: '' } as Prepared)
  await forgetGivenAnew(state, ask(['S', 's', 'false', ''], ['S', 't', 'true', '']))
  t.deepEqual([...state.prepared.keys()], ['s', ''], 'what SQL prepared is not what a Parse did')
})
