// What feeds an expression: every node of the grammar's expressions, joined from its parts.
import { callFunction, operatorBodies } from './calls.ts'
import { compare, keepsWhole, test } from './comparisons.ts'
import { lost, type Context } from './context.ts'
import { compositeOf, typedValue } from './relations.ts'
import { castBodies } from './routines.ts'
import { fieldValue, findColumn, type Scope } from './scope.ts'
import { traceSelect } from './select.ts'
import { traceList } from './targets.ts'
import { bodyAt, bodyOf, childrenOf, listAt, numberAt, qualifiedName, stringOf, stringsOf, tagged, textAt, type Body } from './tree.ts'
import { asScalar, empty, flat, merge, rowValue, type Value } from './value.ts'

/** Nodes whose value is that of everything below them. */
const containers = new Set(['List', 'NamedArgExpr', 'CoalesceExpr', 'MinMaxExpr', 'NullTest', 'BooleanTest', 'A_ArrayExpr', 'A_Indices', 'ResTarget', 'SortBy', 'WindowDef', 'XmlExpr', 'XmlSerialize',
  'JsonParseExpr', 'JsonScalarExpr', 'JsonSerializeExpr', 'JsonObjectConstructor', 'JsonArrayConstructor', 'JsonArrayQueryConstructor', 'JsonObjectAgg', 'JsonArrayAgg', 'JsonAggConstructor', 'JsonKeyValue', 'JsonValueExpr', 'JsonFuncExpr', 'JsonArgument',
  'JsonBehavior', 'JsonIsPredicate', 'JsonTablePathSpec', 'JsonTableColumn', 'BoolExpr', 'RangeTableFuncCol'])
/** Nodes that no column feeds. */
const inert = new Set(['SQLValueFunction', 'SetToDefault', 'CurrentOfExpr', 'MergeSupportFunc', 'TypeName', 'String', 'Integer', 'Float', 'Boolean', 'BitString', 'JsonOutput', 'JsonReturning', 'JsonFormat', 'A_Star'])
/** Operators that make a value of their sides; all others compare them. */
const constructive = new Set(['||', '+', '-', '*', '/', '%', '^', '->', '->>', '#>', '#>>', '#-', '&', '|', '#', '<<', '>>', '|/', '||/', '@', '!', '!!'])

export function evaluate(context: Context, node: unknown, scope: Scope): Value {
  const found = tagged(node)
  if (found === undefined) return empty
  context.effort.spend(1)
  return context.effort.deeper(() => evaluateNode(context, found.tag, found.body, scope))
}

export const evaluateAll = (context: Context, nodes: readonly unknown[], scope: Scope): Value => merge(nodes.map((node) => flat(evaluate(context, node, scope))))

function evaluateNode(context: Context, tag: string, body: Body, scope: Scope): Value {
  switch (tag) {
    case 'ColumnRef': return columnReference(context, body, scope)
    case 'A_Const': return constant(body, scope)
    case 'ParamRef': return parameter(body, scope)
    case 'TypeCast': return typeCast(context, body, scope)
    case 'CollateClause': return flat(evaluate(context, body['arg'], scope))
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
      const value = evaluateAll(context, childrenOf(body), scope)
      return containers.has(tag) ? value : merge([value, lost(context, 'unknown_node')])
    }
  }
}

function columnReference(context: Context, body: Body, scope: Scope): Value {
  context.visited.add(body)
  const parts = listAt(body, 'fields')
  const names = stringsOf(parts)
  // `t.*` in an expression is the whole row of t.
  const isStar = bodyOf(parts.at(-1), 'A_Star') !== undefined
  if (names.length === 0) return lost(context, 'unresolved_column')
  const found = findColumn(context, scope, names)
  if (found !== undefined && scope.frame.variable === undefined) return found
  const variable = scope.frame.variable?.(names)
  if (found !== undefined) return variable === undefined ? found : merge([found, variable])
  return variable ?? lost(context, isStar ? 'unresolved_relation' : 'unresolved_column')
}

function constant(body: Body, scope: Scope): Value {
  const location = numberAt(body, 'location')
  if (!scope.frame.isOwnText || location === undefined || body['isnull'] === true) return empty
  return { ...empty, inputs: { kind: 'literal', location } }
}

function parameter(body: Body, scope: Scope): Value {
  return scope.frame.parameter(numberAt(body, 'number') ?? 0)
}

function typeCast(context: Context, body: Body, scope: Scope): Value {
  const given = flat(evaluate(context, body['arg'], scope))
  const typeName = bodyAt(body, 'typeName') ?? {}
  const value = keepsWhole(typeName) ? given : { ...given, isPlain: undefined }
  const { schema, name } = qualifiedName(listAt(typeName, 'names'))
  const type = context.naming.snapshot.findType(schema, name, scope.frame.path)
  if (type === undefined) return value
  const casts = castBodies(context, type.oid)
  const whole = casts === undefined ? value : merge([value, casts])
  if (compositeOf(context, type.oid) === undefined) return asScalar(whole)
  return listAt(typeName, 'arrayBounds').length > 0 ? { ...whole, isComposite: true } : typedValue(context, whole, type.oid)
}

function operator(context: Context, body: Body, scope: Scope): Value {
  const kind = textAt(body, 'kind') ?? 'AEXPR_OP'
  const { name } = qualifiedName(listAt(body, 'name'))
  const user = operatorBodies(context, name)
  const value = kind === 'AEXPR_OP' && constructive.has(name)
    ? merge([flat(evaluate(context, body['lexpr'], scope)), flat(evaluate(context, body['rexpr'], scope))])
    : compare(context, body['lexpr'], body['rexpr'], scope).value
  // NULLIF gives its first side, and tells when the second equals it.
  return user === undefined ? value : merge([value, user])
}

/** A CASE on a column tells the column, answer by answer. */
function caseExpression(context: Context, body: Body, scope: Scope): Value {
  const parts: Value[] = []
  for (const each of listAt(body, 'args')) {
    const when = bodyOf(each, 'CaseWhen')
    if (when === undefined) {
      parts.push(lost(context, 'unknown_node'))
      continue
    }
    if (body['arg'] === undefined) parts.push(test(context, when['expr'], scope, 'predicate'))
    else {
      const compared = compare(context, body['arg'], when['expr'], scope)
      context.uses.use(compared.value, 'predicate', compared.isEquality ? 'equality' : 'other')
      parts.push(compared.value)
    }
    parts.push(flat(evaluate(context, when['result'], scope)))
  }
  parts.push(flat(evaluate(context, body['defresult'], scope)))
  return merge(parts)
}

function subquery(context: Context, body: Body, scope: Scope): Value {
  context.visited.add(body)
  const kind = textAt(body, 'subLinkType')
  const select = bodyOf(body['subselect'], 'SelectStmt')
  if (select === undefined) return merge([evaluateAll(context, childrenOf(body), scope), lost(context, 'unknown_node')])
  if (kind === 'ANY_SUBLINK' || kind === 'ALL_SUBLINK' || kind === 'ROWCOMPARE_SUBLINK') return compare(context, body['testexpr'], body['subselect'], scope).value
  const output = traceSelect(context, select, scope)
  // EXISTS gives back no value of its subquery; what it compares was noted inside.
  if (kind === 'EXISTS_SUBLINK') return empty
  const [first, ...rest] = output.fields
  if (output.open !== undefined) return merge([...output.fields.map((field) => flat(field.value)), output.open])
  if (kind === 'EXPR_SUBLINK' && rest.length === 0) return first?.value ?? empty
  if (kind === 'ARRAY_SUBLINK') return merge([first?.value ?? empty])
  return rowValue(output.fields)
}

function indirection(context: Context, body: Body, scope: Scope): Value {
  let value = evaluate(context, body['arg'], scope)
  for (const step of listAt(body, 'indirection')) {
    const name = stringOf(step)
    if (name !== undefined) value = fieldValue(context, value, name, scope)
    else value = merge([flat(value), flat(evaluate(context, step, scope))])
  }
  return value
}
