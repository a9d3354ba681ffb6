// What decides whether something else is run: COALESCE, AND, OR, BETWEEN, IN, rows, subscripts and ANY stop where the outcome is known. A sequence that went on,
// a number that was drawn, a lock, or a table that was scanned then tells the outcome to whoever asks for it later; an error that came, at once.
import type { Routine } from '../analysis.ts'
import type { Context } from './context.ts'
import type { Scope } from './scope.ts'
import { isTraced } from './system.ts'
import { bodyAt, listAt, qualifiedName, stringsOf, walk, type Body } from './tree.ts'
import type { Uses } from './uses.ts'
import type { Value } from './value.ts'

/** Notes a search by what feeds `guard` where any of these nodes may leave a trace of having been run. A column's own value tells no more than that there is one. */
export function noteGuard(context: Context, guard: Value, nodes: readonly unknown[], scope: Scope): void {
  if (guard.columns.size > 0 && guard.isPlain !== true && nodes.some((node) => leavesTrace(context, node, scope))) context.uses.use(guard, 'predicate', 'other')
}

/** Notes that whether something fails is up to what feeds `guard`. @param risks how much may fail behind it */
export function noteLast({ uses }: Context, guard: Value, risks: number): void {
  if (risks > 0 && guard.columns.size > 0 && guard.isPlain !== true) uses.fail([guard], uses.risk)
}

/** A body that somebody wrote, run or not as its arguments say: one that is strict is not run for NULL, and others choose what to do. */
export function noteSteered(context: Context, args: readonly Value[], all: Value, body: Uses): void {
  if (all.columns.size === 0 || !body.leavesTrace()) return
  if (body.isSteered || args.some((each) => each.columns.size > 0 && each.isPlain !== true)) context.uses.use(all, 'predicate', 'other')
}

function leavesTrace({ naming: { snapshot }, effort }: Context, root: unknown, { frame: { path } }: Scope): boolean {
  let found = false
  const calls = (name: string, schema?: string): readonly Routine[] => snapshot.findRoutines(schema, name, path)
  const behind = (oids: readonly number[]): boolean => oids.some((oid) => { const routine = snapshot.routine(oid); return routine === undefined || isOwn(routine) })
  walk(root, (body, tag) => {
    effort.spend(1)
    if (found) return
    switch (tag) {
      case 'SubLink': found = true; return
      case 'FuncCall': { const { schema, name } = qualifiedName(listAt(body, 'funcname')); found = calls(name, schema).some(isNoticed); return }
      case 'A_Expr': found = behind(snapshot.operators(qualifiedName(listAt(body, 'name')).name)); return
      case 'TypeCast': { const type = typeOf(body); found = type !== undefined && (behind(snapshot.casts(type.oid)) || behind(type.routines ?? [])); return }
      // `row.f` may call f(row).
      case 'ColumnRef': { const names = stringsOf(listAt(body, 'fields')); found = names.length > 1 && calls(names.at(-1) ?? '').some(isOwn); return }
      case 'A_Indirection': found = stringsOf(listAt(body, 'indirection')).some((name) => calls(name).some(isOwn)); return
      default:
    }
  })
  return found

  function typeOf(cast: Body) {
    const { schema, name } = qualifiedName(listAt(bodyAt(cast, 'typeName') ?? {}, 'names'))
    return snapshot.findType(schema, name, path)
  }
}

/** Somebody's body: it may read tables, and the server may count its calls. Native code that computes does neither. */
const isOwn = ({ schema, language, volatility }: Routine): boolean => schema !== 'pg_catalog' && !(volatility === 'i' && (language === 'c' || language === 'internal'))
const isNoticed = (routine: Routine): boolean => routine.schema === 'pg_catalog' ? isTraced(routine) : isOwn(routine)
