// What the library itself says (policy/lib/decision.rego), and what the host says where no policy could: reasons that no METADATA tells of.
import type { HandbookRule } from './handbook-rule.ts'

type LibraryRule = Omit<HandbookRule, 'tests'>

const rule = (id: string, title: string, description: string): LibraryRule => ({ id, verb: 'library', title, description, msg: '', severity: '', controls: [], modes: { '*': 'enforce' }, file: '', row: 0 })

export const libraryRules: readonly LibraryRule[] = [
  rule('countersign.silence', 'No package allows the call', 'Silence is deny.'),
  rule('countersign.access', 'The caller may not know of what is called', 'may_call does not hold, so no list shows it either.'),
  rule('countersign.projected', 'A sensitive value stands where no field is declared for it', 'Declare the field in the catalogue, or leave the value out.'),
  rule('countersign.malformed', 'A rule is malformed', 'A reason without id or message, a verb that is no set, a limit of an unknown kind: nothing is allowed beside it.'),
  rule('policy.error', 'The policy gave no decision', 'Undefined, trapped, out of time or memory, or an answer that the schema does not take: the code stands in its message.'),
]
