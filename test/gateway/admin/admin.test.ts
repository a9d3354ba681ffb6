import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Counter } from 'prom-client'
import { office, type Office } from './office.ts'

interface Answer { readonly status: number; readonly body: Readonly<Record<string, unknown>>; readonly headers: Headers }

/** Gone with its test. */
function folder(t: ExecutionContext, name: string): string {
  const made = mkdtempSync(join(tmpdir(), `countersign-${name}-`))
  t.teardown(() => { rmSync(made, { recursive: true }) })
  return made
}

async function ask(at: Office, method: string, path: string, token?: string, body?: unknown): Promise<Answer> {
  const response = await fetch(at.admin.url + path, { method, headers: { ...token === undefined ? {} : { authorization: `Bearer ${token}` }, ...body === undefined ? {} : { 'content-type': 'application/json' } }, ...body === undefined ? {} : { body: JSON.stringify(body) } })
  return { status: response.status, body: await response.json() as Answer['body'], headers: response.headers }
}

test('liveness, readiness with its reasons, and metrics are served', async (t) => {
  await using at = await office()
  t.deepEqual((await ask(at, 'GET', '/healthz')).body, { alive: true })
  t.is((await ask(at, 'GET', '/readyz')).status, 200)
  at.readiness = { isReady: false, checks: [{ name: 'evidence', isOk: false, reason: 'evidence_lag' }, { name: 'policy', isOk: true }] }
  const notReady = await ask(at, 'GET', '/readyz')
  t.is(notReady.status, 503)
  t.deepEqual(notReady.body, { ready: false, checks: [{ name: 'evidence', ok: false, reason: 'evidence_lag' }, { name: 'policy', ok: true }] })
  new Counter({ name: 'calls_total', help: 'calls', registers: [at.metrics] }).inc()
  t.true((await (await fetch(`${at.admin.url}/metrics`)).text()).includes('calls_total 1'))
})

test('a lead lists, sees and approves a request; the answer never holds the salt', async (t) => {
  await using at = await office()
  const id = await at.hold()
  const lena = await at.token('lena', ['leads'])
  const { body } = await ask(at, 'GET', '/api/approvals', lena)
  t.deepEqual((body['approvals'] as { id: string }[]).map((row) => row.id), [id])
  const shown = await ask(at, 'GET', `/api/approvals/${id}`, lena)
  t.like(shown.body, { state: 'pending', may_decide: true, action: 'tools/call', request: { arguments: { what: 'all customers' } } })
  t.false(JSON.stringify(shown.body).includes(Buffer.from(at.scene.approvals.get(id)!.salt).toString('base64url')))
  t.false('salt' in shown.body)
  const approved = await ask(at, 'POST', `/api/approvals/${id}/approve`, lena, { comment: 'ok' })
  t.like(approved.body, { state: 'approved' })
  t.is(approved.status, 200)
})

const barred: readonly (readonly [string, string, readonly string[], number, string, string])[] = [
  ['the requester', 'ana', ['leads'], 403, 'approval.requester', 'You cannot approve your own request'],
  ['somebody who may not even see it', 'vera', ['risk'], 404, 'approval.unknown', 'There is no such approval'],
]
for (const [who, sub, groups, status, code, title] of barred) {
  test(`over the API ${who} cannot approve`, async (t) => {
    await using at = await office()
    const id = await at.hold()
    const { body, status: answered } = await ask(at, 'POST', `/api/approvals/${id}/approve`, await at.token(sub, groups), { comment: '' })
    t.is(answered, status)
    t.like(body, { code, title, status })
    t.is(at.scene.approvals.get(id)?.state, 'pending')
  })
}

test('the approvals API wants a token, and one that is for it', async (t) => {
  await using at = await office()
  const id = await at.hold()
  const none = await ask(at, 'GET', '/api/approvals')
  t.is(none.status, 401)
  t.like(none.body, { code: 'identity.token_missing', title: 'A bearer token is required' })
  t.is(none.headers.get('www-authenticate'), 'Bearer')
  const agents = await ask(at, 'POST', `/api/approvals/${id}/approve`, await at.token('lena', ['leads'], 'https://gw.example/bank'), {})
  t.is(agents.status, 401)
  t.like(agents.body, { code: 'identity.audience', title: `The token was issued for another audience: here it has to be http://127.0.0.1:${at.admin.port}` })
  t.is(at.scene.approvals.get(id)?.state, 'pending')
})

test('an id that is none, a state that is none and a body that is none are refused', async (t) => {
  await using at = await office()
  const lena = await at.token('lena', ['leads'])
  t.like((await ask(at, 'GET', '/api/approvals/%2e%2e', lena)).body, { status: 404 })
  t.like((await ask(at, 'GET', '/api/approvals?state=odd', lena)).body, { code: 'request.invalid', title: 'state: expected one of pending, approved, rejected, expired, superseded, consumed, all' })
  t.like((await ask(at, 'POST', `/api/approvals/${await at.hold()}/approve`, lena, { comment: 7 })).body, { code: 'approval.comment' })
})

test('a page of another site that resolves to loopback is refused (DNS rebinding), as is a foreign Origin', async (t) => {
  await using at = await office()
  const answer = (headers: Record<string, string>, method = 'GET'): Promise<number> => new Promise((resolve, reject) => {
    http.request(`${at.admin.url}/healthz`, { method, headers }, (response) => { response.resume(); resolve(response.statusCode ?? 0) }).on('error', reject).end()
  })
  t.is(await answer({}), 200)
  t.is(await answer({ host: `evil.example:${at.admin.port}` }), 421)
  t.is(await answer({ origin: 'https://evil.example' }, 'POST'), 403)
})

test('a port that is taken is said by name', async (t) => {
  await using at = await office()
  const { startAdmin } = await import('../../../gateway/admin/index.ts')
  await t.throwsAsync(startAdmin({ host: '127.0.0.1', port: at.admin.port, metrics: at.metrics, readiness: () => at.readiness, routes: [] }), { code: 'ERR_LISTEN', message: `the admin listener cannot have 127.0.0.1:${at.admin.port}` })
})

interface Run { readonly code: number; readonly stdout: string; readonly stderr: string }

function countersign(args: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [new URL('./cli-runner.ts', import.meta.url).pathname, ...args], { env: environment }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

test('a lead approves on the command line; the requester is refused with exit 1', async (t) => {
  await using at = await office()
  const id = await at.hold()
  const admin = ['--admin', at.admin.url]
  const lena = { COUNTERSIGN_TOKEN: await at.token('lena', ['leads']) }
  const listed = await countersign(['approvals', 'ls', ...admin], lena)
  t.true(listed.stdout.startsWith(`${id}  pending   tools/call bank/export_customers`), listed.stderr)
  t.true((await countersign(['approvals', 'show', id, ...admin], lena)).stdout.includes('Bulk export needs a lead [mcp.bulk_export]'))
  const own = await countersign(['approvals', 'approve', id, ...admin], { COUNTERSIGN_TOKEN: await at.token('ana', ['leads']) })
  t.deepEqual([own.code, own.stderr], [1, 'countersign: approval.requester: You cannot approve your own request\n'])
  const file = join(folder(t, 'token'), 'token')
  writeFileSync(file, `${await at.token('otto', ['leads'])}\n`)
  const approved = await countersign(['approvals', 'approve', id, ...admin, '--token-file', file, '--comment', 'CHG-7', '--json'])
  t.is(approved.code, 0)
  t.like(JSON.parse(approved.stdout), { id, state: 'approved' })
  t.is((await countersign(['approvals', 'ls', ...admin])).code, 2)
})

test('config check names every error and exits 1; a good file exits 0', async (t) => {
  const file = join(folder(t, 'config'), 'gateway.yaml')
  writeFileSync(file, 'node: a\nlisten: []\n')
  const bad = await countersign(['config', 'check', file, '--json'])
  t.is(bad.code, 1)
  t.deepEqual((JSON.parse(bad.stdout) as { problems: { path: string }[] }).problems.map(({ path }) => path).sort(), ['admin', 'directories', 'listen', 'policy', 'public_url'])
  writeFileSync(file, 'node: a\nlisten: [{ host: 127.0.0.1, port: 0 }]\nadmin: { host: 127.0.0.1, port: 0 }\npublic_url: http://127.0.0.1:1\ndirectories: { journal: j, keys: k, sealer: s, evidence: e, state: st }\npolicy: { repository: p, allowed_signers: a }\n')
  const good = await countersign(['config', 'check', file])
  t.deepEqual([good.code, good.stdout], [0, `${file} is valid\n`])
})

test('config check of a governed file says how it is told which secrets there are', async (t) => {
  const file = join(folder(t, 'governed'), 'config.yaml')
  writeFileSync(file, 'targets: [{ name: bank, prefix: /bank, protocol: mcp, env: prod, upstream: { url: "http://127.0.0.1:1", credential: { secret: bank-key, header: x-key } }, catalogue: {} }]\nidentity: [{ issuer: "https://idp.example", jwks_uri: "https://idp.example/jwks", audiences: [a] }]\n')
  const unnamed = await countersign(['config', 'check', file, '--governed'])
  t.is(unnamed.code, 1)
  t.is(unnamed.stdout, `${file} is not valid:\n  targets[0].upstream.credential.secret: no secret of this name in the bootstrap file\nThe names of the bootstrap file's secrets are given behind the file: --governed --secret NAME...\n`)
  t.is((await countersign(['config', 'check', file, '--governed', '--secret', 'bank-key'])).stdout, `${file} is valid\n`)
})
