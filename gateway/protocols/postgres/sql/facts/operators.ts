// Operators that a node uses without naming them: `BETWEEN` compares twice, `CASE x WHEN`, IN and USING ask for equality.
import { namesOf, textOf, type Node } from './nodes.ts'

export function operatorsBehind(name: string, body: Node): readonly string[] {
  switch (name) {
    case 'A_Expr': return textOf(body['kind'])?.includes('BETWEEN') === true ? ['>=', '<=', '<', '>'] : []
    case 'SubLink': return textOf(body['subLinkType']) === 'ANY_SUBLINK' && namesOf(body['operName']).length === 0 ? ['='] : []
    case 'CaseExpr': return body['arg'] === undefined ? [] : ['=']
    case 'JoinExpr': return body['isNatural'] === true || body['usingClause'] !== undefined ? ['='] : []
    default: return []
  }
}
