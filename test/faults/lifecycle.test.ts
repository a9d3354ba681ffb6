// Starting, stopping and being flooded: calls in flight end, nothing is lost, junk buys no disk, and only TLS 1.3 is spoken off loopback.
import { once } from 'node:events'
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import https from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { Agent, request as dispatch } from 'undici'
import test from 'ava'
import { answer } from '../e2e/bank-upstream.ts'
import { bankOf, publicUrl } from '../e2e/gateway-kit.ts'
import { eventually, verify } from '../e2e/recorded.ts'
import { StartFailed, mcpHeaders, startProcess } from '../e2e/running.ts'

const bank = bankOf(test)

test('SIGTERM drains: calls in flight finish, no frame is lost, sessions are closed, all is sealed, and the exit code is 0', async (t) => {
  const gateway = await startProcess(await bank().home({ intervalS: 60, drainS: 10 }))
  const token = await bank().token()
  const held: (() => void)[] = []
  bank().upstream.behave('held', (response, seen) => { held.push(() => answer(response, seen)) })
  const inFlight = [1, 2, 3].map((n) => gateway.tool(token, 'run_report', { report: `held_${n}` }))
  await eventually(() => held.length === 3 || undefined, 'three calls at the upstream')
  gateway.signal('SIGTERM')
  await eventually(() => gateway.log().includes('draining') || undefined, 'draining')
  const late = await gateway.tool(token, 'run_report', { report: 'late' }).then((said) => said.status, () => 'not accepted')
  t.true(late === 503 || late === 'not accepted')
  for (const release of held) release()
  const said = await Promise.all(inFlight)
  t.true(said.every(({ status, text }) => status === 200 && text.includes('Ashworth')))
  t.is(await gateway.ended, 0)
  t.true(gateway.log().includes('stopped, sealed'))
  const frames = gateway.frames()
  for (const { receipt } of said) {
    const intent = frames.find(({ session, seq }) => `${session}/${seq}` === receipt)
    t.true(frames.some(({ kind, session, ref, outcome }) => kind === 'outcome' && session === intent?.session && ref === intent.seq && outcome?.status === 'delivered'))
  }
  const opened = frames.filter(({ kind }) => kind === 'open' || kind === 'epoch').length
  t.is(frames.filter(({ kind }) => kind === 'close').length, opened, 'every session is closed')
  t.false(bank().upstream.seen.some(({ body }) => body.includes('"late"')))
  const verdict = await verify(gateway.home.directories)
  t.deepEqual(verdict.falsities, [])
  t.is(verdict.checked.intents, verdict.checked.outcomes)
})

test('a signal that comes while the gateway starts neither kills it nor is lost', async (t) => {
  const home = await bank().home()
  const child = spawn(process.execPath, [path.join(import.meta.dirname, '..', '..', 'gateway', 'countersign.js'), 'gateway', '--config', home.config], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let log = ''
  child.stdout.on('data', (chunk: Buffer) => { log += chunk.toString() })
  // Its journal is locked: it has begun, and is not ready yet.
  await eventually(() => fs.existsSync(home.directories.journal) || undefined, 'the start')
  child.kill('SIGHUP')
  child.kill('SIGTERM')
  t.is(await ended, 0)
  t.true(log.includes('stopped, sealed'))
  t.deepEqual((await verify(home.directories)).falsities, [])
})

test('a call that outlasts the drain is cut, and what became of it is on record', async (t) => {
  const gateway = await startProcess(await bank().home({ drainS: 1 }))
  bank().upstream.behave('never', () => undefined)
  const cut = gateway.send('/ledger/accounts/never', { token: await bank().token({ audience: 'ledger' }) }).then(({ status }) => status, () => 'cut')
  await eventually(() => bank().upstream.seen.some(({ path: where }) => where.includes('never')) || undefined, 'the call at the upstream')
  gateway.signal('SIGTERM')
  t.is(await gateway.ended, 0)
  t.not(await cut, 200)
  const frames = gateway.frames()
  const intent = frames.find(({ kind }) => kind === 'intent')
  t.true(frames.some(({ kind, session, ref, structure }) => kind === 'outcome' && session === intent?.session && ref === intent.seq && structure?.['1'] !== 0))
  t.deepEqual((await verify(gateway.home.directories)).falsities, [])
})

test('ten thousand unauthenticated requests are counted in a few frames, and real calls go on', async (t) => {
  const gateway = await startProcess(await bank().home())
  const agent = new Agent({ connections: 24 })
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'run_report', arguments: { report: 'junk' } } })
  const sizeOf = (folder: string): number => fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).reduce((sum, entry) => sum + (fs.statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0), 0)
  const { evidence, journal } = gateway.home.directories
  const before = sizeOf(evidence) + sizeOf(journal)
  let sent = 0
  const statuses = new Map<number, number>()
  await Promise.all(Array.from({ length: 24 }, async () => {
    while (sent < 10_000) {
      const token = `junk${sent++ % 50}.${'x'.repeat(40)}.y`
      const { statusCode, body: said } = await dispatch(`${gateway.url}/bank`, { method: 'POST', dispatcher: agent, headers: { ...mcpHeaders, ...sent % 2 === 0 ? { authorization: `Bearer ${token}` } : {} }, body })
      await said.dump()
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1)
    }
  }))
  await agent.close()
  t.deepEqual([...statuses.keys()], [401])
  t.is((await gateway.tool(await bank().token(), 'run_report', { report: 'daily' })).status, 200)
  t.is(await gateway.stop(), 0)
  const counted = gateway.frames().filter(({ kind }) => kind === 'unauthenticated')
  t.is(counted.reduce((sum, { event }) => sum + Number(event?.['count']), 0), statuses.get(401) ?? 0)
  t.true(counted.length <= 200, `${counted.length} frames`)
  t.true(sizeOf(evidence) + sizeOf(journal) - before < 1_500_000, `${sizeOf(evidence) + sizeOf(journal) - before} bytes`)
  t.false(bank().upstream.seen.some(({ body: seen }) => seen.includes('junk')))
})

const tls = path.join(import.meta.dirname, '..', 'gateway', 'connection', 'tls')
const certificate = { cert: path.join(tls, 'test-only-cert.pem'), key: path.join(tls, 'test-only-key.pem') }

test('a listener with a certificate speaks TLS 1.3, and nothing older', async (t) => {
  const gateway = await startProcess(await bank().home({ listen: { host: '127.0.0.1', port: 0, tls: certificate } }))
  const address = new URL(gateway.url)
  const token = await bank().token()
  const ask = (versions: { minVersion?: 'TLSv1.2' | 'TLSv1.3'; maxVersion?: 'TLSv1.2' | 'TLSv1.3' }) => new Promise<{ status: number | undefined; protocol: string | null }>((resolve, reject) => {
    const call = https.request({ host: '127.0.0.1', port: address.port, path: '/bank', method: 'POST', headers: { ...mcpHeaders, authorization: `Bearer ${token}`, host: new URL(publicUrl).host }, rejectUnauthorized: false, agent: false, ...versions }, (response) => {
      response.resume()
      resolve({ status: response.statusCode, protocol: (response.socket as import('node:tls').TLSSocket).getProtocol() })
    })
    call.once('error', reject)
    call.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'run_report', arguments: { report: 'daily' } } }))
  })
  t.deepEqual(await ask({}), { status: 200, protocol: 'TLSv1.3' })
  const refused = await t.throwsAsync(ask({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }))
  t.regex(String(refused?.message), /alert protocol version/i)
  const plain = await gateway.send('/bank', { method: 'POST', token, headers: mcpHeaders, body: '{}' }).then(() => 'answered', () => 'refused')
  t.is(plain, 'refused')
  t.is(await gateway.stop(), 0)
})

test('plaintext off loopback is refused at start, by the name of the setting', async (t) => {
  const host = Object.values(os.networkInterfaces()).flat().find((one) => one?.internal === false)?.address ?? '0.0.0.0'
  const home = await bank().home({ listen: { host, port: 0 } })
  const failed = await t.throwsAsync(startProcess(home), { instanceOf: StartFailed })
  t.is(failed.exitCode, 2)
  t.true(failed.stderr.includes('ERR_CONFIG_INVALID') && failed.stderr.includes('listen[0].tls: is required off loopback: bearer tokens never travel in plaintext'), failed.stderr)
})

test('a port that something else has ends the start, says so, and leaves nothing listening', async (t) => {
  const busy = createServer()
  busy.listen(0, '127.0.0.1')
  await once(busy, 'listening')
  t.teardown(() => { busy.close() })
  const { port } = busy.address() as AddressInfo
  const failed = await t.throwsAsync(startProcess(await bank().home({ listen: { host: '127.0.0.1', port }, streams: ['appdb'] })), { instanceOf: StartFailed })
  t.is(failed.exitCode, 2)
  t.true(failed.stderr.includes(`ERR_LISTEN: cannot listen on 127.0.0.1:${port} (something else listens there)`), failed.stderr)
})
