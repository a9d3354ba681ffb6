// What feeds an expression: every node of the grammar's expressions, joined from its parts.
import { callFunction, operatorBodies } from './calls.ts'
import { compare, keepsWhole, test } from './comparisons.ts'
import { lost, miss, type Context } from './context.ts'
import { isTotal, noteCast, noteOperator, noteParts, noteReader } from './failing.ts'
import { noteGuard, noteLast } from './guards.ts'
import { collationOf, kindsOf, namedCollation, noteMeeting, noteSubscript, wideNumber } from './meetings.ts'
import { isOptionsColumn } from '../system-relations.ts'
import { compositeOf, ofNamedType, typedValue } from './relations.ts'
import { castBodies } from './routines.ts'
import { fieldValue, findColumn, findItem, wholeRow, type Scope } from './scope.ts'
import { traceSelect } from './select.ts'
import { traceList } from './targets.ts'
import { bodyAt, bodyOf, childrenOf, listAt, numberAt, qualifiedName, stringOf, stringsOf, tagged, textAt, type Body } from './tree.ts'
import { asScalar, empty, flat, kindsAmong, merge, noKind, rowValue, unpack, type Value } from './value.ts'

/** Nodes whose value is that of everything below them. */
const containers = new Set(['List', 'NamedArgExpr', 'MinMaxExpr', 'NullTest', 'BooleanTest', 'A_ArrayExpr', 'A_Indices', 'ResTarget', 'SortBy', 'WindowDef', 'XmlExpr', 'XmlSerialize',
  'JsonParseExpr', 'JsonScalarExpr', 'JsonSerializeExpr', 'JsonObjectConstructor', 'JsonArrayConstructor', 'JsonArrayQueryConstructor', 'JsonObjectAgg', 'JsonArrayAgg', 'JsonAggConstructor', 'JsonKeyValue', 'JsonValueExpr', 'JsonArgument',
  'JsonBehavior', 'JsonIsPredicate', 'JsonTablePathSpec', 'RangeTableFuncCol'])
/** Nodes that no column feeds. */
const inert = new Set(['SQLValueFunction', 'SetToDefault', 'CurrentOfExpr', 'MergeSupportFunc', 'TypeName', 'String', 'Integer', 'Float', 'Boolean', 'BitString', 'JsonOutput', 'JsonReturning', 'JsonFormat', 'A_Star'])
/** Operators that make a value of their sides; all others compare them. */
const constructive = new Set(['||', '+', '-', '*', '/', '%', '^', '->', '->>', '#>', '#>>', '#-', '&', '|', '#', '<<', '>>', '|/', '||/', '@', '!', '!!'])

export function evaluate(context: Context, node: unknown, scope: Scope): Value {
  const found = tagged(node)
  if (found === undefined) return empty
  context.effort.spend(1)
  const { uses } = context
  const before = uses.risks
  const given = context.effort.deeper(() => evaluateNode(context, found.tag, found.body, scope))
  const value = uses.risks > before && given.risk !== uses.risk ? { ...given, risk: uses.risk } : given
  if (context.made !== undefined && value.isPlain !== true) for (const column of value.columns) context.made.add(column)
  return value
}

export const evaluateAll = (context: Context, nodes: readonly unknown[], scope: Scope): Value => merge(nodes.map((node) => flat(evaluate(context, node, scope))))

function evaluateNode(context: Context, tag: string, body: Body, scope: Scope): Value {
  switch (tag) {
    case 'ColumnRef': {
      const value = columnReference(context, body, scope)
      if (value.risk !== undefined) context.uses.fail([], value.risk)
      return value
    }
    case 'A_Const': return constant(body, scope)
    case 'ParamRef': return parameter(body, scope)
    case 'TypeCast': return typeCast(context, body, scope)
    case 'CollateClause': return { ...flat(evaluate(context, body['arg'], scope)), collation: namedCollation(body, scope.frame.path) }
    case 'A_Expr': return operator(context, body, scope)
    case 'CaseExpr': return caseExpression(context, body, scope)
    case 'FuncCall': return callFunction(context, body, scope).value
    case 'SubLink': return subquery(context, body, scope)
    case 'RowExpr': {
      const { values, open } = traceList(context, listAt(body, 'args'), scope)
      return open === undefined ? rowValue(values.map((value, at) => ({ name: `f${at + 1}`, value }))) : { ...merge([...values, open]), isComposite: true }
    }
    case 'A_Indirection': return indirection(context, body, scope)
    case 'MultiAssignRef': return evaluate(context, body['source'], scope)
    case 'CoalesceExpr': case 'BoolExpr': {
      const args = listAt(body, 'args')
      const risks: number[] = []
      const values = args.map((each) => {
        const value = evaluate(context, each, scope)
        risks.push(context.uses.risks)
        return value
      })
      const all = context.uses.risks
      values.forEach((value, at) => {
        noteGuard(context, value, args.slice(at + 1), scope)
        noteLast(context, value, all - (risks[at] ?? 0))
      })
      if (tag === 'BoolExpr') return { ...merge(values.map(flat)), kinds: noKind }
      noteMeeting(context, 'coalesce', values)
      return { ...merge(values.map(flat)), kinds: kindsAmong(values) }
    }
    case 'JsonFuncExpr': case 'JsonTableColumn': {
      const value = evaluateAll(context, childrenOf(body), scope)
      noteReader(context, tag, value)
      noteGuard(context, value, [...listAt(body, 'passing'), body['pathspec'], body['on_empty'], body['on_error']], scope)
      return ofNamedType(context, value, bodyAt(bodyAt(body, 'output') ?? {}, 'typeName'), scope.frame)
    }
    case 'NullTest': {
      const before = context.uses.risks
      const value = evaluate(context, body['arg'], scope)
      // A row is NULL where each of its columns is: they are looked at one by one.
      if (value.isComposite === true) noteLast(context, value, context.uses.risks - before)
      return areOptions(context, value) ? empty : { ...flat(value), kinds: noKind }
    }
    case 'GroupingFunc': {
      context.uses.use(evaluateAll(context, listAt(body, 'args'), scope), 'group')
      return empty
    }
    case 'SelectStmt': {
      const output = traceSelect(context, body, scope)
      return merge([...output.fields.map((field) => flat(field.value)), ...output.open === undefined ? [] : [output.open]])
    }
    default: {
      if (inert.has(tag)) return empty
      if (tag === 'A_ArrayExpr' || tag === 'MinMaxExpr') {
        const parts = listAt(body, tag === 'A_ArrayExpr' ? 'elements' : 'args').map((each) => flat(evaluate(context, each, scope)))
        noteParts(context, tag === 'A_ArrayExpr' ? 'array' : 'greatest', parts)
        return { ...merge(parts), kinds: kindsAmong(parts), ...tag === 'A_ArrayExpr' ? { isBuilt: true } : {} }
      }
      const parts = childrenOf(body).map((each) => flat(evaluate(context, each, scope)))
      const value = tag === 'List' || tag === 'A_Indices' ? { ...merge(parts), kinds: kindsAmong(parts) } : merge(parts)
      noteReader(context, tag, value)
      return containers.has(tag) ? value : merge([value, lost(context, 'unknown_node')])
    }
  }
}

/** Whether a server or a user mapping has options at all, and which, is nobody's secret: what they say is. */
function areOptions({ naming: { snapshot } }: Context, value: Value): boolean {
  const [only, ...others] = value.columns
  if (only === undefined || others.length > 0 || value.isPlain !== true) return false
  const { relation: oid, attribute } = unpack(only)
  const relation = snapshot.relation(oid)
  return relation !== undefined && isOptionsColumn(relation, relation.columns.find((column) => column.attribute === attribute)?.name)
}

function columnReference(context: Context, body: Body, scope: Scope): Value {
  context.visited.add(body)
  const parts = listAt(body, 'fields')
  const names = stringsOf(parts)
  // `t.*` in an expression is the whole row of t, though a column be called t.
  const isStar = bodyOf(parts.at(-1), 'A_Star') !== undefined
  if (names.length === 0) return lost(context, 'unresolved_column')
  const item = isStar ? findItem(scope, names.at(-2), names.at(-1) ?? '') : undefined
  const found = isStar ? item && wholeRow(item) : findColumn(context, scope, names)
  if (found !== undefined && scope.frame.variable === undefined) return found
  const variable = scope.frame.variable?.(names)
  if (found !== undefined) return variable === undefined ? found : merge([found, variable])
  if (variable !== undefined) return variable
  const table = isStar ? names : names.slice(0, -1)
  const isElsewhere = table.length > 0 && findItem(scope, table.at(-2), table.at(-1) ?? '') === undefined
  miss(context, scope.frame, { kind: isElsewhere ? 'range' : 'column', names: isElsewhere ? table : names, location: numberAt(body, 'location') ?? 0 })
  return lost(context, isStar ? 'unresolved_relation' : 'unresolved_column')
}

function constant(body: Body, scope: Scope): Value {
  const location = numberAt(body, 'location')
  const kinds = 'fval' in body ? wideNumber : noKind
  if (!scope.frame.isOwnText || location === undefined || body['isnull'] === true) return { ...empty, kinds }
  return { ...empty, kinds, inputs: { kind: 'literal', location } }
}

function parameter(body: Body, scope: Scope): Value {
  return scope.frame.parameter(numberAt(body, 'number') ?? 0)
}

function typeCast(context: Context, body: Body, scope: Scope): Value {
  const given = flat(evaluate(context, body['arg'], scope))
  const typeName = bodyAt(body, 'typeName') ?? {}
  noteCast(context, given, body['arg'], typeName, scope)
  const value = keepsWhole(context, typeName, given, scope) ? given : { ...given, isPlain: undefined, isWhole: undefined }
  const { schema, name } = qualifiedName(listAt(typeName, 'names'))
  const type = context.naming.snapshot.findType(schema, name, scope.frame.path)
  if (type === undefined) return { ...value, kinds: undefined }
  const casts = castBodies(context, type.oid)
  const whole = { ...casts === undefined ? value : merge([value, casts]), kinds: kindsOf(context, type.oid), collation: collationOf(type) ?? value.collation }
  if (compositeOf(context, type.oid) === undefined) return asScalar(whole)
  return listAt(typeName, 'arrayBounds').length > 0 ? { ...whole, isComposite: true } : typedValue(context, whole, type.oid)
}

function operator(context: Context, body: Body, scope: Scope): Value {
  const kind = textAt(body, 'kind') ?? 'AEXPR_OP'
  const { name } = qualifiedName(listAt(body, 'name'))
  const user = operatorBodies(context, name)
  const value = kind === 'AEXPR_OP' && constructive.has(name) ? construction(context, name, body, scope) : compare(context, name, body['lexpr'], body['rexpr'], scope, kind.includes('BETWEEN')).value
  // NULLIF gives its first side, and tells when the second equals it.
  const kinds = kind === 'AEXPR_NULLIF' ? value.kinds : kind !== 'AEXPR_OP' || isTotal(context, name) ? noKind : undefined
  return { ...user === undefined ? value : merge([value, user]), kinds }
}

function construction(context: Context, name: string, body: Body, scope: Scope): Value {
  const sides = [flat(evaluate(context, body['lexpr'], scope)), flat(evaluate(context, body['rexpr'], scope))]
  noteOperator(context, name, sides)
  noteMeeting(context, name, sides)
  return merge(sides)
}

/** A CASE on a column tells the column, answer by answer. */
function caseExpression(context: Context, body: Body, scope: Scope): Value {
  const parts: Value[] = []
  const results: Value[] = []
  for (const each of listAt(body, 'args')) {
    const when = bodyOf(each, 'CaseWhen')
    if (when === undefined) {
      parts.push(lost(context, 'unknown_node'))
      continue
    }
    if (body['arg'] === undefined) parts.push(test(context, when['expr'], scope, 'predicate'))
    else {
      const compared = compare(context, '=', body['arg'], when['expr'], scope)
      context.uses.use(compared.value, 'predicate', compared.isEquality ? 'equality' : 'other')
      parts.push(compared.value)
    }
    results.push(flat(evaluate(context, when['result'], scope)))
  }
  if (body['defresult'] !== undefined) results.push(flat(evaluate(context, body['defresult'], scope)))
  noteMeeting(context, 'case', results)
  return { ...merge([...parts, ...results]), kinds: kindsAmong(results) }
}

function subquery(context: Context, body: Body, scope: Scope): Value {
  context.visited.add(body)
  const kind = textAt(body, 'subLinkType')
  const select = bodyOf(body['subselect'], 'SelectStmt')
  if (select === undefined) return merge([evaluateAll(context, childrenOf(body), scope), lost(context, 'unknown_node')])
  if (kind === 'ANY_SUBLINK' || kind === 'ALL_SUBLINK' || kind === 'ROWCOMPARE_SUBLINK') {
    const operator = listAt(body, 'operName')
    const { value } = compare(context, operator.length === 0 ? '=' : qualifiedName(operator).name, body['testexpr'], body['subselect'], scope)
    noteGuard(context, value, [{ SubLink: body }], scope)
    return value
  }
  const output = traceSelect(context, select, scope)
  // EXISTS gives back no value of its subquery; what it compares was noted inside.
  if (kind === 'EXISTS_SUBLINK') return empty
  const [first, ...rest] = output.fields
  if (first !== undefined) context.subqueryNames.set(body, first.name)
  if (output.open !== undefined) return merge([...output.fields.map((field) => flat(field.value)), output.open])
  if (kind === 'EXPR_SUBLINK' && rest.length === 0) return first?.value ?? empty
  if (kind === 'ARRAY_SUBLINK') return { ...merge([first?.value ?? empty]), isBuilt: true, kinds: first?.value.kinds }
  return rowValue(output.fields)
}

function indirection(context: Context, body: Body, scope: Scope): Value {
  let value = evaluate(context, body['arg'], scope)
  for (const step of listAt(body, 'indirection')) {
    const name = stringOf(step)
    if (name !== undefined) value = fieldValue(context, value, name, scope)
    else {
      const before = context.uses.risks
      const place = flat(evaluate(context, step, scope))
      if (tagged(step)?.tag === 'A_Indices') noteSubscript(context, place)
      // Of NULL no element is looked for.
      noteGuard(context, value, [step], scope)
      noteLast(context, value, context.uses.risks - before)
      value = { ...merge([flat(value), place]), kinds: value.kinds }
    }
  }
  return value
}
