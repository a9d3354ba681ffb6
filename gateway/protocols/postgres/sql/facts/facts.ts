// What one statement does, as policy reads it: kind, effects, relations with access, routines, WHERE, LIMIT. Names resolve as the server would
// resolve them now. walk.ts goes through the tree, notes.ts gathers.
import type { Lineage, Naming, RelationUse, Statement } from '../analysis.ts'
import { callDotted } from './calls.ts'
import { commandOf } from './commands.ts'
import { kindName } from './kinds.ts'
import { foldedInto } from './folded.ts'
import { isNode, onlyNode, textOf, type Node } from './nodes.ts'
import { Notes } from './notes.ts'
import { reach } from './reached.ts'
import { restricts } from './restricts.ts'
import { walkStatement } from './walk.ts'

/** What facts.ts says of a statement; columns, outputs and flows come from lineage. */
export type Facts = Omit<Statement, 'columns' | 'outputs' | 'flows'>

export interface FactsResult {
  readonly facts: Facts
  /** Where constants stand in the text, in bytes: A_Const, and those that are `true` or `false`. */
  readonly constants: readonly number[]
  readonly booleans: readonly number[]
  /** EXPLAIN: what may stand in the plan beside what lineage finds. */
  readonly folded?: Lineage
}

/** @param node one `stmt` of a parse tree. @throws RangeError when the tree is too deep to walk */
export function readFacts(node: unknown, naming: Naming): FactsResult {
  const notes = new Notes(naming)
  walkStatement(notes, node)
  callDotted(notes)
  if (notes.computes) reach(notes, naming.snapshot.implicitCasts)
  const [name, body] = onlyNode(node) ?? ['', {}]
  const relations = [...notes.relations.values()].map(({ use, access }): RelationUse => ({ ...use, access: [...access] }))
  const limit = limitOf(name === 'CopyStmt' ? onlyNode(body['query'])?.[1] ?? {} : body)
  const command = commandOf(name, body)
  const prepared = name === 'ExecuteStmt' || name === 'DeallocateStmt' || name === 'PrepareStmt' ? textOf(body['name']) : undefined
  const facts: Facts = {
    kind: kindName(name), ...command === undefined ? {} : { command }, ...prepared === undefined ? {} : { prepared },
    ...notes.settings.length === 0 ? {} : { settings: notes.settings },
    effects: notes.effects.size === 0 ? ['read'] : [...notes.effects], relations, routines: [...notes.routines.values()],
    hasWhere: notes.restricted ?? restricts(body['whereClause']), ...limit === undefined ? {} : { limit },
    ...notes.isAtCursor ? { isAtCursor: true } : {}, hasReturning: notes.hasReturning, isBarrier: notes.isBarrier, unknown: [...notes.unknown],
  }
  const folded = name === 'ExplainStmt' ? foldedInto(notes.met, naming) : undefined
  return { facts, constants: notes.constants, booleans: notes.booleans, ...folded === undefined ? {} : { folded } }
}

/** A literal LIMIT, or FETCH FIRST without its ties, which are no bound. */
function limitOf(body: Node): number | undefined {
  if (body['limitOption'] === 'LIMIT_OPTION_WITH_TIES') return undefined
  const constant = isNode(body['limitCount']) && isNode(body['limitCount']['A_Const']) ? body['limitCount']['A_Const'] : undefined
  if (!isNode(constant?.['ival'])) return undefined
  const value = constant['ival']['ival'] ?? 0
  return typeof value === 'number' ? value : undefined
}
