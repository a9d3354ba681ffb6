// What a statement's kind leaves open: which transaction command, which way a COPY goes, which setting is set to what.
import type { SettingUse } from '../analysis.ts'
import { isNode, namesOf, onlyNode, textOf, type Node } from './nodes.ts'

export function commandOf(name: string, body: Node): string | undefined {
  switch (name) {
    case 'TransactionStmt': return word(body['kind'], 'TRANS_STMT_')
    case 'DiscardStmt': return word(body['target'], 'DISCARD_')
    case 'VariableSetStmt': return word(body['kind'], 'VAR_')
    case 'DropStmt': return word(body['removeType'], 'OBJECT_')
    case 'CreateTableAsStmt': case 'AlterTableStmt': case 'RenameStmt': return word(body['objtype'] ?? body['renameType'], 'OBJECT_')
    case 'CopyStmt': return `${body['is_from'] === true ? 'from' : 'to'}_${body['is_program'] === true ? 'program' : body['filename'] === undefined ? 'client' : 'file'}`
    case 'GrantStmt': case 'GrantRoleStmt': return body['is_grant'] === true ? 'grant' : 'revoke'
    default: return undefined
  }
}

function word(value: unknown, prefix: string): string | undefined {
  return typeof value === 'string' ? value.replace(prefix, '').toLowerCase() : undefined
}

/** Of SET and RESET, or of a call of set_config(). RESET ALL has the name `all`. @param named where the call reads its name from pg_settings */
export function settingOf(body: Node, named?: string): SettingUse {
  const args: readonly unknown[] = Array.isArray(body['args']) ? body['args'] : []
  const isCall = body['funcname'] !== undefined
  const name = isCall ? named ?? constantOf(args[0]) : body['kind'] === 'VAR_RESET_ALL' ? 'all' : textOf(body['name'])
  const values = (isCall ? args.slice(1, 2) : args).map(constantOf)
  const isKnown = values.length > 0 && values.every((value) => value !== undefined)
  const isReset = !isCall && (body['kind'] === 'VAR_RESET' || body['kind'] === 'VAR_RESET_ALL' || body['kind'] === 'VAR_SET_DEFAULT')
  return { name: (name ?? '').toLowerCase(), ...isReset ? { isReset } : {}, ...isKnown ? { value: values.join(', ') } : {} }
}

/**
 * `SELECT set_config(name, …) FROM pg_settings WHERE name = 'x'` sets x where the server knows it, and nothing else: so pg_dump and pgAdmin ask.
 * @returns the call and the name; undefined for any other query
 */
export function settingIfThere(query: Node, isPgSettings: (schema: string | undefined, name: string) => boolean): readonly [call: Node, name: string] | undefined {
  const [target, from] = [only(query['targetList'], 'ResTarget'), only(query['fromClause'], 'RangeVar')]
  const call = target === undefined ? undefined : body(target['val'], 'FuncCall')
  const test = body(query['whereClause'], 'A_Expr')
  if (call === undefined || from === undefined || test === undefined || query['withClause'] !== undefined || from['alias'] !== undefined || namesOf(call['funcname']).at(-1) !== 'set_config') return undefined
  if (test['kind'] !== 'AEXPR_OP' || namesOf(test['name']).join() !== '=' || !isName(test['lexpr']) || !Array.isArray(call['args']) || !isName(call['args'][0])) return undefined
  const name = body(test['rexpr'], 'A_Const') === undefined ? undefined : constantOf(test['rexpr'])
  return name !== undefined && isPgSettings(textOf(from['schemaname']), textOf(from['relname']) ?? '') ? [call, name] : undefined
}

const isName = (node: unknown): boolean => namesOf(body(node, 'ColumnRef')?.['fields']).join() === 'name'

function only(list: unknown, kind: string): Node | undefined {
  return Array.isArray(list) && list.length === 1 ? body(list[0], kind) : undefined
}

function body(node: unknown, kind: string): Node | undefined {
  const found = isNode(node) ? node[kind] : undefined
  return isNode(found) ? found : undefined
}

function constantOf(node: unknown): string | undefined {
  const [name, body] = onlyNode(node) ?? ['', {}]
  if (name === 'TypeCast') return constantOf(body['arg'])
  if (name !== 'A_Const') return undefined
  for (const kind of ['sval', 'ival', 'fval', 'boolval', 'bsval']) {
    const value = body[kind]
    if (isNode(value)) return String(value[kind] ?? (kind === 'ival' ? 0 : kind === 'boolval' ? false : ''))
  }
  return undefined
}
