// A statement that is refused for nothing but a name that is not there is told so in PostgreSQL's own code and words (Appendix A): tools branch on
// them, to make the table that they keep their versions in. It tells nobody more than the server does: that a relation is missing it tells anybody.
import type { Act } from './act.ts'
import type { MissingName, Statement } from '../sql/analysis.ts'
import { isHarmless } from '../sql/facts/routine-classes.ts'
import { isSystemSchema } from '../sql/system-relations.ts'

/** The shipped rules (rego/policy/postgres): what cannot be told; and effects that are not granted, where a routine that nobody knows is what may have them. Refused by any other, it stays a refusal of policy. */
const ruleOfNames = 'pg.opaque'
const rulesOfEffects: ReadonlySet<string> = new Set(['pg.effect', 'pg.read_only'])
/** Of what can be unknown of a statement, that which a missing name explains. */
const ofNames: ReadonlySet<string> = new Set(['unresolved_relation', 'unresolved_column', 'unresolved_routine'])

export interface MissingWords { readonly sqlState: string; readonly message: string; readonly position?: number }

/** @returns undefined where it was, or may have been, refused for another reason as well */
export function missingWords({ refused, statements, text }: Act): MissingWords | undefined {
  if (refused?.code !== 'policy.denied' || !refused.reasons.some(({ id }) => id === ruleOfNames)) return undefined
  if (!refused.reasons.every(({ id }) => id === ruleOfNames || rulesOfEffects.has(id) && statements.every(readsButForNames))) return undefined
  if (statements.some(({ kind, unknown }) => kind === 'do' || !unknown.every((reason) => ofNames.has(reason)))) return undefined
  const statement = statements.find(({ missing = [] }) => missing.length > 0)
  // The server looks for relations first, and for the rest in the order of the text, or nearly so.
  const [first] = statement?.missing?.toSorted((one, other) => Number(isRelation(other)) - Number(isRelation(one)) || one.location - other.location) ?? []
  if (statement === undefined || first === undefined) return undefined
  const position = positionOf(first, text)
  return { ...wordsOf(first, statement.kind), ...position === undefined ? {} : { position } }
}

/** Whatever else it may do, only a routine that is not there would do. */
function readsButForNames({ kind, relations, routines }: Statement): boolean {
  return kind === 'select' && relations.every(({ access }) => access.every((one) => one === 'read'))
    && routines.every(({ schema, name, volatility, isKnown, class: named }) => !isKnown || named === undefined && isSystemSchema(schema) && (volatility !== 'v' || isHarmless(name)))
}

const isRelation = ({ kind }: MissingName): boolean => kind === 'relation'

function wordsOf({ kind, names, argumentCount = 0 }: MissingName, statement: string): { readonly sqlState: string; readonly message: string } {
  const name = names.join('.')
  switch (kind) {
    case 'relation': return { sqlState: '42P01', message: `relation "${name}" does not exist` }
    case 'range': return { sqlState: '42P01', message: `missing FROM-clause entry for table "${names.at(-1) ?? ''}"` }
    case 'column': return { sqlState: '42703', message: names.length > 1 ? `column ${name} does not exist` : `column "${name}" does not exist` }
    // Types of arguments are not worked out here: unknown is PostgreSQL's own word for that.
    case 'routine': return { sqlState: '42883', message: `${statement === 'call' ? 'procedure' : 'function'} ${name}(${Array.from({ length: argumentCount }, () => 'unknown').join(', ')}) does not exist` }
  }
}

/** In characters from 1. What EXECUTE runs stood in another text, and a name may be written otherwise: a place counts where the name stands there. */
function positionOf({ names, location }: MissingName, text: string): number | undefined {
  const bytes = Buffer.from(text)
  const name = names[0] ?? ''
  const before = bytes.subarray(0, location).toString()
  const found = text.slice(before.length).replace(/^"/, '').slice(0, name.length)
  return found.toLowerCase() === name.toLowerCase() ? [...before].length + 1 : undefined
}
