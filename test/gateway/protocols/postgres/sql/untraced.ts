// Lineage that knows nothing: for tests of what is read without it.
import type { TraceStatement } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'

export const untraced: TraceStatement = () => ({ columns: [], outputs: undefined, flows: [], literalColumns: new Map(), parameterColumns: new Map(), relations: [], routines: [], unknown: [], missing: [] })
