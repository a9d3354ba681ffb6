// A statement that is run again is projected from a template: what policy decides on and the record keeps is what the whole projection says, byte for byte.
import test from 'ava'
import type { Json, Operation, Principal, Slot } from '../../../gateway/call.ts'
import { createProjector } from '../../../gateway/project/index.ts'
import { createTokens, deriveTargetKey } from '../../../gateway/sensitive/index.ts'

const tokens = createTokens(deriveTargetKey(new Uint8Array(32), 'bank'))
const catalogue = { 'bank/appdb': { effects: ['read'], labels: [], request: { email: 'EMAIL' }, result: {}, isOpaque: false } }
const principal: Principal = { type: 'user', id: 'iss|alice', clientId: 'psql', groups: ['analysts'], acr: '1', amr: ['pwd'], claims: {}, expiresAt: 9 }
const peer = { ip: '192.0.2.1', port: 9 }

interface Given { readonly statement?: string; readonly slots?: readonly Slot[]; readonly catalogueKey?: string; readonly id?: string }

function operationOf(parameters: Json[], repeats: Operation['repeats'], { statement = 'select $1', slots = [{ path: '/statement' }, { path: '/parameters' }], catalogueKey = 'bank/appdb', id = 'bank/appdb' }: Given): Operation {
  return {
    action: { name: 'pg.select', properties: { effects: ['read'] } }, resource: { type: 'database', id, properties: { target: 'bank', env: 'demo', labels: [] } }, catalogueKey,
    request: { protocol: 'postgres', bytes: 9, statement, literals: [], parameters, multi: false }, slots, findings: { sql: { status: 'ok' } }, canonical: () => new Uint8Array(0), isOpaque: false,
    ...repeats === undefined ? {} : { repeats },
  }
}

/** Runs each list of parameters in turn, as a repeat of the one before it and by itself. */
function runs(t: import('ava').ExecutionContext, lists: readonly Json[][], given: Given = {}, change: (run: number) => object = () => ({})): void {
  const project = createProjector({ catalogue }, tokens)
  const repeats = { members: ['parameters'] }
  for (const [run, parameters] of lists.entries()) {
    const context = { session: { id: 'ab'.repeat(16), seq: 3 + run * 1000, startedAt: '1970-01-01T00:00:00.000Z' }, principal, peer, decisionId: new Uint8Array(16).fill(run), now: 1_000 * run, approval: null, ...change(run) }
    const again = project({ operation: operationOf(parameters, repeats, given), from: 'client' }, context)
    const alone = project({ operation: operationOf(parameters, undefined, given), from: 'client' }, context)
    t.is(again.inputText, alone.inputText)
    t.deepEqual(again.input, alone.input)
    t.is(again.inputText, JSON.stringify(again.input))
    t.is(again.decisionId, context.decisionId)
  }
}

const texts: readonly Json[][] = [['7'], ['8'], ['ssn 123-45-6789'], ['9'], ['jane@example.com'], ['"quoted" \\ \u0001seq ⟦X:y⟧'], [{ bytes: 70_000 }], [4111111111111111], ['']]

test('each run of a prepared statement is projected as if it were the first', (t) => {
  runs(t, texts)
  runs(t, [[], [], []])
  runs(t, texts.map(([one]) => [one as Json, 'second', '123-45-6789']))
})

test('a declared parameter is a token in every run, and its class is found in every run', (t) => {
  runs(t, texts.map(([one]) => [one as Json, 'x']), { slots: [{ path: '/statement' }, { path: '/parameters/0', declared: 'US_SSN' }, { path: '/parameters/1' }] })
})

test('what detectors find in the text stays found when only a parameter changes', (t) => {
  runs(t, texts, { statement: "select '123-45-6789', $1" })
})

test('a text that looks like the places in a template is projected whole', (t) => {
  for (const place of ['decision_id', 'seq', 'parameters', 'findings', 'time']) runs(t, texts, { statement: `\u0001${place}` })
})

test('a resource with somebody\'s value in its name is projected whole', (t) => {
  runs(t, texts, { catalogueKey: 'bank/other', id: 'bank/123-45-6789' })
})

test('another caller, another place, or an approval gets a projection of its own', (t) => {
  runs(t, texts, {}, (run) => run % 2 === 0 ? {} : { principal: { ...principal, id: 'iss|bob', groups: ['leads'] } })
  runs(t, texts, {}, (run) => run % 2 === 0 ? {} : { peer: { ip: '198.51.100.7', port: 1 } })
  runs(t, texts, {}, (run) => run % 2 === 0 ? {} : { approval: { id: 'a1' } })
  runs(t, texts, {}, (run) => run % 2 === 0 ? {} : { session: { id: 'cd'.repeat(16), seq: run, startedAt: '1971-01-01T00:00:00.000Z' } })
})

test('texts that differ in constants and length are filled in, too, and a mark in another\'s place is none', (t) => {
  const project = createProjector({ catalogue }, tokens)
  const slots = [{ path: '/statement' }, { path: '/literals' }]
  for (const statement of ['select $1', '\u0001literals', '\u0001bytes']) {
    const repeats = { members: ['bytes', 'literals'] }
    for (const [run, [literal]] of texts.entries()) {
      const context = { session: { id: 'ab'.repeat(16), seq: run, startedAt: '1970-01-01T00:00:00.000Z' }, principal, peer, decisionId: new Uint8Array(16).fill(run), now: run }
      const operation = { ...operationOf([], undefined, { statement, slots }), request: { protocol: 'postgres', bytes: 9 + run, statement, literals: [literal as Json], parameters: [], multi: false } }
      const alone = project({ operation, from: 'client' }, context)
      const again = project({ operation: { ...operation, repeats }, from: 'client' }, context)
      t.is(again.inputText, alone.inputText)
      t.deepEqual(again.input, alone.input)
      t.is(again.inputText, JSON.stringify(again.input))
    }
  }
})

test('members that stand in another order than was said are projected whole', (t) => {
  const project = createProjector({ catalogue }, tokens)
  const repeats = { members: ['parameters', 'literals'] }
  for (const run of [0, 1, 2]) {
    const context = { session: { id: 'ab'.repeat(16), seq: run, startedAt: '' }, principal, peer, decisionId: new Uint8Array(16), now: run }
    t.is(project({ operation: operationOf([`${run}`], repeats, {}), from: 'client' }, context).inputText, project({ operation: operationOf([`${run}`], undefined, {}), from: 'client' }, context).inputText)
  }
})

test('runs are called alike where nothing was found in what differs, and no others', (t) => {
  const project = createProjector({ catalogue }, tokens)
  const context = (run: number) => ({ session: { id: 'ab'.repeat(16), seq: run, startedAt: '' }, principal, peer, decisionId: new Uint8Array(16), now: run })
  const repeats = { members: ['parameters'] }
  const alike = texts.map((parameters, run) => project({ operation: operationOf([...parameters], repeats, {}), from: 'client' }, context(run)).alike)
  t.deepEqual(alike[1], { members: ['parameters'] })
  t.deepEqual(alike.map((one) => one !== undefined && one === alike[1]), [false, true, false, true, false, true, true, false, true])
  const other = { members: ['parameters'] }
  const [, next] = [1, 2].map((run) => project({ operation: operationOf(['7'], other, {}), from: 'client' }, context(run)).alike)
  t.true(next !== undefined && next !== alike[1])
})
