// What one statement does, as policy reads it: kind, effects, relations with access, routines, WHERE, LIMIT. One walk over every key of
// the parse tree, so that a node this file does not know cannot hide a relation; names resolve as the server would resolve them now.
import type { Access, Effect, Naming, Relation, RelationUse, Routine, RoutineUse, SettingUse, Statement } from '../analysis.ts'
import { bodyOfRoutine } from '../bodies.ts'
import { readEmbedded } from './embedded.ts'
import { isKnownKind, kindName, kindOf } from './kinds.ts'
import { isNode, isOn, namesOf, onlyNode, optionsOf, textOf, type Node } from './nodes.ts'
import { expandRelation, findRelation } from './relations.ts'
import { operatorsBehind } from './operators.ts'
import { restricts } from './restricts.ts'
import { isSystemSchema } from '../system-relations.ts'
import { droppable } from '../void-parameters.ts'
import { findRoutine, foundByOid, type FoundRoutine } from './routines.ts'
import { commandOf, settingOf } from './commands.ts'

/** What facts.ts says of a statement; columns, outputs and flows come from lineage. */
export type Facts = Omit<Statement, 'columns' | 'outputs' | 'flows'>

export interface FactsResult {
  readonly facts: Facts
  /** Where constants stand in the text, in bytes: A_Const, and those that are `true` or `false`. */
  readonly constants: readonly number[]
  readonly booleans: readonly number[]
}

/** Names of CTEs in sight: they hide relations of the same name. */
type Scope = ReadonlySet<string>
const noScope: Scope = new Set()
/** Texts inside texts: DO bodies inside functions inside … */
const maxEmbedding = 8
/** Routines behind relations, operators, casts, and routines behind those, of one statement. */
const maxReached = 200
/** Nodes that take nothing as another type. */
const givenAsIs = new Set(['SelectStmt', 'ResTarget', 'ColumnRef', 'A_Star', 'RangeVar', 'String'])
/** Types made of types. */
const maxTypes = 200

/** @param node one `stmt` of a parse tree. @throws RangeError when the tree is too deep to walk */
export function readFacts(node: unknown, naming: Naming): FactsResult {
  const walk = new Walk(naming)
  walk.statement(node)
  return walk.result(node)
}

class Walk {
  readonly #naming: Naming
  readonly #effects = new Set<Effect>()
  readonly #unknown = new Set<string>()
  readonly #relations = new Map<string, { use: RelationUse; access: Set<Access> }>()
  readonly #routines = new Map<string, RoutineUse>()
  readonly #settings: SettingUse[] = []
  readonly #constants: number[] = []
  readonly #booleans: number[] = []
  /** `x.name` may call a routine: decided when all relations are known. */
  readonly #dotted = new Set<string>()
  #isBarrier = false
  #hasReturning = false
  /** Every UPDATE and DELETE has a WHERE that restricts; undefined while there is none. */
  #restricted: boolean | undefined
  /** Inside EXPLAIN without ANALYZE: nothing runs. */
  #isDry = false
  #embedding = 0
  /** By OID; shared with the walks through bodies. */
  readonly #reachedRoutines: Set<number>
  readonly #isBody: boolean
  readonly #policyRelations = new Set<number>()
  /** Something in it may be cast without a word. */
  #computes = false

  /** @param reached of the walk through whose statement this body is reached */
  constructor(naming: Naming, reached?: Set<number>) {
    this.#naming = naming
    this.#reachedRoutines = reached ?? new Set()
    this.#isBody = reached !== undefined
  }

  /** A statement: the whole, or one inside another. */
  statement(node: unknown, scope: Scope = noScope): void {
    const only = onlyNode(node)
    if (only === undefined) return
    this.#node(only[0], only[1], scope, isKnownKind(only[0]) ? 'read' : 'ddl', true)
  }

  result(node: unknown): FactsResult {
    const [name, body] = onlyNode(node) ?? ['', {}]
    this.#callDotted()
    if (!this.#isBody && this.#computes) this.#reach(this.#naming.snapshot.implicitCasts)
    const relations = [...this.#relations.values()].map(({ use, access }): RelationUse => ({ ...use, access: [...access] }))
    const limit = limitOf(body)
    const command = commandOf(name, body)
    const prepared = name === 'ExecuteStmt' || name === 'DeallocateStmt' || name === 'PrepareStmt' ? textOf(body['name']) : undefined
    const facts: Facts = {
      kind: kindName(name), ...command === undefined ? {} : { command }, ...prepared === undefined ? {} : { prepared },
      ...this.#settings.length === 0 ? {} : { settings: this.#settings },
      effects: this.#effects.size === 0 ? ['read'] : [...this.#effects], relations, routines: [...this.#routines.values()],
      hasWhere: this.#restricted ?? restricts(body['whereClause']), ...limit === undefined ? {} : { limit },
      hasReturning: this.#hasReturning, isBarrier: this.#isBarrier, unknown: [...this.#unknown],
    }
    return { facts, constants: this.#constants, booleans: this.#booleans }
  }

  #visit(value: unknown, scope: Scope, access: Access): void {
    if (Array.isArray(value)) {
      for (const item of value) this.#visit(item, scope, access)
    } else if (isNode(value)) this.#object(value, scope, access)
  }

  /** A node's body, or a wrapper `{ Name: body }`: both are objects, and every key is looked at. */
  #object(value: Node, scope: Scope, access: Access): void {
    if (typeof value['relname'] === 'string') this.#relation(value, scope, access)
    const inner = isNode(value['withClause']) ? this.#with(value['withClause'], scope) : scope
    for (const name in value) {
      const child = value[name]
      if (name === 'withClause' || typeof child !== 'object' || child === null) continue
      if (isNode(child) && name.charCodeAt(0) < 0x61) this.#node(name, child, inner, access, false)
      // The arms of a set operation and the call of CALL are bodies without a wrapper.
      else if (isNode(child) && (name === 'larg' || name === 'rarg')) this.#node('SelectStmt', child, inner, 'read', false)
      else if (isNode(child) && name === 'funccall') this.#call(child, inner, access)
      else if (isNode(child) && name === 'typeName') this.#type(child, inner, access)
      else this.#visit(child, inner, access)
    }
  }

  /** Each CTE sees those before it, or all of them when the clause is recursive. */
  #with(clause: Node, scope: Scope): Scope {
    const ctes = Array.isArray(clause['ctes']) ? clause['ctes'] as readonly unknown[] : []
    const names = ctes.map((cte) => { const body = onlyNode(cte)?.[1]; return textOf(body?.['ctename']) })
    const isRecursive = clause['recursive'] === true
    const visible = new Set(scope)
    if (isRecursive) for (const name of names) if (name !== undefined) visible.add(name)
    ctes.forEach((cte, i) => {
      this.#visit(cte, visible, 'read')
      const name = names[i]
      if (name !== undefined) visible.add(name)
    })
    return visible
  }

  #node(name: string, body: Node, scope: Scope, access: Access, isStatement: boolean): void {
    if (isStatement || name.endsWith('Stmt')) this.#effectsOf(name, body)
    if (!givenAsIs.has(name) || body['larg'] !== undefined) this.#computes = true
    for (const operator of operatorsBehind(name, body)) this.#operator([operator])
    switch (name) {
      case 'SelectStmt': return this.#select(body, scope)
      case 'InsertStmt': return this.#insert(body, scope)
      case 'UpdateStmt': return this.#change(body, scope, 'update')
      case 'DeleteStmt': return this.#change(body, scope, 'delete')
      case 'MergeStmt': return this.#merge(body, scope)
      case 'CopyStmt': return this.#copy(body, scope)
      case 'ExplainStmt': return this.#explain(body, scope)
      case 'CreateTableAsStmt': return this.#createAs(body, scope)
      case 'TruncateStmt':
        if (body['behavior'] === 'DROP_CASCADE') this.#unknown.add('unnamed_objects')
        return this.#object(body, scope, 'truncate')
      case 'LockStmt': return this.#object(body, scope, 'lock')
      case 'RefreshMatViewStmt': return this.#targets(body, scope, ['insert'])
      case 'ExecuteStmt': this.#unknown.add('unresolved_prepared'); break
      case 'DropStmt': return this.#drop(body, scope)
      case 'CommentStmt': case 'SecLabelStmt': return this.#named(body['objtype'], body['object'])
      case 'AlterObjectSchemaStmt': case 'RenameStmt': case 'AlterOwnerStmt': return this.#object(body, scope, 'ddl')
      case 'DoStmt': return this.#do(body)
      case 'FuncCall': return this.#call(body, scope, access)
      case 'A_Expr': case 'SubLink': this.#operator(namesOf(body['name'] ?? body['operName'])); break
      case 'SortBy': this.#operator(namesOf(body['useOp'])); break
      case 'A_Const': return this.#constant(body)
      case 'A_Indirection': for (const field of namesOf(body['indirection'])) this.#dotted.add(field); break
      case 'ColumnRef': { const fields = namesOf(body['fields']); if (fields.length > 1) this.#dotted.add(fields.at(-1) ?? ''); return }
      case 'VariableSetStmt': this.#settings.push(settingOf(body)); break
      case 'CommonTableExpr': case 'RangeSubselect': return this.#object(body, scope, 'read')
      default:
    }
    this.#object(body, scope, isStatement || name.endsWith('Stmt') ? statementAccess(name) : access)
  }

  #effectsOf(name: string, body: Node): void {
    const { effects, isBarrier, unknown } = kindOf(name)
    if (this.#isDry) { this.#effects.add('read'); return }
    // The VALUES of an INSERT read nothing.
    if (!(name === 'SelectStmt' && Array.isArray(body['valuesLists']))) for (const effect of effects) this.#effects.add(effect)
    if (isBarrier) this.#isBarrier = true
    if (unknown !== undefined) this.#unknown.add(unknown)
    if (name === 'SelectStmt' && Array.isArray(body['lockingClause'])) this.#effects.add('write')
    if (body['returningClause'] !== undefined) { this.#hasReturning = true; this.#effects.add('read') }
  }

  #select(body: Node, scope: Scope): void {
    const { intoClause, ...rest } = body
    if (isNode(intoClause)) this.#into(intoClause, scope)
    // FOR UPDATE names aliases, not relations: all of them may be locked.
    const { lockingClause, ...unlocked } = rest
    this.#object(unlocked, scope, 'read')
    if (lockingClause !== undefined) for (const { access } of this.#relations.values()) access.add('lock')
  }

  /** SELECT INTO, CREATE TABLE AS: a new relation that holds what was read. */
  #into(clause: Node, scope: Scope): void {
    if (!this.#isDry) { this.#effects.add('ddl'); this.#effects.add('write'); this.#isBarrier = true }
    this.#target(clause['rel'], ['ddl', 'insert'])
    const { rel: _, ...rest } = clause
    this.#object(rest, scope, 'read')
  }

  #createAs(body: Node, scope: Scope): void {
    const { into, ...rest } = body
    if (isNode(into)) this.#into(into, scope)
    this.#object(rest, scope, 'read')
  }

  #insert(body: Node, scope: Scope): void {
    const conflict = isNode(body['onConflictClause']) ? body['onConflictClause'] : undefined
    const isUpsert = conflict?.['action'] === 'ONCONFLICT_UPDATE'
    // The rows it updates are those that the inserted ones meet.
    if (isUpsert) this.#restricted ??= true
    this.#targets(body, scope, isUpsert ? ['insert', 'update'] : ['insert'])
  }

  #change(body: Node, scope: Scope, access: 'update' | 'delete'): void {
    this.#restricted = (this.#restricted ?? true) && restricts(body['whereClause'], namesOfTarget(body['relation']))
    this.#targets(body, scope, [access])
  }

  #merge(body: Node, scope: Scope): void {
    const access = new Set<Access>(['read'])
    for (const clause of Array.isArray(body['mergeWhenClauses']) ? body['mergeWhenClauses'] as readonly unknown[] : []) {
      const { matchKind, commandType, condition } = onlyNode(clause)?.[1] ?? {}
      if (commandType === 'CMD_INSERT') access.add('insert')
      if (commandType !== 'CMD_UPDATE' && commandType !== 'CMD_DELETE') continue
      access.add(commandType === 'CMD_UPDATE' ? 'update' : 'delete')
      // Rows that match no source row are chosen by nothing but the clause's own condition.
      const isChosen = matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE' ? restricts(condition) : restricts(body['joinCondition']) || restricts(condition)
      this.#restricted = (this.#restricted ?? true) && isChosen
    }
    this.#targets(body, scope, [...access])
  }

  #copy(body: Node, scope: Scope): void {
    const { relation, ...rest } = body
    const isFrom = body['is_from'] === true
    this.#effects.add(isFrom ? 'write' : 'read')
    // A server's file or program is written to or run.
    if (body['is_program'] === true) this.#effects.add('execute')
    else if (body['filename'] !== undefined && !isFrom) this.#effects.add('write')
    if (relation !== undefined) this.#target(relation, isFrom ? ['insert'] : ['read'])
    this.#object(rest, scope, 'read')
  }

  #explain(body: Node, scope: Scope): void {
    const wasDry = this.#isDry
    // Of several the last one counts, and any may be it.
    this.#isDry ||= !optionsOf(body['options'], 'analyze').some(isOn)
    this.#object(body, scope, 'read')
    this.#isDry = wasDry
  }

  #drop(body: Node, scope: Scope): void {
    if (body['behavior'] === 'DROP_CASCADE' || body['removeType'] === 'OBJECT_SCHEMA') this.#unknown.add('unnamed_objects')
    for (const object of Array.isArray(body['objects']) ? body['objects'] as readonly unknown[] : []) this.#named(body['removeType'], object)
    this.#object(body, scope, 'ddl')
  }

  /** A relation as a list of names: COMMENT ON, DROP. Of a column, trigger, rule or policy the last name is not the relation's. */
  #named(type: unknown, object: unknown): void {
    const kind = typeof type === 'string' ? type : ''
    let names = namesOf(isNode(object) && isNode(object['List']) ? object['List']['items'] : undefined)
    if (partsOfRelations.has(kind)) names = names.slice(0, -1)
    else if (!relationTypes.has(kind)) return
    const name = names.at(-1)
    if (name !== undefined) this.#use({ schemaname: names.at(-2), relname: name }, ['ddl'])
  }

  /** The statement's own relation, which no CTE can stand for, and everything else. */
  #targets(body: Node, scope: Scope, access: readonly Access[]): void {
    const { relation, ...rest } = body
    this.#target(relation, access)
    this.#object(rest, scope, 'read')
  }

  #target(relation: unknown, access: readonly Access[]): void {
    if (isNode(relation) && typeof relation['relname'] === 'string') this.#use(relation, access)
    else if (relation !== undefined) this.#unknown.add('unresolved_relation')
  }

  #relation(range: Node, scope: Scope, access: Access): void {
    const name = range['relname'] as string
    if (access === 'read' && range['schemaname'] === undefined && scope.has(name)) return
    this.#use(range, [access])
  }

  #use(range: Node, access: readonly Access[]): void {
    const said: readonly Access[] = this.#isDry ? ['read'] : access
    const found = findRelation(textOf(range['schemaname']), String(range['relname']), this.#naming)
    if (found.relation === undefined && !access.every((one) => one === 'ddl' || one === 'insert' && access.includes('ddl'))) this.#unknown.add('unresolved_relation')
    this.#add(found.use, said)
    if (found.relation === undefined) return
    // A view's definition can change and its base tables stay; filling a materialised view reads them.
    const behind = said.filter((one) => one !== 'ddl')
    if (behind.length === 0) return
    this.#behind(found.relation, behind)
    for (const use of expandRelation(found.relation, this.#naming)) {
      this.#add(use, found.relation.kind === 'm' ? ['read'] : behind)
      const relation = use.oid === undefined ? undefined : this.#naming.snapshot.relation(use.oid)
      if (relation !== undefined && found.relation.kind !== 'm') this.#behind(relation, behind)
    }
  }

  /** What runs when the relation is read or written, though nobody calls it. */
  #behind(relation: Relation, access: readonly Access[]): void {
    this.#reach(relation.readRoutines ?? [])
    for (const oid of relation.policyRelations ?? []) this.#policyReads(oid)
    for (const name of relation.calls ?? []) this.#found(findRoutine(['pg_catalog', name], 0, this.#naming))
    if (access.some((one) => one !== 'read' && one !== 'lock')) for (const oid of [...relation.triggers ?? [], ...relation.writeRoutines ?? []]) this.#note(oid)
  }

  #policyReads(oid: number): void {
    const relation = this.#naming.snapshot.relation(oid)
    if (relation === undefined || this.#policyRelations.has(oid)) return
    this.#policyRelations.add(oid)
    this.#use({ schemaname: relation.schema, relname: relation.name }, ['read'])
  }

  /** Does what these routines do, as far as their bodies tell: a policy's function that only reads makes nothing of a SELECT but a SELECT. */
  #reach(oids: readonly number[]): void {
    for (const oid of oids) {
      const routine = this.#naming.snapshot.routine(oid)
      if (routine === undefined) for (const found of foundByOid([oid], this.#naming)) this.#found(found)
      else if (!isSystemSchema(routine.schema)) this.#follow(routine)
    }
  }

  #follow(routine: Routine): void {
    if (this.#reachedRoutines.has(routine.oid)) return
    this.#reachedRoutines.add(routine.oid)
    const isTooMany = this.#reachedRoutines.size > maxReached
    const inside = isTooMany ? undefined : this.#through(routine)
    if (!isTooMany) this.#reach(routine.parts ?? [])
    if (inside !== undefined) this.#take(routine, inside)
    // Aggregates are what their parts are; C code that is not volatile is trusted.
    else if (isTooMany || !(routine.kind === 'a' || (routine.language === 'c' || routine.language === 'internal') && routine.volatility !== 'v')) this.#distrust(routine)
    else this.#routines.set(`${routine.schema}.${routine.name}`, useOf(routine, true))
  }

  /** undefined: its body cannot be followed. */
  #through(routine: Routine): Walk | undefined {
    const body = bodyOfRoutine(routine, this.#naming)
    if (body === undefined || !body.isWhole) return undefined
    const inside = new Walk({ snapshot: this.#naming.snapshot, path: body.path }, this.#reachedRoutines)
    for (const statement of body.statements) inside.statement(statement)
    inside.#callDotted()
    return inside
  }

  #take(routine: Routine, inside: Walk): void {
    this.#routines.set(`${routine.schema}.${routine.name}`, useOf(routine, inside.#unknown.size === 0))
    this.#list(inside, `${routine.schema}.${routine.name}()`)
    if (this.#isDry) return
    for (const reason of inside.#unknown) this.#unknown.add(reason)
    const effects = [...inside.#effects].filter((effect) => effect !== 'read')
    if (effects.length > 0) this.#effects.add('execute')
    for (const effect of effects) this.#effects.add(effect)
    if (inside.#isBarrier) this.#isBarrier = true
  }

  #distrust(routine: Routine): void {
    this.#routines.set(`${routine.schema}.${routine.name}`, useOf(routine, false))
    this.#unknown.add('opaque_routine')
    if (this.#isDry) return
    this.#effects.add('execute').add('write')
    this.#isBarrier = true
  }

  /** A trigger, a default, a check of a relation that is written: the statement writes as it is, and says what else it touches. */
  #note(oid: number): void {
    const routine = this.#naming.snapshot.routine(oid)
    if (routine === undefined || isSystemSchema(routine.schema) || this.#reachedRoutines.has(oid) || this.#reachedRoutines.size > maxReached) return
    this.#reachedRoutines.add(oid)
    const inside = this.#through(routine)
    this.#routines.set(`${routine.schema}.${routine.name}`, useOf(routine, inside !== undefined && inside.#unknown.size === 0))
    if (inside !== undefined) this.#list(inside, `${routine.schema}.${routine.name}()`)
  }

  #list(inside: Walk, via: string): void {
    for (const { use, access } of inside.#relations.values()) if (use.oid !== undefined) this.#add({ ...use, via: use.via ?? via }, [...access])
    for (const [key, use] of inside.#routines) if (!this.#routines.has(key)) this.#routines.set(key, use)
  }

  #add(use: RelationUse, access: readonly Access[]): void {
    const key = use.oid === undefined ? `${use.schema}.${use.name}` : String(use.oid)
    const known = this.#relations.get(key)
    if (known === undefined) this.#relations.set(key, { use, access: new Set(access) })
    else {
      for (const one of access) known.access.add(one)
      if (use.via === undefined && known.use.via !== undefined) known.use = use
    }
  }

  #call(body: Node, scope: Scope, access: Access): void {
    const args: readonly unknown[] = Array.isArray(body['args']) ? body['args'] : []
    this.#routine(namesOf(body['funcname']), args.length, droppable(args))
    if (namesOf(body['funcname']).at(-1) === 'set_config') this.#settings.push(settingOf(body))
    this.#object(body, scope, access)
  }

  #routine(names: readonly string[], count: number, dropped = 0): void {
    this.#found(findRoutine(names, count, this.#naming, dropped))
  }

  #found(found: FoundRoutine): void {
    // In a body it counts for what it does itself.
    if (this.#isBody && found.own !== undefined && found.use.class === undefined) return this.#reach(found.own.map(({ oid }) => oid))
    for (const { parts } of found.own ?? []) this.#reach(parts ?? [])
    this.#routines.set(`${found.use.schema}.${found.use.name}`, found.use)
    for (const reason of found.unknown) this.#unknown.add(reason)
    if (this.#isDry) return
    for (const effect of found.effects) this.#effects.add(effect)
    if (found.isBarrier) this.#isBarrier = true
  }

  /** Operators and casts run routines, too: those that are somebody's own. */
  #operator(names: readonly string[]): void {
    for (const found of foundByOid(this.#naming.snapshot.operators(names.at(-1) ?? ''), this.#naming)) this.#found(found)
  }

  /** A cast to it, or a column of it: casts and checks of the type and of all that it is made of. */
  #type(name: Node, scope: Scope, access: Access): void {
    this.#object(name, scope, access)
    const { snapshot, path } = this.#naming
    const names = namesOf(name['names'])
    const type = snapshot.findType(names.at(-2), names.at(-1) ?? '', path)
    if (type === undefined) return
    for (const found of foundByOid(snapshot.casts(type.oid), this.#naming)) this.#found(found)
    const seen = new Set([type.oid])
    const pending = [type]
    for (let next = pending.pop(); next !== undefined && seen.size < maxTypes; next = pending.pop()) {
      this.#reach(next.routines ?? [])
      const columns = next.relation === undefined ? [] : snapshot.relation(next.relation)?.columns ?? []
      for (const oid of [next.base, next.element, ...columns.map((column) => column.type)]) {
        const part = oid === undefined || seen.has(oid) ? undefined : snapshot.type(oid)
        if (part === undefined) continue
        seen.add(part.oid)
        pending.push(part)
      }
    }
  }

  /** `(x).f` and `t.f` call f(x) where x has no column f. */
  #callDotted(): void {
    const columns = new Set<string>()
    for (const { use } of this.#relations.values()) for (const column of use.oid === undefined ? [] : this.#naming.snapshot.relation(use.oid)?.columns ?? []) columns.add(column.name)
    for (const name of this.#dotted) {
      if (columns.has(name)) continue
      const routines = this.#naming.snapshot.findRoutines(undefined, name, this.#naming.path)
      if (routines.some((routine) => routine.argumentCount - routine.defaultCount <= 1)) this.#routine([name], 1)
    }
  }

  #constant(body: Node): void {
    const at = body['location'] ?? 0
    if (this.#embedding > 0 || typeof at !== 'number') return
    this.#constants.push(at)
    if (body['boolval'] !== undefined) this.#booleans.push(at)
  }

  #do(body: Node): void {
    const embedded = readEmbedded(body)
    for (const reason of embedded.unknown) this.#unknown.add(reason)
    if (++this.#embedding > maxEmbedding) this.#unknown.add('opaque_routine')
    else for (const statement of embedded.statements) this.statement(statement)
    this.#embedding--
  }
}

function useOf({ schema, name, volatility }: Routine, isKnown: boolean): RoutineUse {
  return { schema, name, volatility, isKnown }
}

/** A literal LIMIT, or FETCH FIRST. */
function limitOf(body: Node): number | undefined {
  const constant = isNode(body['limitCount']) && isNode(body['limitCount']['A_Const']) ? body['limitCount']['A_Const'] : undefined
  if (!isNode(constant?.['ival'])) return undefined
  const value = constant['ival']['ival'] ?? 0
  return typeof value === 'number' ? value : undefined
}

/** What the text may call the relation that a statement changes. */
function namesOfTarget(relation: unknown): ReadonlySet<string> {
  if (!isNode(relation)) return noScope
  const alias = isNode(relation['alias']) ? relation['alias']['aliasname'] : undefined
  return new Set([alias ?? relation['relname']].filter((name) => typeof name === 'string'))
}

/** What a relation is to a statement that has no handler of its own. */
function statementAccess(name: string): Access {
  return kindOf(name).effects.some((effect) => effect === 'ddl' || effect === 'dcl' || effect === 'maintenance') ? 'ddl' : 'read'
}

const relationTypes = new Set(['OBJECT_TABLE', 'OBJECT_VIEW', 'OBJECT_MATVIEW', 'OBJECT_SEQUENCE', 'OBJECT_INDEX', 'OBJECT_FOREIGN_TABLE'])
const partsOfRelations = new Set(['OBJECT_COLUMN', 'OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY', 'OBJECT_TABCONSTRAINT'])

