// Statements that say themselves what they do to the relations they name: which is read, which is written, which rows are chosen.
import type { Access, Relation } from '../analysis.ts'
import { settingIfThere } from './commands.ts'
import { readEmbedded } from './embedded.ts'
import { kindOf } from './kinds.ts'
import { isNode, isOn, namesOf, onlyNode, optionsOf, textOf, type Node } from './nodes.ts'
import type { Notes } from './notes.ts'
import { findRelation } from './relations.ts'
import { chosenOf, givesAll, linked, type Chosen } from './chosen.ts'
import { restricts } from './restricts.ts'
import { target, use, type SetColumns } from './uses.ts'
import { walkInside, walkStatement, type Scope } from './walk.ts'

/** The lock that every SELECT takes, and no more (lockdefs.h): pg_dump takes it first. */
const accessShare = 1

/** Texts inside texts: DO bodies inside functions inside … */
const maxEmbedding = 8

export function effectsOf(notes: Notes, name: string, body: Node): void {
  const { effects, isBarrier, unknown } = kindOf(name)
  if (notes.isDry) { notes.effects.add('read'); return }
  // The VALUES of an INSERT read nothing.
  const said = name === 'SelectStmt' && Array.isArray(body['valuesLists']) ? [] : name === 'LockStmt' && body['mode'] === accessShare ? ['read'] as const : effects
  // Code that gives names of prepared statements and cursors: whoever called it has to look what they are.
  notes.does(said, isBarrier || notes.isBody && givesNames.has(name))
  if (unknown !== undefined) notes.unknown.add(unknown)
  if (name === 'SelectStmt' && Array.isArray(body['lockingClause'])) notes.effects.add('write')
  // What another session has done is kept or lost by it; what this one has done outlives it, with its locks.
  if (name === 'TransactionStmt' && twoPhase.has(body['kind'])) notes.effects.add('write')
  if (body['returningClause'] !== undefined) { notes.hasReturning = true; notes.effects.add('read') }
}

export function select(notes: Notes, body: Node, scope: Scope): void {
  const { intoClause, ...rest } = body
  if (isNode(intoClause)) into(notes, intoClause, scope)
  // FOR UPDATE names aliases, not relations: all of them may be locked.
  const { lockingClause, ...unlocked } = rest
  const there = scope.outer !== undefined ? undefined : settingIfThere(body, (schema, name) => isPgSettings(notes, schema, name))
  if (there !== undefined) notes.settingsThere.set(...there)
  walkInside(notes, unlocked, scope, 'read')
  if (lockingClause !== undefined) for (const { access } of notes.relations.values()) access.add('lock')
}

/** PostgreSQL's own, compared by its own `=`. */
function isPgSettings({ naming }: Notes, schema: string | undefined, name: string): boolean {
  const { use, relation } = findRelation(schema, name, naming)
  return relation !== undefined && use.schema === 'pg_catalog' && use.name === 'pg_settings' && naming.path.find((each) => !each.startsWith('pg_temp')) === 'pg_catalog'
}

/** SELECT INTO, CREATE TABLE AS: a new relation that holds what was read. */
function into(notes: Notes, clause: Node, scope: Scope): void {
  notes.does(['ddl', 'write'], true)
  target(notes, clause['rel'], ['ddl', 'insert'])
  const { rel: _, ...rest } = clause
  walkInside(notes, rest, scope, 'read')
}

export function createAs(notes: Notes, body: Node, scope: Scope): void {
  const { into: clause, ...rest } = body
  if (isNode(clause)) into(notes, clause, scope)
  walkInside(notes, rest, scope, 'read')
}

export function insert(notes: Notes, body: Node, scope: Scope): void {
  const conflict = isNode(body['onConflictClause']) ? body['onConflictClause'] : undefined
  const isUpsert = conflict?.['action'] === 'ONCONFLICT_UPDATE'
  // The rows it updates are those that the inserted ones meet: all of them, where it inserts what is there.
  if (isUpsert) {
    const chosen = chosenBy(notes, body, undefined)
    const { whereClause: where, ...query } = onlyNode(body['selectStmt'])?.[1] ?? {}
    notes.restricted = (notes.restricted ?? true) && (!givesAll({ SelectStmt: query }, chosen) || restricts(where) || restricts(conflict?.['whereClause'], chosen))
  }
  targets(notes, body, scope, isUpsert ? ['insert', 'update'] : ['insert'], setBy(conflict?.['targetList'], new Set(inferredBy(conflict))))
}

export function change(notes: Notes, body: Node, scope: Scope, access: 'update' | 'delete'): void {
  const where = body['whereClause']
  // A row for each turn of a loop may be every row.
  notes.restricted = (notes.restricted ?? true) && !notes.isLooped && restricts(where, linked(chosenBy(notes, body, body['fromClause'] ?? body['usingClause']), where))
  targets(notes, body, scope, [access], setBy(body['targetList']))
}

export function merge(notes: Notes, body: Node, scope: Scope): void {
  const access = new Set<Access>(['read'])
  const set = new Set<string>()
  const chosen = linked(chosenBy(notes, body, body['sourceRelation']), body['joinCondition'])
  for (const clause of Array.isArray(body['mergeWhenClauses']) ? body['mergeWhenClauses'] as readonly unknown[] : []) {
    const { matchKind, commandType, condition, targetList } = onlyNode(clause)?.[1] ?? {}
    if (commandType === 'CMD_INSERT') access.add('insert')
    if (commandType !== 'CMD_UPDATE' && commandType !== 'CMD_DELETE') continue
    access.add(commandType === 'CMD_UPDATE' ? 'update' : 'delete')
    for (const name of setBy(targetList)) set.add(name)
    // Rows that match no source row are chosen by nothing but the clause's own condition.
    const isChosen = matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE' ? restricts(condition, chosen) : restricts(body['joinCondition'], chosen) || restricts(condition, chosen)
    notes.restricted = (notes.restricted ?? true) && !notes.isLooped && isChosen
  }
  targets(notes, body, scope, [...access], set)
}

export function copy(notes: Notes, body: Node, scope: Scope): void {
  const { relation, ...rest } = body
  const isFrom = body['is_from'] === true
  notes.effects.add(isFrom ? 'write' : 'read')
  // A server's file or program is written to or run.
  if (body['is_program'] === true) notes.effects.add('execute')
  else if (body['filename'] !== undefined && !isFrom) notes.effects.add('write')
  if (relation !== undefined) target(notes, relation, isFrom ? ['insert'] : ['read'])
  walkInside(notes, rest, scope, 'read')
}

export function explain(notes: Notes, body: Node, scope: Scope): void {
  const wasDry = notes.isDry
  // Of several the last one counts, and any may be it.
  notes.isDry ||= !optionsOf(body['options'], 'analyze').some(isOn)
  walkInside(notes, body, scope, 'read')
  notes.isDry = wasDry
}

export function drop(notes: Notes, body: Node, scope: Scope): void {
  if (body['behavior'] === 'DROP_CASCADE' || body['removeType'] === 'OBJECT_SCHEMA') notes.unknown.add('unnamed_objects')
  for (const object of Array.isArray(body['objects']) ? body['objects'] as readonly unknown[] : []) named(notes, body['removeType'], object)
  walkInside(notes, body, scope, 'ddl')
}

/** A relation as a list of names: COMMENT ON, DROP. Of a column, trigger, rule or policy the last name is not the relation's. */
export function named(notes: Notes, type: unknown, object: unknown): void {
  const kind = typeof type === 'string' ? type : ''
  let names = namesOf(isNode(object) && isNode(object['List']) ? object['List']['items'] : undefined)
  if (partsOfRelations.has(kind)) names = names.slice(0, -1)
  else if (!relationTypes.has(kind)) return
  const name = names.at(-1)
  if (name !== undefined) use(notes, { schemaname: names.at(-2), relname: name }, ['ddl'])
}

/** The statement's own relation, which no CTE can stand for, and everything else. */
export function targets(notes: Notes, body: Node, scope: Scope, access: readonly Access[], set?: SetColumns): void {
  const { relation, ...rest } = body
  target(notes, relation, access, set)
  walkInside(notes, rest, scope, 'read')
}

export function doBlock(notes: Notes, body: Node): void {
  const embedded = readEmbedded(body)
  notes.cannotTell(embedded.unknown)
  if (++notes.embedding > maxEmbedding) notes.unknown.add('opaque_routine')
  else for (const { tree, isLooped } of embedded.statements) {
    const wasLooped = notes.isLooped
    notes.isLooped ||= isLooped
    walkStatement(notes, tree)
    notes.isLooped = wasLooped
  }
  notes.embedding--
}

/** @param same columns that are what they were, where they are set to what was to be inserted: it met the row by them */
function setBy(list: unknown, same: ReadonlySet<string> = new Set()): ReadonlySet<string> {
  const targets: readonly unknown[] = Array.isArray(list) ? list : []
  return new Set(targets.flatMap((target) => {
    const { name: said, val } = onlyNode(target)?.[1] ?? {}
    const name = textOf(said)
    const from = isNode(val) && isNode(val['ColumnRef']) ? namesOf(val['ColumnRef']['fields']).join('.') : undefined
    return name === undefined || same.has(name) && from === `excluded.${name}` ? [] : [name]
  }))
}

function inferredBy(conflict: Node | undefined): string[] {
  const infer = conflict?.['infer']
  const elements: readonly unknown[] = isNode(infer) && Array.isArray(infer['indexElems']) ? infer['indexElems'] : []
  return elements.flatMap((element) => textOf(onlyNode(element)?.[1]['name']) ?? [])
}

const givesNames = new Set(['PrepareStmt', 'DeallocateStmt', 'DeclareCursorStmt', 'ClosePortalStmt'])
const twoPhase: ReadonlySet<unknown> = new Set(['TRANS_STMT_PREPARE', 'TRANS_STMT_COMMIT_PREPARED', 'TRANS_STMT_ROLLBACK_PREPARED'])

function chosenBy({ naming }: Notes, statement: Node, from: unknown): Chosen {
  const found = (range: Node): Relation | undefined => findRelation(textOf(range['schemaname']), textOf(range['relname']) ?? '', naming).relation
  const relation = isNode(statement['relation']) ? found(statement['relation']) : undefined
  return chosenOf(statement, from, {
    columns: relation === undefined ? undefined : new Set(relation.columns.map(({ name }) => name)),
    // Which of a view's own may be null is not told.
    filled: new Set(relation?.columns.filter(({ isFilled }) => isFilled === true || relation.kind === 'v').map(({ name }) => name)),
    isSame: (range) => relation !== undefined && found(range) === relation,
  })
}

const relationTypes = new Set(['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_SEQUENCE', 'OBJECT_INDEX', 'OBJECT_FOREIGN_TABLE'])
const partsOfRelations = new Set(['OBJECT_COLUMN', 'OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY', 'OBJECT_TABCONSTRAINT'])
