// Calls that nobody made, so that V8 has compiled what real ones use before they come: it compiles a function of a module when it is called
// first, and again when it is called often, for all threads that have the module. What the answers are is nobody's concern.
import { PolicyError } from './errors.ts'
import { openEvaluator } from './evaluator.ts'
import type { Image } from './image.ts'
import { entrypoints, limitsOf } from './policy.ts'

/** Of each: that often, V8's optimising compiler has been at what all calls share. */
const rounds = 400
/** ms for all of them together; a slow policy is as warm as it gets. */
const maxMs = 400
/** A policy that loops has nothing to warm. */
const evaluationFuel = 250_000

const about = { v: 1, subject: { type: 'agent', id: 'https://idp.example/|warm-up', properties: { groups: ['staff'], client_id: 'warm-up', acr: '', amr: ['pwd'], claims: {} } }, context: { ip: '127.0.0.1', break_glass: false, ticket: '', ticket_by: 'caller' } }
const properties = { target: 'warm-up', env: 'prod', labels: ['internal'] }
const findings = { pii: { status: 'ok', classes: ['us.ssn'] }, projected: [] }

/** One of each protocol that the shipped policies decide about, and a list. */
const calls: readonly (readonly [entrypoint: string, input: object])[] = [
  [entrypoints.decision, {
    ...about, phase: 'request', action: { name: 'tools/call', properties: { effects: ['read'] } }, resource: { type: 'tool', id: 'warm-up/report', properties },
    request: { protocol: 'mcp', method: 'tools/call', tool: 'report', arguments: { query: 'largest', limit: 5 }, bytes: 512 }, findings,
  }],
  [entrypoints.decision, {
    ...about, phase: 'request', action: { name: 'http.get', properties: { effects: ['read'] } }, resource: { type: 'route', id: 'warm-up/report', properties },
    request: { protocol: 'http', method: 'GET', path: '/report', query: {}, bytes: 0 }, findings,
  }],
  [entrypoints.decision, {
    ...about, phase: 'request', action: { name: 'pg.select', properties: { effects: ['read'] } }, resource: { type: 'database', id: 'warm-up/bank', properties: { ...properties, relations: [{ name: 'public.report', access: 'read', columns: ['id', 'name'], labels: [] }] } },
    request: { protocol: 'postgres', database: 'bank', user: 'warm-up', multi: false, unparsed: false, unread: false, sensitive_predicate: [], sensitive_write: [], statements: [{
      kind: 'select', effects: ['read'], relations: [{ name: 'public.report', access: ['read'], labels: [] }], columns: [{ name: 'public.report.id', uses: ['output'] }], routines: [], settings: [], has_where: true, returning: false, unknown: [],
    }] },
    findings: { ...findings, sql: { status: 'ok' } },
  }],
  [entrypoints.visible, { ...about, phase: 'list', action: { name: 'tools/list', properties: { effects: ['read'] } }, items: [{ type: 'tool', id: 'warm-up/report', properties }] }],
]

/** @param now ms */
export async function warmUp(image: Image, now: () => number): Promise<void> {
  const evaluator = await openEvaluator(image, { ...limitsOf({}), evaluationFuel })
  const end = now() + maxMs
  for (const [entrypoint, input] of calls) {
    const text = JSON.stringify(input)
    try {
      for (let round = 0; round < rounds && now() < end; round++) evaluator.evaluate(entrypoint, text)
    } catch (cause) {
      if (!(cause instanceof PolicyError)) throw cause
    }
  }
}
