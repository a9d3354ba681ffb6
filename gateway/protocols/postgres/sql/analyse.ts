// One text, wholly analysed: parsed, facts, lineage, literals. Kept by catalogue and search path (remembered.ts), for drivers send the same texts again.
import type { Analysis, Lineage, Literal, Naming, Snapshot, Statement } from './analysis.ts'
import { copyFormatOf } from '../mask/copy-format.ts'
import { readFacts } from './facts/facts.ts'
import { attributed, readShape } from './literals.ts'
import type { Shape } from './literals.ts'
import type { Parser } from './parser.ts'
import type { Parsed } from './parse-text.ts'
import { Remembered } from './remembered.ts'
import type { Trace } from './trace.ts'

/** `traceStatement` of lineage.ts. */
export type TraceStatement = (node: unknown, naming: Naming) => Trace
/** A Parse text will be seen again; of Query texts, whose values stand in them, only those that were seen before are kept. */
export type Admission = 'at-once' | 'on-second-sight'

export interface Analyser {
  /** At once for a short text. Never throws, never rejects: a text that cannot be read has the status `error`. */
  analyse(text: string, naming: Naming, admission?: Admission): Analysis | Promise<Analysis>
  /** Of a text that was analysed before, or one like it (alike.ts), and kept. */
  known(text: string, naming: Naming): Analysis | undefined
}

export function createAnalyser(parser: Parser, trace: TraceStatement): Analyser {
  const bySnapshot = new WeakMap<Snapshot, Remembered>()

  return {
    known(text, { snapshot, path }) {
      const found = bySnapshot.get(snapshot)?.get(path.join('\0'), text, false)
      return found?.status === 'fresh' ? undefined : found
    },
    analyse(text, naming, admission = 'on-second-sight') {
      const remembered = bySnapshot.get(naming.snapshot) ?? new Remembered()
      bySnapshot.set(naming.snapshot, remembered)
      const path = naming.path.join('\0')
      const found = remembered.get(path, text, admission === 'at-once')
      if (found.status !== 'fresh') return found
      const finish = (parsed: Parsed): Analysis => {
        const watched = parsed.status === 'ok' ? remembered.watch(found, parsed.statements) : undefined
        const analysis = analyseParsed(text, parsed, naming, trace)
        remembered.keep(path, found, analysis, watched, admission === 'at-once')
        return analysis
      }
      const parsed = parser.parse(text)
      return parsed instanceof Promise ? parsed.then(finish) : finish(parsed)
    },
  }
}

const empty: Statement = {
  kind: 'empty', effects: ['read'], relations: [], columns: [], routines: [], hasWhere: false, hasReturning: false, isBarrier: false, unknown: [], outputs: [], flows: [],
}

function analyseParsed(text: string, parsed: Parsed, naming: Naming, trace: TraceStatement): Analysis {
  if (parsed.status === 'error') return parsed
  try {
    return analyseTree(text, parsed, naming, trace)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { status: 'error', message: 'the statement is nested too deeply', position: 0 }
  }
}

function analyseTree(text: string, { statements: nodes, shape: known }: Parsed & { readonly status: 'ok' }, naming: Naming, trace: TraceStatement): Analysis {
  const statements: Statement[] = []
  const locations = new Set<number>()
  const booleans = new Set<number>()
  const columns = new Map<number, Literal['columns']>()
  const parameters = new Map<number, Literal['columns']>()
  for (const node of nodes) {
    const { facts, constants, booleans: flags, folded } = readFacts(node, naming)
    const traced = trace(node, naming)
    if (known === undefined) {
      for (const at of constants) locations.add(at)
      for (const at of flags) booleans.add(at)
    }
    for (const [at, found] of traced.literalColumns) columns.set(at, found)
    // One `$n` may stand in several places: it belongs to the columns of all of them.
    for (const [number, found] of traced.parameterColumns) parameters.set(number, [...parameters.get(number) ?? [], ...found])
    statements.push({
      ...facts, unknown: [...new Set([...facts.unknown, ...traced.unknown])],
      columns: traced.columns, flows: traced.flows, ...traced.outputs === undefined ? {} : { outputs: folded === undefined ? traced.outputs : traced.outputs.map((output) => joined(output, folded)) }, ...traced.held === undefined ? {} : { held: traced.held }, ...traced.missing.length === 0 ? {} : { missing: traced.missing }, ...copyOf(node), ...cursorOf(node),
    })
  }
  const { constants, shape }: Shape = known ?? readShape(text, { locations, booleans })
  return { status: 'ok', statements: statements.length === 0 ? [empty] : statements, parameters, literals: attributed(constants, columns), shape }
}

function joined(one: Lineage, other: Lineage): Lineage {
  return { ...one, ...other, columns: [...one.columns, ...other.columns] }
}

/** How rows are written decides how they are read back to be masked. */
function copyOf(node: unknown): Pick<Statement, 'copyFormat'> {
  const body = typeof node === 'object' && node !== null && 'CopyStmt' in node ? node.CopyStmt : undefined
  if (typeof body !== 'object' || body === null) return {}
  const copyFormat = copyFormatOf({ ...body })
  return copyFormat === undefined ? {} : { copyFormat }
}

/** Which cursor DECLARE makes and FETCH takes from. */
function cursorOf(node: unknown): Pick<Statement, 'cursor'> {
  if (typeof node !== 'object' || node === null) return {}
  const body: unknown = 'DeclareCursorStmt' in node ? node.DeclareCursorStmt : 'FetchStmt' in node ? node.FetchStmt : undefined
  const cursor: unknown = typeof body === 'object' && body !== null && 'portalname' in body ? body.portalname : undefined
  return typeof cursor === 'string' ? { cursor } : {}
}
