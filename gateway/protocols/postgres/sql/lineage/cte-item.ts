// A FROM entry that names a WITH query.
import { lost, type Context } from './context.ts'
import { resolveCte } from './cte.ts'
import { findCte, type Item, type Scope } from './scope.ts'

export function findCteItem(context: Context, scope: Scope, name: string): Item | undefined {
  const cte = findCte(scope, name)
  if (cte === undefined) return undefined
  if (cte.state === 'running' && !cte.isRecursive) return { name, fields: [], isNamed: true, isListed: true, open: lost(context, 'unresolved_relation') }
  resolveCte(context, cte)
  context.effort.spend(cte.fields.length)
  const added = scope.ctes.has(name) ? 0 : cte.added
  const fields = added === 0 ? cte.fields : cte.fields.map((field, at) => at < cte.fields.length - added ? field : { ...field, isUnlisted: true })
  return { name, fields, isNamed: true, isListed: true, open: cte.open }
}
