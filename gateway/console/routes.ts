// The console's pages: sign in, look, decide. Server-rendered, no script; every form goes through the same desk as the API.
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import { deskFaults, type Approval, type Desk, type DeskFault } from '../approval/index.ts'
import type { Principal } from '../call.ts'
import type { IdentityProviderConfig } from '../config.ts'
import { createSignIn, type Identity } from '../identity/index.ts'
import { isRefusal } from '../refusal.ts'
import { approvalPage, listPage, messagePage } from './approval-page.ts'
import { contentSecurityPolicy, page, html } from './html.ts'
import { createConsoleSessions, isSameSecret, type ConsoleSession } from './sessions.ts'
import { style } from './style.ts'

export interface ConsoleOptions {
  readonly desk: Desk
  readonly identity: Pick<Identity, 'admit'>
  /** Of the governed config in force. */
  readonly providers: () => readonly IdentityProviderConfig[]
  /** The console's own address: cookies are Secure and `__Host-` when it is https. */
  readonly url: () => string
  readonly now: () => number
}

const callbackPath = '/sign-in/callback'
const maxReturnChars = 200
const statusOf: Readonly<Record<DeskFault, number>> = { unknown: 404, ended: 409, conflict: 409, decided: 409, requester: 403, machine: 403, sponsor: 403, provider: 403, group: 403, comment: 400 }

export function consolePages({ desk, identity, providers, url, now }: ConsoleOptions): FastifyPluginCallback {
  const signIn = createSignIn({ providers, redirectUri: () => `${url()}${callbackPath}`, now })
  const sessions = createConsoleSessions()
  const names = (): { session: string; signIn: string; suffix: string } => url().startsWith('https:')
    ? { session: '__Host-countersign', signIn: '__Host-countersign-sign-in', suffix: '; Secure' }
    : { session: 'countersign', signIn: 'countersign-sign-in', suffix: '' }

  function sessionOf(request: FastifyRequest): ConsoleSession | undefined {
    const session = sessions.get(cookieOf(request, names().session), now())
    // Off-boarded since the sign-in: the session is worth nothing.
    return session === undefined || isRefusal(identity.admit(session.principal)) ? undefined : session
  }

  async function startSignIn(reply: FastifyReply, returnTo: string, issuer?: string): Promise<FastifyReply> {
    const issuers = signIn.issuers()
    const [only, ...more] = issuers
    const chosen = issuer ?? (more.length === 0 ? only : undefined)
    if (chosen === undefined) {
      return await show(reply, 200, page('Sign in', html`<main><h1>Sign in with</h1>${issuers.map((name) => html`<p><a class="button" href="/sign-in?issuer=${encodeURIComponent(name)}&amp;return=${encodeURIComponent(returnTo)}">${name}</a></p>`)}</main>`))
    }
    const start = await signIn.start(chosen)
    if (isRefusal(start)) return await show(reply, start.code === 'identity.unavailable' ? 503 : 400, messagePage('Sign-in is not possible', start.message))
    const { signIn: cookie, suffix } = names()
    // Lax: the identity provider's redirect comes from another site.
    return await reply.header('set-cookie', `${cookie}=${sessions.begin({ start, returnTo })}; Path=/; Max-Age=600; HttpOnly; SameSite=Lax${suffix}`).redirect(start.url, 302)
  }

  /** An approval that this person may not see does not exist for them. */
  function seen(request: FastifyRequest, person: Principal): Approval | undefined {
    const { id } = request.params as { id: string }
    const approval = /^[0-9a-f]{32}$/.test(id) ? desk.get(id) : undefined
    return approval !== undefined && desk.isVisible(approval, person) ? approval : undefined
  }

  async function showApproval(reply: FastifyReply, { principal, csrf }: ConsoleSession, approval: Approval, fault?: DeskFault): Promise<FastifyReply> {
    const notice = fault === undefined ? {} : { notice: `${deskFaults[fault]}.` }
    return await show(reply, fault === undefined ? 200 : statusOf[fault], approvalPage({ approval, person: principal, fault: desk.faultFor(approval, principal), csrf, now: now(), ...notice }))
  }

  return (server, _options, done) => {
    server.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, parsed) => { parsed(null, new URLSearchParams(String(body))) })
    server.get('/', (_request, reply) => reply.redirect('/approvals', 302))
    server.get('/console/style.css', (_request, reply) => reply.type('text/css').header('cache-control', 'max-age=300').send(style))

    server.get('/sign-in', async (request, reply) => {
      const { issuer, return: returnTo } = request.query as { issuer?: unknown; return?: unknown }
      return await startSignIn(reply, safeReturn(returnTo), typeof issuer === 'string' ? issuer : undefined)
    })
    server.get(callbackPath, async (request, reply) => {
      const { session, signIn: cookie, suffix } = names()
      const begun = sessions.take(cookieOf(request, cookie), now())
      if (begun === undefined) return await show(reply, 400, messagePage('This sign-in has ended', 'It was not started in this browser, or too long ago.', { href: '/approvals', label: 'Sign in again' }))
      const person = await signIn.finish(begun.start, new URL(request.url, 'http://console.invalid').searchParams)
      const admitted = isRefusal(person) ? person : identity.admit(person)
      if (isRefusal(admitted)) return await show(reply, 403, messagePage('You are not signed in', admitted.message, { href: '/approvals', label: 'Try again' }))
      reply.header('set-cookie', [`${session}=${sessions.open(admitted)}; Path=/; HttpOnly; SameSite=Strict${suffix}`, `${cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax${suffix}`])
      // A page, not a redirect: a Strict cookie is not sent along a chain that another site began.
      return await show(reply, 200, page('Signed in', html`<main><p><a class="button" href="${begun.returnTo}">Continue</a></p></main>`, begun.returnTo))
    })
    server.post('/sign-out', async (request, reply) => {
      const session = sessionOf(request)
      if (session !== undefined && !hasToken(request, session)) return await show(reply, 403, messagePage('Not signed out', 'The form was not one of ours.'))
      sessions.close(cookieOf(request, names().session))
      return await show(reply, 200, messagePage('Signed out', 'This browser is signed out of the console.'))
    })

    server.get('/approvals', async (request, reply) => {
      const session = sessionOf(request)
      if (session === undefined) return await startSignIn(reply, '/approvals')
      return await show(reply, 200, listPage(desk.list('pending', session.principal), session.principal, session.csrf, now()))
    })
    server.get('/approvals/:id', async (request, reply) => {
      const session = sessionOf(request)
      if (session === undefined) return await startSignIn(reply, safeReturn(request.url))
      const approval = seen(request, session.principal)
      return approval === undefined ? await unknown(reply) : await showApproval(reply, session, approval)
    })
    server.post('/approvals/:id', async (request, reply) => {
      const session = sessionOf(request)
      if (session === undefined) return await show(reply, 403, messagePage('You are signed out', 'Nothing was decided.', { href: safeReturn(request.url), label: 'Sign in' }))
      if (!hasToken(request, session)) return await show(reply, 403, messagePage('Nothing was decided', 'The form was not one of ours.'))
      const approval = seen(request, session.principal)
      if (approval === undefined) return await unknown(reply)
      const form = request.body as URLSearchParams
      const verdict = form.get('verdict')
      // The operation that the person looked at is the one that is decided.
      if ((verdict !== 'approve' && verdict !== 'reject') || form.get('operation') !== Buffer.from(approval.operation).toString('base64url')) return await show(reply, 400, messagePage('Nothing was decided', 'The form is not complete.'))
      const taken = await desk[verdict](approval.id, session.principal, (form.get('comment') ?? '').replaceAll('\r\n', '\n'))
      if ('fault' in taken) return await showApproval(reply, session, desk.get(approval.id) ?? approval, taken.fault)
      return await reply.redirect(`/approvals/${approval.id}`, 303)
    })
    done()
  }
}

async function show(reply: FastifyReply, status: number, text: string): Promise<FastifyReply> {
  return await reply.code(status).type('text/html; charset=utf-8').headers({ 'content-security-policy': contentSecurityPolicy, 'x-frame-options': 'DENY' }).send(text)
}

async function unknown(reply: FastifyReply): Promise<FastifyReply> {
  return await show(reply, 404, messagePage('There is no such approval', 'It never was, has been forgotten, or is not yours to see.', { href: '/approvals', label: 'All approvals' }))
}

function hasToken(request: FastifyRequest, session: ConsoleSession): boolean {
  return request.body instanceof URLSearchParams && isSameSecret(request.body.get('csrf') ?? '', session.csrf)
}

/** Only our own pages: a link may not use the sign-in to send a person elsewhere. */
function safeReturn(path: unknown): string {
  return typeof path === 'string' && path.length <= maxReturnChars && /^\/approvals(\/[0-9a-f]{32})?$/.test(path) ? path : '/approvals'
}

function cookieOf(request: FastifyRequest, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}
