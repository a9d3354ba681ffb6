// Errors and notices quote values: `Key (ssn)=(…) already exists`. Of one whose statement can reach sensitive columns nothing is kept
// but what cannot hold a value: codes, positions, and messages about names that are known to be names.
import type { Diagnostic } from '../messages.ts'
import { conditionOf } from '../wire/sqlstate.ts'

/** Raised by whom: a server function's name and place in its source, which SQL cannot forge, and positions in the client's own text. */
const keptLetters = ['S', 'V', 'P', 'F', 'L', 'R'] as const
/** `USING TABLE = …` lets a routine put any value into these; behind these files of the server's they are the catalogue's own names. */
const nameLetters = ['s', 't', 'c', 'd', 'n'] as const
const namingFiles: ReadonlySet<string> = new Set(['nbtinsert.c', 'execIndexing.c', 'execMain.c', 'ri_triggers.c', 'tablecmds.c', 'domains.c', 'execExprInterp.c', 'heap.c', 'indexcmds.c', 'typecmds.c'])
/** A routine may make up codes, too. */
const RAISED = 'P0001'
const HIDDEN = '…'
const MAX_MESSAGE_CHARS = 1_024

/** Messages that hold nothing but names; what a group matches is kept where it is known to be one. */
const templates: readonly RegExp[] = [
  /^relation "([^"]*)" (?:does not exist|already exists)(?:, skipping)?$/d,
  /^(?:table|view|materialized view|index|sequence|schema|type|role|database|extension|language|collation|publication|cursor|portal|prepared statement|savepoint|tablespace|foreign table|constraint|trigger|policy) "([^"]*)" (?:does not exist|already exists)(?:, skipping)?$/d,
  /^column "([^"]*)" (?:does not exist|specified more than once|can only be updated to DEFAULT)$/d,
  /^column ([\w.$]*) does not exist$/d,
  /^column "([^"]*)" of relation "([^"]*)" (?:does not exist|already exists)(?:, skipping)?$/d,
  /^column reference "([^"]*)" is ambiguous$/d,
  /^column "([^"]*)" must appear in the GROUP BY clause or be used in an aggregate function$/d,
  /^column "([^"]*)" is of type ([\w ]*) but expression is of type ([\w ]*)$/d,
  /^cannot insert a non-DEFAULT value into column "([^"]*)"$/d,
  /^missing FROM-clause entry for table "([^"]*)"$/d,
  /^invalid reference to FROM-clause entry for table "([^"]*)"$/d,
  /^table name "([^"]*)" specified more than once$/d,
  /^function ([\w.$, ()[\]"]*) (?:does not exist|is not unique)$/d,
  /^operator (?:does not exist|is not unique): ([\w.$ ()[\]"<>=~!@#%^&|`?+*/-]*)$/d,
  /^permission denied for (?:table|relation|view|sequence|schema|database|function|procedure|column|type|language|foreign server|tablespace|materialized view|large object) ([^"]*)$/d,
  /^must be owner of (?:table|relation|view|sequence|schema|database|function|procedure|type|materialized view) ([^"]*)$/d,
  /^permission denied to (?:create database|create role|create extension "([^"]*)"|set parameter "([^"]*)"|set role "([^"]*)"|terminate process|examine "([^"]*)")$/d,
  /^unrecognized configuration parameter "([^"]*)"$/d,
  /^parameter "([^"]*)" cannot be (?:changed now|changed without restarting the server|set after connection start)$/d,
  /^duplicate key value violates unique constraint "([^"]*)"$/d,
  /^conflicting key value violates exclusion constraint "([^"]*)"$/d,
  /^new row for relation "([^"]*)" violates check constraint "([^"]*)"$/d,
  /^null value in column "([^"]*)" of relation "([^"]*)" violates not-null constraint$/d,
  /^insert or update on table "([^"]*)" violates foreign key constraint "([^"]*)"$/d,
  /^update or delete on table "([^"]*)" violates (?:foreign key|RESTRICT setting of foreign key) constraint "([^"]*)" on table "([^"]*)"$/d,
  /^value for domain ([\w.$]*) violates check constraint "([^"]*)"$/d,
  /^domain ([\w.$]*) does not allow null values$/d,
  /^new row violates row-level security policy for table "([^"]*)"$/d,
  /^no partition of relation "([^"]*)" found for row$/d,
  /^cannot execute ([A-Z ]+) in a read-only transaction$/d,
  /^([A-Z ]+) cannot run inside a transaction block$/d,
  /^could not obtain lock on (?:relation "([^"]*)"|row in relation "([^"]*)")$/d,
  /^cannot drop (?:table|view|schema|type|function|sequence|index|column|materialized view) ([\w.$]*) because other objects depend on it$/d,
  /^value too long for type character(?: varying)?\((\d+)\)$/d,
  /^INSERT has more (?:expressions than target columns|target columns than expressions)$/d,
  /^(?:smallint|integer|bigint|oid|value|date|timestamp|interval|money) out of range$/d,
  /^(?:division by zero|numeric field overflow|deadlock detected|out of shared memory|syntax error at end of input|subquery must return only one column|more than one row returned by a subquery used as an expression)$/d,
  /^could not serialize access due to (?:concurrent update|concurrent delete|read\/write dependencies among transactions)$/d,
  /^current transaction is aborted, commands ignored until end of transaction block$/d,
  /^there is (?:no|already a) transaction in progress$/d,
  /^canceling statement due to (?:user request|statement timeout|lock timeout|conflict with recovery)$/d,
  /^canceling autovacuum task$/d,
  /^terminating connection due to (?:administrator command|idle-in-transaction timeout|idle-session timeout|transaction timeout|conflict with recovery)$/d,
  /^terminating connection because of crash of another server process$/d,
  /^the database system is (?:starting up|shutting down|in recovery mode|not accepting connections)$/d,
  /^aggregate functions are not allowed in ([A-Z ]+)$/d,
]
/** The token may be a value, even the client's own: an approver or a log reads this. */
const NEAR = /^((?:syntax error|unterminated quoted string|unterminated quoted identifier|unterminated dollar-quoted string|trailing junk after numeric literal|invalid input syntax) at or near) "/

/**
 * @param isName whether the catalogue has a thing of this name
 * @param isSensitive whether a rule covers a column of this name
 */
export function scrubDiagnostic(fields: Diagnostic, isName: (name: string) => boolean, isSensitive: (column: string) => boolean): Map<string, string> {
  const scrubbed = new Map<string, string>()
  const code = fields.get('C')
  const condition = conditionOf(code ?? '')
  const names = namingFiles.has(fields.get('F') ?? '') ? nameLetters.map((letter) => [letter, fields.get(letter)] as const) : []
  const known = new Set(names.flatMap(([, name]) => name ?? []))
  for (const letter of keptLetters) {
    const text = fields.get(letter)
    if (text !== undefined) scrubbed.set(letter, text)
  }
  if (code !== undefined) scrubbed.set('C', condition === undefined ? RAISED : code)
  // A position is told for the client's own text only: what the server quotes there the client wrote.
  const isOwnText = fields.has('P')
  scrubbed.set('M', safeMessage(fields.get('M') ?? '', (name) => isOwnText || known.has(name) || isName(name)) ?? condition ?? 'error')
  for (const [letter, name] of names) if (name !== undefined && !(letter === 'c' && isSensitive(name))) scrubbed.set(letter, name)
  return scrubbed
}

/** The message with the names that are none hidden; undefined: it is of no known form. */
function safeMessage(message: string, isKnown: (name: string) => boolean): string | undefined {
  if (message.length > MAX_MESSAGE_CHARS) return undefined
  const near = NEAR.exec(message)
  if (near?.[1] !== undefined) return `${near[1]} "${HIDDEN}"`
  for (const template of templates) {
    const match = template.exec(message)
    if (match === null) continue
    let safe = message
    for (let group = match.length - 1; group > 0; group--) {
      const name = match[group]
      const [start, end] = match.indices?.[group] ?? [0, 0]
      if (name !== undefined && !isKnown(name)) safe = safe.slice(0, start) + HIDDEN + safe.slice(end)
    }
    return safe
  }
  return undefined
}
