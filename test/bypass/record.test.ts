// What a caller once could put into the record, or before an approver's eyes, past the projection: one row each. Rows are only ever added.
import test from 'ava'
import type { TargetConfig } from '../../gateway/config.ts'
import { createProjector } from '../../gateway/project/index.ts'
import { clientOperation } from '../../gateway/protocols/mcp/operation.ts'
import { createTokens } from '../../gateway/sensitive/index.ts'

const value = '219-09-9999'
const target = { name: 'bank', env: 'test', labels: [], catalogue: {} } as unknown as TargetConfig
const sent = { era: { name: 'legacy', version: '2025-11-25' }, session: undefined, body: new Uint8Array(), headers: [], transport: [] } as const
const principal = { type: 'user', id: 'idp|mara', clientId: 'agent', groups: [], acr: '', amr: [], claims: {}, expiresAt: 1 } as const
const context = { session: { id: '00', seq: 0, startedAt: '1970-01-01T00:00:00.000Z' }, principal, peer: { ip: '127.0.0.1', port: 1 }, decisionId: new Uint8Array(16), now: 0 }

const rows: readonly (readonly [string, string, { readonly [name: string]: string }])[] = [
  ["a resource's URI", 'resources/read', { uri: `bank://customers/${value}` }],
  ['the URI of a subscription', 'resources/subscribe', { uri: `bank://customers/${value}` }],
  ['the name of a tool that nobody declared', 'tools/call', { name: `lookup ${value}` }],
  ['the name of a prompt', 'prompts/get', { name: `about ${value}` }],
]
for (const [name, method, params] of rows) {
  test(`not on record: a number in ${name}`, (t) => {
    const operation = clientOperation({ kind: 'request', id: 1, method, params }, sent, target)
    const { input, inputText } = createProjector(target, createTokens(new Uint8Array(32)))({ operation, from: 'client' }, context)
    t.false(inputText.includes(value), inputText)
    t.regex(input.resource.id, /^bank\/.*⟦US_SSN:[\w-]{22}⟧$/)
    t.deepEqual(input.findings.pii.classes, ['US_SSN'])
  })
}
