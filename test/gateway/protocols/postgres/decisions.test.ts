// What a verdict makes of an operation: whose result may be withheld is waited for, since whatever was sent behind it would run though the client was told of an error.
import test from 'ava'
import type { Permit } from '../../../../gateway/call.ts'
import type { ResultMasker } from '../../../../gateway/protocols/postgres/mask.ts'
import type { PostgresOperation } from '../../../../gateway/protocols/postgres/operation.ts'
import { Act } from '../../../../gateway/protocols/postgres/session/act.ts'
import { Decisions, type DecisionsOptions } from '../../../../gateway/protocols/postgres/session/decisions.ts'
import type { Holding } from '../../../../gateway/protocols/postgres/session/holding.ts'
import type { Statement } from '../../../../gateway/protocols/postgres/sql/analysis.ts'

const never = (): never => { throw new Error('not expected') }

async function permitted(decision: { readonly mask?: readonly object[]; readonly limits?: object }, statement: Partial<Statement>): Promise<Act> {
  const permit = { call: { decision: { mask: [], limits: {}, ...decision } } } as unknown as Permit<PostgresOperation>
  const gate = { request: async () => [permit] } as unknown as DecisionsOptions['gate']
  const decisions = new Decisions({ gate, isTransparent: false, stands: never, masker: () => ({}) as ResultMasker, bareMasker: never, hold: () => ({ hasHeld: false }) as Holding, answered: () => undefined })
  const act = new Act({} as PostgresOperation, [{ kind: 'select', hasReturning: false, ...statement } as Statement], { text: '', isBarrier: false })
  await decisions.ask([act])
  return act
}

test('a result that a mask, a limit or a time may withhold is waited for; one that nothing can withhold is not', async (t) => {
  t.false((await permitted({}, {})).mayBeWithheld)
  for (const decision of [{ mask: [{ id: 'm' }] }, { limits: { rows: 10 } }, { limits: { bytes: 10 } }, { limits: { timeout_ms: 10 } }]) {
    t.true((await permitted(decision, {})).mayBeWithheld, JSON.stringify(decision))
    t.true((await permitted(decision, { kind: 'update', hasReturning: true })).mayBeWithheld, JSON.stringify(decision))
    t.false((await permitted(decision, { kind: 'update' })).mayBeWithheld, 'it has no rows')
  }
})
