// Corpora for the tests of what reads them: calls on the demo's targets, decided by a given policy. Their proofs are none; `export.test.ts` is about those.
import { readCorpus, writeCorpus } from '../../../../evidence/audit/replay/corpus.ts'
import type { Corpus, CorpusRow } from '../../../../evidence/audit/replay/corpus.ts'
import type { Engine } from '../../../../evidence/audit/replay/engine.ts'

export interface Call { readonly input: object; readonly calls?: number; readonly masked?: Readonly<Record<string, number>> }

const context = { time: '2026-01-01T00:00:00Z', ip: '2001:db8::1', ticket: '', approval: null, grants: [], break_glass: false }

const who = (groups: readonly string[], name: string, type = 'user') => ({ type, id: `https://idp.example|${name}`, properties: { groups, client_id: 'desk', acr: '', amr: ['hwk'], claims: {} } })

const head = (groups: readonly string[], name: string, type?: string) => ({ v: 1, phase: 'request', decision_id: '0123', session: { id: '4567', seq: 3, started_at: '2026-01-01T00:00:00Z' }, subject: who(groups, name, type) })

export function toolCall(tool: string, args: object, groups: readonly string[], name = 'p-1'): object {
  return {
    ...head(groups, name), action: { name: 'tools/call', properties: { effects: ['read'] } },
    resource: { type: 'tool', id: `bank/${tool}`, properties: { target: 'bank', env: 'prod', labels: [] } },
    request: { protocol: 'mcp', method: 'tools/call', tool, arguments: args }, findings: { pii: { status: 'ok', classes: [] }, projected: [] }, context,
  }
}

export function httpCall(route: string, body: object | undefined, groups: readonly string[], name = 'p-2'): object {
  const [method = '', path = ''] = route.split(' ')
  return {
    ...head(groups, name), action: { name: `http.${method.toLowerCase()}`, properties: { effects: [method === 'GET' ? 'read' : 'write'] } },
    resource: { type: 'route', id: `ledger/${route}`, properties: { target: 'ledger', env: 'prod', labels: [] } },
    request: { protocol: 'http', method, path, params: {}, query: {}, headers: {}, ...(body === undefined ? {} : { body }) }, findings: { pii: { status: 'ok', classes: [] }, projected: [] }, context,
  }
}

export interface Statement { readonly kind?: string; readonly effects?: readonly string[]; readonly relations?: readonly object[]; readonly has_where?: boolean; readonly limit?: number; readonly copy?: object }

export function statementCall(statement: Statement, groups: readonly string[], name = 'p-3', type = 'user'): object {
  const one = { kind: 'select', effects: ['read'], relations: [{ name: 'public.customers', access: ['read'] }], columns: [], routines: [], settings: [], has_where: true, returning: false, unknown: [], ...statement }
  return {
    ...head(groups, name, type), action: { name: `pg.${one.kind}`, properties: { effects: one.effects } },
    resource: { type: 'database', id: 'appdb/bank', properties: { target: 'appdb', env: 'prod', labels: [], database: 'bank', user: 'p-gateway', relations: [] } },
    request: { protocol: 'postgres', database: 'bank', user: 'p-gateway', statement: 'select $1', literals: [], parameters: [], statements: [one], sensitive_predicate: [], sensitive_write: [] },
    findings: { pii: { status: 'ok', classes: [] }, projected: [], sql: { status: 'ok' } }, context,
  }
}

/** As the exporter would write it, decided by `engine`; `bend` makes it say something else. */
export function corpusBytes(calls: readonly Call[], engine: Engine, bend: { readonly behaviour?: string; readonly decision?: (text: string) => string } = {}): Uint8Array {
  const decisions = new Map<string, number>()
  const rows = calls.map(({ input, calls: count = 1, masked = {} }): CorpusRow => {
    const text = new TextDecoder().decode(engine.decide(input).canonical)
    const told = bend.decision?.(text) ?? text
    const decision = decisions.get(told) ?? decisions.size
    decisions.set(told, decision)
    const id = (input as { subject: { id: string } }).subject.id
    return { bundle: 0, decision, calls: count, who: [[id, count]], others: 0, results: Object.keys(masked).length > 0 ? count : 0, masked, proof: { batch: 0, index: 0, leaf: '', hashes: [] }, salts: { decision: '' }, input }
  })
  const time = '2026-01-01T00:00:00.000Z'
  return writeCorpus({
    header: {
      corpus: 'countersign-replay', v: 1, identities: 'pseudonymous', origin: 'evidence.example/test', checkpoint: '', created: time, first: time, last: time,
      bundles: [{ digest: engine.bundle.hex, revision: engine.bundle.revision, serial: 1, behaviour: bend.behaviour ?? engine.behaviour }],
      batches: 1, decisions: decisions.size, rows: rows.length, calls: rows.reduce((sum, { calls: count }) => sum + count, 0), left_out: { not_opened: 0, no_bundle: 0, not_reproduced: 0, identity: 0 },
    },
    batches: [{ batch: 0, leaf: '', hashes: [] }], decisions: [...decisions.keys()], rows,
  })
}

export const corpusOf = (...args: Parameters<typeof corpusBytes>): Corpus => readCorpus(corpusBytes(...args))
