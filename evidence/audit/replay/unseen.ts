// What head alone looks at and no corpus shows as it will be: names are pseudonyms there, addresses are of one documentation range, and times are
// past. A head that goes by them could tell a replay from a call, and decide as base does for as long as it is watched.
import { entrypoints } from '../../../rego/index.ts'
import type { Corpus } from './corpus.ts'
import type { Engine } from './engine.ts'
import { directions } from './flip-kind.ts'
import { compareDecisions } from './flip.ts'

type Path = readonly string[]

/** Of this call and of no other. */
const momentary: readonly Path[] = [['context', 'time'], ['session'], ['decision_id']]
/** What an export without names replaces (pseudonyms.ts). */
const replaced: readonly Path[] = [
  ['subject', 'id'], ['subject', 'sponsor'], ['subject', 'actor'], ['subject', 'properties', 'client_id'], ['subject', 'properties', 'claims'],
  ['context', 'ip'], ['context', 'approval'], ['context', 'grants'], ['resource', 'properties', 'user'], ['request', 'user'],
]

/** Paths that head's decision reads and base's does not, `input.` before each. */
export function newlyRead(base: Engine, head: Engine): readonly string[] {
  return pathsOf(head).filter((path) => !pathsOf(base).some((known) => isWithin(path, known))).map(told).toSorted()
}

/**
 * Those members of the two lists above that head reads and base does not; `pseudonyms`: with names and addresses of another look, head widens where it did not.
 * @param places rows to disguise
 */
export function unseenBy(base: Engine, head: Engine, corpus: Corpus, places: readonly number[]): readonly string[] {
  const { identities } = corpus.header
  const isRead = (engine: Engine, wanted: Path): boolean => pathsOf(engine).some((path) => isWithin(path, wanted) || isWithin(wanted, path))
  const members = [...momentary, ...identities === 'real' ? [] : replaced].filter((path) => isRead(head, path) && !isRead(base, path)).map(told)
  const widens = (input: object): boolean => compareDecisions(base.decide(input).decision, head.decide(input).decision).some(({ kind }) => directions[kind] === 'widening')
  const isTold = identities !== 'real' && places.some((place) => {
    const { input } = corpus.row(place)
    return !widens(input) && widens(disguised(input))
  })
  return isTold ? [...members, 'pseudonyms'] : members
}

/** As a call might have it: equal names stay equal, and no longer look like an export's. */
function disguised(input: object): object {
  return JSON.parse(JSON.stringify(input).replace(/\bp-(?=[0-9a-f])/g, 'u').replace(/"2001:db8:[0-9a-f:]*"/g, '"10.20.30.40"')) as object
}

const pathsOf = ({ bundle }: Engine): readonly Path[] => bundle.inputs[entrypoints.decision] ?? []

function isWithin(path: Path, above: Path): boolean {
  return above.length <= path.length && above.every((name, at) => name === path[at])
}

function told(path: Path): string {
  return ['input', ...path].join('.')
}
