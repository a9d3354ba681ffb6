// One walk over every key of a parse tree, so that a node this folder does not know cannot hide a relation. What has a meaning of its own is in
// statements.ts, calls.ts and uses.ts; everything else is walked through.
import type { Access } from '../analysis.ts'
import { callDotted, callOf, operator, typeNamed } from './calls.ts'
import { settingOf } from './commands.ts'
import { isKnownKind, kindOf } from './kinds.ts'
import { isNode, namesOf, onlyNode, textOf, type Node } from './nodes.ts'
import type { Notes } from './notes.ts'
import { operatorsBehind } from './operators.ts'
import { change, copy, createAs, doBlock, drop, effectsOf, explain, insert, merge, named, select, targets } from './statements.ts'
import { named as namedRelation } from './uses.ts'

/** Names of CTEs in sight: they hide relations of the same name. Those of an outer WITH are not copied: a text may have ten thousand of each. */
export interface Scope { readonly names: ReadonlySet<string>; readonly outer: Scope | undefined }
const noScope: Scope = { names: new Set(), outer: undefined }
/** Nodes that take nothing as another type. */
const givenAsIs = new Set(['SelectStmt', 'ResTarget', 'ColumnRef', 'A_Star', 'RangeVar', 'String'])

/** A statement: the whole, or one inside another. @throws RangeError when the tree is too deep to walk */
export function walkStatement(notes: Notes, node: unknown, scope: Scope = noScope): void {
  const only = onlyNode(node)
  if (only === undefined) return
  walkNode(notes, only[0], only[1], scope, isKnownKind(only[0]) ? 'read' : 'ddl', true)
}

/** Routines' bodies and blocks: several statements, and the calls that only all of their relations tell. */
export function walkBody(notes: Notes, statements: readonly unknown[]): void {
  for (const statement of statements) walkStatement(notes, statement)
  callDotted(notes)
}

function walkAll(notes: Notes, value: unknown, scope: Scope, access: Access): void {
  if (Array.isArray(value)) {
    for (const item of value) walkAll(notes, item, scope, access)
  } else if (isNode(value)) walkInside(notes, value, scope, access)
}

/** A node's body, or a wrapper `{ Name: body }`: both are objects, and every key is looked at. */
export function walkInside(notes: Notes, value: Node, scope: Scope, access: Access): void {
  if (typeof value['relname'] === 'string') namedRelation(notes, value, scope, access)
  const inner = isNode(value['withClause']) ? walkWith(notes, value['withClause'], scope) : scope
  const outer = notes.place
  const isQuery = value['fromClause'] !== undefined || value['whereClause'] !== undefined
  for (const name in value) {
    const child = value[name]
    if (name === 'withClause' || typeof child !== 'object' || child === null) continue
    if (isQuery) notes.place = { query: value, key: name, outer }
    if (isNode(child) && name.charCodeAt(0) < 0x61) walkNode(notes, name, child, inner, access, false)
    // The arms of a set operation and the call of CALL are bodies without a wrapper.
    else if (isNode(child) && (name === 'larg' || name === 'rarg')) walkNode(notes, 'SelectStmt', child, inner, 'read', false)
    else if (isNode(child) && name === 'funccall') callOf(notes, child, inner, access)
    else if (isNode(child) && name === 'typeName') typeNamed(notes, child, inner, access)
    else walkAll(notes, child, inner, access)
  }
  notes.place = outer
}

/** Each CTE sees those before it, or all of them when the clause is recursive. */
function walkWith(notes: Notes, clause: Node, scope: Scope): Scope {
  const ctes = Array.isArray(clause['ctes']) ? clause['ctes'] as readonly unknown[] : []
  const names = ctes.map((cte) => { const body = onlyNode(cte)?.[1]; return textOf(body?.['ctename']) })
  const isRecursive = clause['recursive'] === true
  const own = new Set<string>()
  const visible: Scope = { names: own, outer: scope }
  if (isRecursive) for (const name of names) if (name !== undefined) own.add(name)
  ctes.forEach((cte, i) => {
    walkAll(notes, cte, visible, 'read')
    const name = names[i]
    if (name !== undefined) own.add(name)
  })
  return visible
}

function walkNode(notes: Notes, name: string, body: Node, scope: Scope, access: Access, isStatement: boolean): void {
  if (isStatement || name.endsWith('Stmt')) effectsOf(notes, name, body)
  if (!givenAsIs.has(name) || body['larg'] !== undefined) notes.computes = true
  for (const behind of operatorsBehind(name, body)) operator(notes, [behind])
  switch (name) {
    case 'SelectStmt': return select(notes, body, scope)
    case 'InsertStmt': return insert(notes, body, scope)
    case 'UpdateStmt': return change(notes, body, scope, 'update')
    case 'DeleteStmt': return change(notes, body, scope, 'delete')
    case 'MergeStmt': return merge(notes, body, scope)
    case 'CopyStmt': return copy(notes, body, scope)
    case 'ExplainStmt': return explain(notes, body, scope)
    case 'CreateTableAsStmt': return createAs(notes, body, scope)
    case 'TruncateStmt':
      if (body['behavior'] === 'DROP_CASCADE') notes.unknown.add('unnamed_objects')
      return walkInside(notes, body, scope, 'truncate')
    case 'LockStmt': return walkInside(notes, body, scope, 'lock')
    case 'RefreshMatViewStmt': return targets(notes, body, scope, ['insert'])
    case 'ExecuteStmt': notes.unknown.add('unresolved_prepared'); break
    case 'DropStmt': return drop(notes, body, scope)
    case 'CommentStmt': case 'SecLabelStmt': return named(notes, body['objtype'], body['object'])
    case 'AlterObjectSchemaStmt': case 'RenameStmt': case 'AlterOwnerStmt':
      if (name === 'RenameStmt' && body['renameType'] === 'OBJECT_SCHEMA') notes.unknown.add('unnamed_objects')
      return walkInside(notes, body, scope, 'ddl')
    case 'DoStmt': return doBlock(notes, body)
    case 'FuncCall': return callOf(notes, body, scope, access)
    case 'A_Expr': case 'SubLink': operator(notes, namesOf(body['name'] ?? body['operName'])); break
    case 'SortBy': operator(notes, namesOf(body['useOp'])); break
    case 'A_Const': return constant(notes, body)
    case 'A_Indirection': for (const field of namesOf(body['indirection'])) notes.dotted.add(field); break
    case 'ColumnRef': { const fields = namesOf(body['fields']); if (fields.length > 1) notes.dotted.add(fields.at(-1) ?? ''); return }
    case 'CurrentOfExpr': notes.isAtCursor = true; break
    case 'VariableSetStmt': notes.settings.push(settingOf(body)); break
    case 'CommonTableExpr': case 'RangeSubselect': return walkInside(notes, body, scope, 'read')
    default:
  }
  walkInside(notes, body, scope, isStatement || name.endsWith('Stmt') ? statementAccess(name) : access)
}

/** Where it stands is all that is read of it here: its value is the caller's. */
function constant(notes: Notes, body: Node): void {
  const at = body['location'] ?? 0
  if (notes.embedding > 0 || typeof at !== 'number') return
  notes.constants.push(at)
  if (body['boolval'] !== undefined) notes.booleans.push(at)
}

/** What a relation is to a statement that has no handler of its own. */
function statementAccess(name: string): Access {
  return kindOf(name).effects.some((effect) => effect === 'ddl' || effect === 'dcl' || effect === 'maintenance') ? 'ddl' : 'read'
}
