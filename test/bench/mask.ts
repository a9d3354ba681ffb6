// What projection and masking cost on one core, by the piece: `node test/bench/mask.ts`. Medians of rounds, µs per call.
import { createMasking, maskJson, parseJson } from '../../gateway/mask/index.ts'
import { createProjector } from '../../gateway/project/index.ts'
import { findSensitive } from '../../gateway/sensitive/find.ts'
import { createTokens, detectedClasses } from '../../gateway/sensitive/index.ts'
import type { Json, Principal } from '../../gateway/call.ts'

const rounds = 9
const calls = 4_000

function measure(name: string, work: () => unknown): void {
  for (let i = 0; i < calls; i++) work()
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    const start = process.cpuUsage()
    for (let i = 0; i < calls; i++) work()
    const { user, system } = process.cpuUsage(start)
    times.push((user + system) / calls)
  }
  times.sort((a, b) => a - b)
  console.log(name.padEnd(58), (times[rounds >> 1] ?? 0).toFixed(2).padStart(8), 'µs')
}

const prose = 'The quarterly report covers revenue across regions and segments, with notes on methodology and risk. '.repeat(10).slice(0, 1024)
const mixed = 'Order 48213 shipped 2024-05-11 from depot 17 to Springfield; total 129.95 USD, ref 8f14e45f-ceea-467f-a0e6 at 10:22:31. '.repeat(9).slice(0, 1024)
const request: { readonly [name: string]: Json } = {
  protocol: 'mcp', method: 'tools/call', name: 'lookup_customer', bytes: 1024,
  arguments: {
    customer: { id: 'C-10293', name: 'Jane Doe', city: 'Springfield', tags: ['gold', 'retail'], limits: { daily: 1200, weekly: 5000 } },
    query: "select name, city, balance from customers where region = 'west' and status = 'active' order by name limit 50",
    options: { format: 'json', pretty: false, page: 1, size: 50, since: '2024-05-11T10:22:31Z', request_id: '8f14e45f-ceea-467f-a0e6-0242ac120002' },
    notes: 'Prepared for the branch review on Friday. Please include closed positions, and leave out everything that was already reported in the last quarter.',
    filters: Array.from({ length: 6 }, (_, i) => ({ field: `column_${i}`, op: 'eq', value: `value ${i}` })),
  },
}
const row = (i: number) => ({ id: `C-${10_000 + i}`, name: 'Jane Doe', city: 'Springfield', state: 'IL', status: 'active', balance: 1200.5 + i, opened: '2019-03-02', segment: 'retail', manager: 'A. Novak' })
const cleanResult = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 7, result: { structuredContent: { rows: Array.from({ length: 7 }, (_, i) => row(i)) } } }))
const dirtyResult = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 7, result: { structuredContent: { rows: Array.from({ length: 5 }, (_, i) => ({ ...row(i), ssn: `123-45-67${10 + i}`, email: `jane${i}@example.com` })) } } }))
const requestBytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tools/call', params: { name: 'lookup_customer', arguments: request['arguments'] } }))

const tokens = createTokens(new Uint8Array(32).fill(7))
const project = createProjector({ catalogue: { lookup_customer: { effects: ['read'], labels: [], request: { '/customer/ssn': 'US_SSN' }, result: {}, isOpaque: false } } }, tokens)
const principal: Principal = { type: 'user', id: 'https://idp.example|alice', clientId: 'agent', groups: ['analysts'], acr: '1', amr: ['pwd'], claims: {}, expiresAt: 0 }
const context = { session: { id: '00'.repeat(16), seq: 1, startedAt: '1970-01-01T00:00:00.000Z' }, principal, peer: { ip: '192.0.2.1', port: 1 }, decisionId: new Uint8Array(16), now: 0 }
const operation = { action: { name: 'tools/call', properties: { effects: ['read'] } }, resource: { type: 'tool', id: 'bank/lookup_customer', properties: { target: 'bank', env: 'demo', labels: [] } }, catalogueKey: 'lookup_customer', request, slots: [{ path: '/arguments' }], canonical: () => new Uint8Array(0), isOpaque: false }
const masking = createMasking({ limits: { maxBodyBytes: 1 << 20, maxResultBytes: 1 << 20, maxDepth: 64 } }, tokens)
const byName = masking.planFor({ mask: [{ id: 'ssn', match: { columns: ['ssn', 'email'] }, op: 'redact' }] }, undefined)
const byClass = masking.planFor({ mask: detectedClasses.map((name) => ({ id: `baseline.${name}`, match: { class: name }, op: 'redact' as const })) }, undefined)
const summary = { title: 'result', status: 'delivered', isFinal: true } as const
const limits = { maxBytes: 1 << 20, maxDepth: 64, inexact: 'refuse' } as const

console.log(`request ${requestBytes.length} B, clean result ${cleanResult.length} B, result with hits ${dirtyResult.length} B`)
measure('JSON.parse alone, request', () => JSON.parse(requestBytes.toString()))
measure('strict parse, request', () => parseJson(requestBytes, limits))
measure('findSensitive, 1 KB prose', () => findSensitive(prose))
measure('findSensitive, 1 KB with numbers and ids', () => findSensitive(mixed))
measure('projectCall, 1 KB request (JSON.stringify included)', () => project({ operation, from: 'client' }, context))
measure('JSON.stringify of the input alone', () => JSON.stringify(request))
measure('maskJson by name, clean', () => maskJson(cleanResult, byName, summary))
measure('maskJson by name, 10 hits', () => maskJson(dirtyResult, byName, summary))
measure('maskJson, every class, clean', () => maskJson(cleanResult, byClass, summary))
measure('maskJson, every class, 10 hits', () => maskJson(dirtyResult, byClass, summary))
