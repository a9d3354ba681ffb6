// What each kind of statement does to a database, by the parser's node. A node that is not named here counts as writing and as DDL.
import type { Effect } from '../analysis.ts'

export interface Kind {
  readonly effects: readonly Effect[]
  /** Names may resolve differently after it. */
  readonly isBarrier: boolean
  /** Reaches objects that the statement does not name. */
  readonly unknown?: string
}

const kind = (effects: readonly Effect[], isBarrier = false, unknown?: string): Kind => ({ effects, isBarrier, ...unknown === undefined ? {} : { unknown } })
const ddl = kind(['ddl'], true)
const dcl = kind(['dcl'], true)
const session = kind(['session'])
const maintenance = kind(['maintenance'])

const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['SelectStmt', kind(['read'])], ['InsertStmt', kind(['write'])], ['UpdateStmt', kind(['write'])], ['DeleteStmt', kind(['write'])], ['MergeStmt', kind(['write'])],
  ['TruncateStmt', kind(['write'])], ['LockStmt', kind(['write'])], ['CopyStmt', kind(['copy'])], ['ExplainStmt', kind(['read'])], ['VariableShowStmt', kind(['read'])],
  ['PrepareStmt', session], ['DeallocateStmt', session], ['ExecuteStmt', kind(['execute'])], ['DeclareCursorStmt', kind(['read'])], ['FetchStmt', kind(['read'])], ['ClosePortalStmt', session],
  ['TransactionStmt', kind(['transaction'])], ['ConstraintsSetStmt', kind(['transaction'])], ['VariableSetStmt', kind(['session'], true)], ['DiscardStmt', kind(['session'], true)],
  ['ListenStmt', kind(['notify', 'session'])], ['UnlistenStmt', kind(['notify', 'session'])], ['NotifyStmt', kind(['notify'])],
  ['DoStmt', kind(['execute'], true)], ['CallStmt', kind(['execute', 'write'], true)], ['LoadStmt', kind(['execute'], true, 'native_code')],
  ['VacuumStmt', maintenance], ['CheckPointStmt', maintenance], ['ClusterStmt', maintenance], ['ReindexStmt', maintenance],
  ['RefreshMatViewStmt', kind(['write', 'maintenance'], true)], ['CreateTableAsStmt', kind(['ddl', 'write'], true)],
  ['GrantStmt', dcl], ['GrantRoleStmt', dcl], ['AlterDefaultPrivilegesStmt', dcl], ['CreateRoleStmt', dcl], ['AlterRoleStmt', dcl], ['AlterRoleSetStmt', dcl], ['DropRoleStmt', dcl], ['SecLabelStmt', dcl],
  ['CreatePolicyStmt', kind(['dcl', 'ddl'], true)], ['AlterPolicyStmt', kind(['dcl', 'ddl'], true)], ['AlterOwnerStmt', kind(['dcl', 'ddl'], true)],
  ['CreateUserMappingStmt', kind(['dcl', 'ddl'], true)], ['AlterUserMappingStmt', kind(['dcl', 'ddl'], true)], ['DropUserMappingStmt', kind(['dcl', 'ddl'], true)],
  ['ReassignOwnedStmt', kind(['dcl', 'ddl', 'write'], true, 'unnamed_objects')], ['DropOwnedStmt', kind(['dcl', 'ddl', 'write'], true, 'unnamed_objects')],
  ['AlterSystemStmt', kind(['ddl', 'maintenance'], true)], ['ImportForeignSchemaStmt', kind(['ddl'], true, 'unnamed_objects')],
  ['CreateExtensionStmt', kind(['ddl', 'execute'], true, 'native_code')], ['AlterExtensionStmt', kind(['ddl', 'execute'], true, 'native_code')], ['AlterExtensionContentsStmt', ddl],
  ['CreateSubscriptionStmt', kind(['ddl', 'write', 'execute'], true)], ['AlterSubscriptionStmt', kind(['ddl', 'write', 'execute'], true)], ['DropSubscriptionStmt', kind(['ddl', 'write', 'execute'], true)],
  ['DropdbStmt', kind(['ddl', 'write'], true, 'unnamed_objects')], ['CreatedbStmt', ddl], ['DropTableSpaceStmt', ddl], ['CreateTableSpaceStmt', ddl],
  ...['CreateStmt', 'CreateForeignTableStmt', 'CreateSchemaStmt', 'CreateSeqStmt', 'AlterSeqStmt', 'ViewStmt', 'IndexStmt', 'CreateStatsStmt', 'AlterStatsStmt', 'RuleStmt', 'CreateTrigStmt', 'CreateEventTrigStmt', 'AlterEventTrigStmt',
    'AlterTableStmt', 'AlterTableMoveAllStmt', 'AlterDomainStmt', 'CreateDomainStmt', 'AlterEnumStmt', 'CreateEnumStmt', 'CreateRangeStmt', 'CompositeTypeStmt', 'AlterTypeStmt', 'DefineStmt', 'DropStmt', 'RenameStmt',
    'CommentStmt', 'AlterObjectSchemaStmt', 'AlterObjectDependsStmt', 'AlterCollationStmt', 'CreateFunctionStmt', 'AlterFunctionStmt', 'CreateCastStmt', 'CreateConversionStmt', 'CreateTransformStmt', 'CreatePLangStmt',
    'CreateOpClassStmt', 'CreateOpFamilyStmt', 'AlterOpFamilyStmt', 'AlterOperatorStmt', 'CreateAmStmt', 'CreateFdwStmt', 'AlterFdwStmt', 'CreateForeignServerStmt', 'AlterForeignServerStmt', 'AlterTSConfigurationStmt',
    'AlterTSDictionaryStmt', 'CreatePublicationStmt', 'AlterPublicationStmt', 'AlterDatabaseStmt', 'AlterDatabaseSetStmt', 'AlterDatabaseRefreshCollStmt', 'AlterTableSpaceOptionsStmt',
  ].map((node): [string, Kind] => [node, ddl]),
])

// Parts that the parser calls statements.
const parts: ReadonlyMap<string, Kind> = new Map([['ReturnStmt', kind(['read'])], ['PLAssignStmt', kind(['read'])], ['ReplicaIdentityStmt', ddl]])

const unknownKind = kind(['write', 'ddl'], true, 'unknown_statement')

export function kindOf(node: string): Kind {
  return kinds.get(node) ?? parts.get(node) ?? unknownKind
}

export function isKnownKind(node: string): boolean {
  return kinds.has(node)
}

/** `CreateTableAsStmt` → `create_table_as`, `CreateStmt` → `create_table`: the SQL word where the node's is another. */
export function kindName(node: string): string {
  return sqlWords[node] ?? node.replace(/Stmt$/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toLowerCase()
}

const sqlWords: Readonly<Record<string, string>> = {
  CreateStmt: 'create_table', ViewStmt: 'create_view', IndexStmt: 'create_index', RuleStmt: 'create_rule', CreateTrigStmt: 'create_trigger', CreateSeqStmt: 'create_sequence', AlterSeqStmt: 'alter_sequence',
  CompositeTypeStmt: 'create_type', CreatedbStmt: 'create_database', DropdbStmt: 'drop_database', CreateEventTrigStmt: 'create_event_trigger', AlterEventTrigStmt: 'alter_event_trigger', SecLabelStmt: 'security_label',
  RefreshMatViewStmt: 'refresh_materialized_view', CheckPointStmt: 'checkpoint', ClosePortalStmt: 'close', CreateAmStmt: 'create_access_method', CreatePLangStmt: 'create_language',
}
