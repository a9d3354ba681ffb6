// A small bank for the approval tests: callers, approvers, and a call that policy wants approved.
import type { DatabaseSync } from 'node:sqlite'
import type { DecidedCall, Operation, PolicyInput, Principal } from '../../../gateway/call.ts'
import { createApprovals, createApprovalStore, type Approvals, type ApprovalEdge, type Requester } from '../../../gateway/approval/index.ts'
import { openDatabase } from '../../../gateway/state/database.ts'
import type { Decision } from '../../../rego/index.ts'

const issuer = 'https://idp.example'

export function person(name: string, groups: readonly string[] = [], more: Partial<Principal> = {}): Principal {
  return { type: 'user', id: `${issuer}|${name}`, clientId: 'desk', groups, acr: '', amr: [], claims: {}, expiresAt: Number.MAX_SAFE_INTEGER, ...more }
}

export const ana = person('ana', ['analysts'])
export const lena = person('lena', ['leads'])
export const otto = person('otto', ['leads', 'risk'])
export const vera = person('vera', ['risk'])

export const requester = (principal: Principal = ana): Requester => ({ principal, target: 'bank', session: '00'.repeat(16) })

export interface Wanted {
  readonly argument?: string
  readonly groups?: Decision['approval'] extends infer A ? A extends { groups: infer G } ? G : never : never
  readonly quorum?: number
  readonly template?: string
  readonly justification?: 'required' | 'optional'
  readonly ticket?: string; readonly limit?: number
}

/** `export_customers`, which policy holds for a lead. */
export function exportCall({ argument = 'all customers', groups = [{ any_of: ['leads'], min: 1 }], quorum = 1, template = 'lead', justification = 'optional', limit = 500, ticket = '' }: Wanted = {}): DecidedCall {
  const operation: Operation = {
    action: { name: 'tools/call', properties: { effects: ['read', 'export'] } }, resource: { type: 'tool', id: 'bank/export_customers', properties: {} },
    catalogueKey: 'export_customers', request: { protocol: 'mcp', arguments: { what: argument } }, slots: [], isOpaque: false,
    canonical: () => new TextEncoder().encode(JSON.stringify({ tool: 'export_customers', arguments: { what: argument } })),
  }
  const decision: Decision = {
    effect: 'require', reasons: [{ id: 'mcp.bulk_export', msg: 'Bulk export needs a lead', controls: [], mode: 'enforce' }],
    approval: { template, groups, quorum, ttl_s: 900, justification, break_glass: false }, mask: [], limits: { rows: limit }, record: { level: 'body', retention: '7y' }, obligations: [],
  }
  const input = { resource: operation.resource, request: operation.request, context: { ticket } } as unknown as PolicyInput
  return { operation, from: 'client', input, inputText: JSON.stringify(input), decisionId: new Uint8Array(16), decision, canonicalDecision: new TextEncoder().encode(JSON.stringify(decision)), bundle: new Uint8Array(32), durability: 'strict' }
}

export interface Scene extends AsyncDisposable {
  readonly approvals: Approvals
  readonly edges: ApprovalEdge[]
  readonly database: DatabaseSync
  clock: number
  /** Next edges fail: the record cannot be written. */
  isRecordDown: boolean
  /** Off-boarded. */
  readonly left: Set<string>
  /** Runs before each edge is on record. */
  beforeEdge: (edge: ApprovalEdge) => Promise<void>
}

export function scene(path = ':memory:', templates: Parameters<typeof createApprovals>[0]['templates'] = () => ({}), apart: readonly string[] = []): Scene {
  const database = openDatabase(path)
  const edges: ApprovalEdge[] = []
  const it: Scene = {
    edges, database, clock: 1_000_000, isRecordDown: false, left: new Set(), beforeEdge: () => Promise.resolve(),
    approvals: createApprovals({
      store: createApprovalStore(database), templates, isApart: (name) => apart.includes(name), hasLeft: (id) => it.left.has(id), url: (id) => `https://console.example/approvals/${id}`, now: () => it.clock,
      async onEdge(edge) {
        await it.beforeEdge(edge)
        if (it.isRecordDown) throw new Error('the journal is full')
        edges.push(edge)
      },
    }),
    [Symbol.asyncDispose]() { database.close(); return Promise.resolve() },
  }
  return it
}

export const returning = { signal: new AbortController().signal, held: () => 'return' as const }
