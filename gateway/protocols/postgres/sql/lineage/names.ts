// What the server calls a result column that has no alias (FigureColname in parse_target.c): outer queries name it so.
import { bodyAt, itemsOf, listAt, stringsOf, tagged, textAt } from './tree.ts'

const unnamed = '?column?'

/** First result column of a subquery that was followed. Its name may stand behind a star, and a name that is not found here would be looked for, and found, further out. */
export type SubqueryNames = ReadonlyMap<object, string>

export function columnName(node: unknown, subqueries: SubqueryNames): string {
  return figure(node, subqueries).name ?? unnamed
}

/** `strength` 1 is a name that an outer type cast would replace. */
function figure(node: unknown, subqueries: SubqueryNames): { readonly name?: string; readonly strength: 0 | 1 | 2 } {
  const found = tagged(node)
  if (found === undefined) return { strength: 0 }
  const { tag, body } = found
  const strong = (name: string | undefined) => name === undefined ? { strength: 0 as const } : { name, strength: 2 as const }
  switch (tag) {
    case 'ColumnRef': return strong(stringsOf(listAt(body, 'fields')).at(-1))
    case 'A_Indirection': {
      const last = stringsOf(listAt(body, 'indirection')).at(-1)
      return last === undefined ? figure(body['arg'], subqueries) : strong(last)
    }
    case 'FuncCall': return strong(stringsOf(listAt(body, 'funcname')).at(-1))
    case 'A_Expr': return textAt(body, 'kind') === 'AEXPR_NULLIF' ? strong('nullif') : { strength: 0 }
    case 'TypeCast': {
      const inner = figure(body['arg'], subqueries)
      if (inner.strength > 1) return inner
      const type = stringsOf(listAt(bodyAt(body, 'typeName') ?? {}, 'names')).at(-1)
      return type === undefined ? inner : { name: type, strength: 1 }
    }
    case 'CollateClause': return figure(body['arg'], subqueries)
    case 'GroupingFunc': return strong('grouping')
    case 'MergeSupportFunc': return strong('merge_action')
    case 'SubLink': return subquery(body['subLinkType'], subqueries.get(body))
    case 'CaseExpr': {
      const otherwise = figure(body['defresult'], subqueries)
      return otherwise.strength > 1 ? otherwise : { name: 'case', strength: 1 }
    }
    case 'A_ArrayExpr': return strong('array')
    case 'RowExpr': return strong('row')
    case 'CoalesceExpr': return strong('coalesce')
    case 'MinMaxExpr': return strong(body['op'] === 'IS_LEAST' ? 'least' : 'greatest')
    case 'SQLValueFunction': return strong(valueFunctions[textAt(body, 'op') ?? ''])
    case 'XmlExpr': return strong(xmlNames[textAt(body, 'op') ?? ''])
    case 'XmlSerialize': return strong('xmlserialize')
    case 'JsonParseExpr': return strong('json')
    case 'JsonScalarExpr': return strong('json_scalar')
    case 'JsonSerializeExpr': return strong('json_serialize')
    case 'JsonObjectConstructor': return strong('json_object')
    case 'JsonArrayConstructor': case 'JsonArrayQueryConstructor': return strong('json_array')
    case 'JsonObjectAgg': return strong('json_objectagg')
    case 'JsonArrayAgg': return strong('json_arrayagg')
    case 'JsonFuncExpr': return strong(body['op'] === 'JSON_EXISTS_OP' ? 'json_exists' : body['op'] === 'JSON_QUERY_OP' ? 'json_query' : 'json_value')
    default: return { strength: 0 }
  }
}

function subquery(kind: unknown, name: string | undefined): { readonly name?: string; readonly strength: 0 | 1 | 2 } {
  if (kind === 'EXISTS_SUBLINK') return { name: 'exists', strength: 2 }
  if (kind === 'ARRAY_SUBLINK') return { name: 'array', strength: 2 }
  return kind === 'EXPR_SUBLINK' && name !== undefined ? { name, strength: 2 } : { strength: 0 }
}

const valueFunctions: { readonly [op: string]: string } = {
  SVFOP_CURRENT_DATE: 'current_date', SVFOP_CURRENT_TIME: 'current_time', SVFOP_CURRENT_TIME_N: 'current_time', SVFOP_CURRENT_TIMESTAMP: 'current_timestamp', SVFOP_CURRENT_TIMESTAMP_N: 'current_timestamp',
  SVFOP_LOCALTIME: 'localtime', SVFOP_LOCALTIME_N: 'localtime', SVFOP_LOCALTIMESTAMP: 'localtimestamp', SVFOP_LOCALTIMESTAMP_N: 'localtimestamp', SVFOP_CURRENT_ROLE: 'current_role',
  SVFOP_CURRENT_USER: 'current_user', SVFOP_USER: 'user', SVFOP_SESSION_USER: 'session_user', SVFOP_CURRENT_CATALOG: 'current_catalog', SVFOP_CURRENT_SCHEMA: 'current_schema',
}
const xmlNames: { readonly [op: string]: string } = { IS_XMLCONCAT: 'xmlconcat', IS_XMLELEMENT: 'xmlelement', IS_XMLFOREST: 'xmlforest', IS_XMLPARSE: 'xmlparse', IS_XMLPI: 'xmlpi', IS_XMLROOT: 'xmlroot' }

/** Alias column names, in order. */
export const aliasColumns = (alias: { readonly [key: string]: unknown } | undefined): readonly string[] => alias === undefined ? [] : stringsOf(listAt(alias, 'colnames'))
export const listItems = (node: unknown): readonly unknown[] => itemsOf(node) ?? [node]
