// The approvals API: what the console's pages and `countersign approvals` do, for programs. A bearer token on every request.
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import type { Approval, ApprovalState, Desk, DeskFault } from '../approval/index.ts'
import { deskFaults } from '../approval/index.ts'
import type { Principal } from '../call.ts'
import type { Identity } from '../identity/index.ts'
import { isRefusal, refusalWords, type Refusal } from '../refusal.ts'

const states: ReadonlySet<string> = new Set(['pending', 'approved', 'rejected', 'expired', 'superseded', 'consumed', 'all'])

export const faultStatus: Readonly<Record<DeskFault, number>> = { unknown: 404, ended: 409, conflict: 409, requester: 403, machine: 403, sponsor: 403, provider: 403, group: 403, decided: 409, comment: 400 }

export interface ApprovalsApiOptions {
  readonly desk: Desk
  readonly identity: Pick<Identity, 'verify'>
  /** The admin listener's address: tokens must be for it, not for a target. */
  readonly audience: () => string
}

export function approvalsApi({ desk, identity, audience }: ApprovalsApiOptions): FastifyPluginCallback {
  const who = (request: FastifyRequest): Promise<Principal | Refusal> => bearerOf(request, identity, audience())

  async function decide(request: FastifyRequest, reply: FastifyReply, verdict: 'approve' | 'reject'): Promise<unknown> {
    const person = await who(request)
    if (isRefusal(person)) return await refuse(reply, person)
    const approval = seen(request, person)
    if (approval === undefined) return await fault(reply, 'unknown')
    const comment: unknown = (request.body as { comment?: unknown } | null)?.comment ?? ''
    if (typeof comment !== 'string') return await fault(reply, 'comment')
    const taken = await desk[verdict](approval.id, person, comment)
    return 'fault' in taken ? await fault(reply, taken.fault) : viewOf(taken.approval, desk, person)
  }

  /** An approval that this person may not see does not exist for them. */
  function seen(request: FastifyRequest, person: Principal): Approval | undefined {
    const { id } = request.params as { id: string }
    const approval = /^[0-9a-f]{32}$/.test(id) ? desk.get(id) : undefined
    return approval !== undefined && desk.isVisible(approval, person) ? approval : undefined
  }

  return (server, _options, done) => {
    server.get('/api/approvals', async (request, reply) => {
      const person = await who(request)
      if (isRefusal(person)) return await refuse(reply, person)
      const { state = 'pending' } = request.query as { state?: unknown }
      if (typeof state !== 'string' || !states.has(state)) return await reply.code(400).type('application/problem+json').send({ title: `state: expected one of ${[...states].join(', ')}`, status: 400, code: 'request.invalid' })
      return { approvals: desk.list(state as ApprovalState | 'all', person).map((approval) => viewOf(approval, desk, person)) }
    })
    server.get('/api/approvals/:id', async (request, reply) => {
      const person = await who(request)
      if (isRefusal(person)) return await refuse(reply, person)
      const approval = seen(request, person)
      return approval === undefined ? await fault(reply, 'unknown') : viewOf(approval, desk, person)
    })
    server.post('/api/approvals/:id/approve', (request, reply) => decide(request, reply, 'approve'))
    server.post('/api/approvals/:id/reject', (request, reply) => decide(request, reply, 'reject'))
    done()
  }
}

/** What one person is shown. The salt stays in the store: with it the digest could be guessed at. */
export function viewOf(approval: Approval, desk: Pick<Desk, 'faultFor'>, person: Principal): Record<string, unknown> {
  // A yes that stands can still be taken back, but not be given again.
  const fault = approval.state === 'pending' ? desk.faultFor(approval, person) : 'ended'
  const { id, state, requester, target, action, resource, session, groups, quorum, reasons, request, verdicts } = approval
  return {
    id, state, requester, target, action, resource, session, groups, quorum, reasons, request, verdicts,
    operation: Buffer.from(approval.operation).toString('base64url'), decision: Buffer.from(approval.decision).toString('base64url'),
    created_at: new Date(approval.createdAt).toISOString(), expires_at: new Date(approval.expiresAt).toISOString(),
    may_decide: fault === undefined, ...fault === undefined ? {} : { why_not: deskFaults[fault] },
  }
}

async function fault(reply: FastifyReply, code: DeskFault): Promise<unknown> {
  return await reply.code(faultStatus[code]).type('application/problem+json').send({ title: deskFaults[code], status: faultStatus[code], code: `approval.${code}` })
}

/** Whoever the request's bearer token names, if it is for the admin listener. */
export async function bearerOf(request: FastifyRequest, identity: ApprovalsApiOptions['identity'], audience: string): Promise<Principal | Refusal> {
  const [, token] = /^Bearer ([A-Za-z0-9._~+/=-]+)$/.exec(request.headers.authorization ?? '') ?? []
  const from = { ip: request.socket.remoteAddress ?? '', port: request.socket.remotePort ?? 0 }
  return await identity.verify(token === undefined ? { kind: 'none', from } : { kind: 'bearer', token, from }, audience)
}

export async function refuse(reply: FastifyReply, refused: Refusal): Promise<unknown> {
  const { http } = refusalWords[refused.code]
  if (http === 401) reply.header('www-authenticate', refused.code === 'identity.token_missing' ? 'Bearer' : 'Bearer error="invalid_token"')
  return await reply.code(http).type('application/problem+json').send({ title: refused.message, status: http, code: refused.code })
}
