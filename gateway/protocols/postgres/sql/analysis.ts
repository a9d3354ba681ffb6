// What is known of one SQL text before it runs: the types that parsing, name resolution and lineage share with policy facts and masks.
import type { CopyFormat } from '../mask/copy-rows.ts'

/** OID 0 and attribute number 0 stand for "none" on the wire; here they never appear. Whole rows are listed column by column. */
export interface BaseColumn { readonly relation: number; readonly attribute: number }

/** As the server keeps it (pg_class, pg_attribute). Loaded from the live database. */
export interface Relation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** pg_class.relkind: r, p, v, m, f, S, t, c, i, I */
  readonly kind: string
  /** pg_class.reltype: the row type, by which a composite value is known. */
  readonly rowType: number
  readonly columns: readonly Column[]
  /** `pg_get_viewdef`, of views and materialised views. */
  readonly definition?: string
  /** Partitions and inheritance children have columns of their own OID. */
  readonly parents: readonly number[]
  /** Whoever reads it reads these, too. */
  readonly children?: readonly number[]
  readonly isTemporary: boolean
  /** Routines of its triggers (internal ones aside): what a row holds after a write is theirs to say. */
  readonly triggers?: readonly number[]
  /** Foreign keys of other tables that do something to their rows when one of its own goes or changes. */
  readonly cascades?: readonly Cascade[]
  /** A rewrite rule other than a view's own: statements on it become others. */
  readonly hasRules?: boolean
  /** Routines that run when it is read: those of its policies and of its definition, behind operators and casts too. */
  readonly readRoutines?: readonly number[]
  /** Routines that run when it is written, triggers aside: of defaults, checks, index expressions and rules. */
  readonly writeRoutines?: readonly number[]
  /** What its policies read. */
  readonly policyRelations?: readonly number[]
  /** Built-ins of its policies and definition that do more than compute. */
  readonly calls?: readonly string[]
}
/** What is done to a referencing table when the referenced one suffers `on`. `key`, `columns`: attribute numbers of the referenced columns, and of those that refer to them. */
export interface Cascade { readonly relation: number; readonly on: 'update' | 'delete'; readonly access: 'update' | 'delete'; readonly key: readonly number[]; readonly columns: readonly number[] }
/** `expression`: of a generated column (`isGenerated`), or its default. `isFilled`: NOT NULL. `collation`: other than the default one, by OID; below nought, texts that differ may be equal. */
export interface Column { readonly attribute: number; readonly name: string; readonly type: number; readonly isFilled?: boolean; readonly collation?: string; readonly isGenerated?: boolean; readonly expression?: string }

export interface Routine {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** pg_proc.prokind: f, p, a, w */
  readonly kind: string
  readonly language: string
  /** pg_proc.provolatile: i, s, v */
  readonly volatility: string
  readonly isSecurityDefiner: boolean
  readonly returnsSet: boolean
  readonly returnType: number
  readonly argumentNames: readonly string[]
  /** Of those outside pg_catalog. */
  readonly argumentTypes?: readonly number[]
  readonly argumentCount: number
  readonly defaultCount: number
  readonly isVariadic: boolean
  /** pg_proc.prosrc of SQL and PL/pgSQL routines (for SQL-standard bodies `pg_get_function_sqlbody`). */
  readonly body?: string
  /** A SQL-standard body was resolved when the routine was made; its text is printed by the reader's search path. */
  readonly isBodyResolved?: boolean
  /** Names and types of OUT, INOUT and TABLE columns, in order. */
  readonly results?: readonly { readonly name: string; readonly type: number }[]
  /** Of an aggregate: what it calls for each row. */
  readonly parts?: readonly number[]
  /** Defaults of its last arguments, as one list of expressions. */
  readonly defaults?: string
  /** `SET search_path` of the routine, as pg_proc.proconfig spells it. */
  readonly searchPath?: string
}

/** The live catalogue as one reading found it. Names are compared exactly: the parser has folded them already. */
export interface Snapshot {
  relation(oid: number): Relation | undefined
  /** `schema` undefined: along the search path, as the server would. */
  findRelation(schema: string | undefined, name: string, searchPath: readonly string[]): Relation | undefined
  findRoutines(schema: string | undefined, name: string, searchPath: readonly string[]): readonly Routine[]
  routine(oid: number): Routine | undefined
  /** Base type of a domain, element type of an array, row type's relation. undefined for an unknown OID. */
  type(oid: number): DataType | undefined
  findType(schema: string | undefined, name: string, searchPath: readonly string[]): DataType | undefined
  /** Routines behind operators of this name outside pg_catalog, whatever their schema. */
  operators(name: string): readonly number[]
  /** Routines behind casts to the type, those of pg_catalog aside. */
  casts(type: number): readonly number[]
  /** Routines behind casts that nobody has to write, those of pg_catalog aside. */
  readonly implicitCasts: readonly number[]
  /** The reader's `current_schemas(true)`: definitions are printed by it, and read back by it. */
  readonly path: readonly string[]
  readonly relations: Iterable<Relation>
}
export interface DataType { readonly oid: number; readonly name: string; /** pg_type.typtype */ readonly kind: string; readonly category: string; readonly base?: number; readonly element?: number; readonly relation?: number; /** Of a domain's checks, a range's own functions. */ readonly routines?: readonly number[] }

/** How the session would resolve a name now. `path` is `current_schemas(true)`: pg_temp first where there is one, pg_catalog in its place. */
export interface Naming { readonly snapshot: Snapshot; readonly path: readonly string[] }

export type Access = 'read' | 'insert' | 'update' | 'delete' | 'truncate' | 'ddl' | 'lock'
export type Use = 'output' | 'predicate' | 'order' | 'group' | 'join' | 'write-source' | 'write-target'
/** `read` alone may run in bounded durability. */
export type Effect = 'read' | 'write' | 'ddl' | 'dcl' | 'session' | 'copy' | 'execute' | 'transaction' | 'notify' | 'maintenance'

export interface RelationUse {
  readonly schema: string
  readonly name: string
  readonly oid?: number
  readonly access: readonly Access[]
  /** `system_catalogue` or `system_sensitive`. */
  readonly labels?: readonly string[]
  /** Not named by the statement: the view or partition that leads to it. */
  readonly via?: string
}
export interface ColumnUse { readonly relation: number; readonly attribute: number; readonly uses: readonly Use[]; /** Where `uses` has predicate or join; absent: nobody knows how. */ readonly comparisons?: readonly ('equality' | 'other')[]; /** Functions, operators and types that may fail by its value; such a column need have no use. */ readonly failures?: readonly string[] }
/** What a routine does besides computing a value. */
export type RoutineClass = 'file' | 'dblink' | 'dynamic_sql' | 'lo' | 'notify' | 'setting' | 'admin' | 'lock' | 'sequence' | 'statistics'
export interface RoutineUse { readonly schema: string; readonly name: string; readonly volatility: string; readonly isKnown: boolean; readonly class?: RoutineClass }
/** SET, RESET, set_config(): `value` where it is a constant; lists are joined by `, `. */
export interface SettingUse { readonly name: string; readonly value?: string; /** RESET, SET … TO DEFAULT. */ readonly isReset?: boolean }

/** Where a result column's values come from. `unknown`: some of it cannot be told, with the reason. */
export interface Lineage { readonly columns: readonly BaseColumn[]; readonly unknown?: string; /** A column's own values, as they are stored. */ readonly isPlain?: boolean }

/** A name that the catalogue has not. `range`: of a table that FROM does not list; `routine`: whatever its arguments. `location`: bytes into the text. */
export interface MissingName { readonly kind: 'relation' | 'range' | 'column' | 'routine'; readonly names: readonly string[]; readonly location: number; readonly argumentCount?: number }

/** One statement of a text. */
export interface Statement {
  /** The parser's node in snake case, without `_stmt`: select, insert, create_table, variable_set … */
  readonly kind: string
  /** What the kind leaves open: of a transaction `begin`, `commit`, `rollback` …, of COPY `from_client`, `to_file`, `to_program` …, of DISCARD and DROP what. */
  readonly command?: string
  readonly settings?: readonly SettingUse[]
  /** COPY: how its rows are written; undefined for binary, and for what cannot be told. */
  readonly copyFormat?: CopyFormat
  /** PREPARE, EXECUTE, DEALLOCATE: the prepared statement's name. */
  readonly prepared?: string
  /** EXECUTE, FETCH: the earlier text that says what it does; an approval is for that text, too. */
  readonly source?: string
  /** DECLARE, FETCH: the cursor's name. */
  readonly cursor?: string
  readonly effects: readonly Effect[]
  readonly relations: readonly RelationUse[]
  readonly columns: readonly ColumnUse[]
  readonly routines: readonly RoutineUse[]
  readonly hasWhere: boolean
  /** WHERE CURRENT OF: which row, the cursor tells. */
  readonly isAtCursor?: boolean
  /** A literal LIMIT, of a query or of the query that is copied. */
  readonly limit?: number
  readonly hasReturning: boolean
  /** Names that resolve differently after it: DDL, SET, SET ROLE, DISCARD, DO, CALL, unknown volatile routines. */
  readonly isBarrier: boolean
  /** What could not be told, as stable reasons: `dynamic_sql`, `opaque_routine`, `unresolved_relation`, `unknown_node` … */
  readonly unknown: readonly string[]
  /** Of the statement's own text; those of bodies and definitions are not. */
  readonly missing?: readonly MissingName[]
  /** By ordinal of the result columns; undefined where the statement's own lineage cannot be told at all. */
  readonly outputs?: readonly Lineage[]
  /** PREPARE, DECLARE CURSOR: result columns of what is kept, for the EXECUTE or FETCH to come. */
  readonly held?: readonly Lineage[]
  /** Base columns that reach something else than the result: other columns, NOTIFY, set_config, files. */
  readonly flows: readonly { readonly from: BaseColumn; readonly into: string }[]
}

/** A literal of the text: where it stands (bytes), what it says, and the columns it is compared with or written to. */
export interface Literal { readonly start: number; readonly end: number; readonly value: string | number | boolean | null; readonly columns: readonly BaseColumn[]; readonly isAttributed: boolean }

/** One Query or Parse text. */
export type Analysis =
  | { readonly status: 'ok'; readonly statements: readonly Statement[]; readonly literals: readonly Literal[]; /** `$n` → columns it is compared with or written to. */ readonly parameters: ReadonlyMap<number, readonly BaseColumn[]>; /** Text with literals replaced by `$n`, numbered on from the text's own parameters. */ readonly shape: string }
  | { readonly status: 'error'; readonly message: string; /** 1-based character position in the text, 0 where the parser gave none. */ readonly position: number }
