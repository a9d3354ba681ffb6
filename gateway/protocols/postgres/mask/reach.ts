// Whether a statement can bring a sensitive value to the client by a way that nobody follows: only then is an unknown origin a danger.
import type { MaskPlan } from '../../../mask/index.ts'
import { classOfColumn, type ClassOf } from '../operation/declared.ts'
import type { BaseColumn, Snapshot, Statement } from '../sql/analysis.ts'
import { descendants } from '../sql/descendants.ts'
import { isSensitiveSystemColumn, isSystemSchema, isToldInPart } from '../sql/system-relations.ts'

/** Reasons of the analysis that concern names the statement does not get anything from. */
const harmless: ReadonlySet<string> = new Set(['explain'])

/** What earlier statements of the transaction put off runs then: cursors WITH HOLD, deferred constraints and triggers. */
const settling: ReadonlySet<string | undefined> = new Set(['commit', 'prepare'])

export interface Reach { reaches(statements: readonly Statement[], snapshot: Snapshot, plan: MaskPlan): boolean }

/** One per target: the sensitive relations of each catalogue reading, by plan. */
export function createReach(classOf: ClassOf): Reach {
  const known = new WeakMap<Snapshot, WeakMap<MaskPlan, ReadonlySet<number>>>()

  const sensitiveRelations = (snapshot: Snapshot, plan: MaskPlan): ReadonlySet<number> => {
    let byPlan = known.get(snapshot)
    if (byPlan === undefined) known.set(snapshot, byPlan = new WeakMap())
    let found = byPlan.get(plan)
    if (found !== undefined) return found
    const sensitive = new Set<number>()
    for (const relation of snapshot.relations) {
      const names = [relation, ...descendants(relation, snapshot)]
      const isSensitive = relation.columns.some(({ name }) => {
        const declared = classOfColumn(relation, name, snapshot, classOf)
        if (declared !== undefined && plan.classes.has(declared)) return true
        const column = name.toLowerCase()
        return plan.names.has(column) || names.some((each) => {
          const table = each.name.toLowerCase()
          return plan.names.has([table, column].join('.')) || plan.names.has([each.schema.toLowerCase(), table, column].join('.'))
        })
      })
      // What a foreign table holds is on another server.
      if (isSensitive || relation.kind === 'f') sensitive.add(relation.oid)
    }
    byPlan.set(plan, found = sensitive)
    return found
  }

  return {
    reaches(statements, snapshot, plan) {
      // What the system shows of others' values and secrets, whether any table here has a masked column or not.
      if (statements.some((statement) => showsSystem(statement, snapshot))) return true
      const sensitive = sensitiveRelations(snapshot, plan)
      if (sensitive.size === 0) return false
      if (statements.length === 0) return true                // nobody could parse it
      return statements.some(({ kind, command, relations, routines, unknown, effects }) =>
        kind === 'constraints_set' || kind === 'transaction' && settling.has(command)
        || unknown.some((reason) => !harmless.has(reason))
        || routines.some(({ isKnown, class: named }) => !isKnown || named !== undefined)
        || effects.includes('execute')
        || relations.some(({ oid, labels }) => oid === undefined || sensitive.has(oid) || labels?.includes('system_sensitive') === true))
    },
  }
}

/** What a cursor or a prepared text gives is in its outputs alone. */
function showsSystem({ relations, columns, outputs = [] }: Statement, snapshot: Snapshot): boolean {
  return relations.some(({ schema, name }) => isToldInPart(schema, name)) || [columns, ...outputs.map((output) => output.columns)].some((each) => each.some((use) => isOfSystem(snapshot, use)))
}

function isOfSystem(snapshot: Snapshot, { relation: oid, attribute }: BaseColumn): boolean {
  const relation = snapshot.relation(oid)
  return relation !== undefined && isSystemSchema(relation.schema) && relation.columns.some((column) => column.attribute === attribute && isSensitiveSystemColumn(relation, column))
}
