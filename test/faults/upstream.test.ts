// Upstreams that are down, slow, broken or lying, and clients that leave: each call has its outcome on record, and nothing of a broken answer gets out.
import http from 'node:http'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { ssn } from '../e2e/bank-upstream.ts'
import type { Behaviour } from '../e2e/bank-upstream.ts'
import { bankOf } from '../e2e/gateway-kit.ts'
import { eventually } from '../e2e/recorded.ts'
import type { Frame } from '../e2e/recorded.ts'
import { startProcess } from '../e2e/running.ts'
import type { Answer, Running } from '../e2e/running.ts'

const bank = bankOf(test)
let gateway: Running
test.serial.before(async () => { gateway = await startProcess(await bank().home()) })

const lives = async (): Promise<boolean> => (await gateway.tool(await bank().token(), 'run_report', { report: 'daily' })).status === 200

/** The outcome of the call whose decision the refusal names. */
async function outcomeOf(answer: Answer): Promise<Frame> {
  const id = /id=([0-9a-f]{32})/.exec(answer.headers.get('countersign-decision') ?? '')?.[1] ?? answer.json['error']?.['data']?.['decision_id'] ?? answer.json['decision_id'] ?? answer.json['result']?.['_meta']?.['countersign/refusal']?.['decision_id']
  return await eventually(() => {
    const frames = gateway.frames() as (Frame & { decision_id?: string })[]
    const intent = frames.find((frame) => frame.kind === 'intent' && frame.decision_id === id as unknown)
    return frames.find(({ kind, session, ref }) => kind === 'outcome' && session === intent?.session && ref === intent.seq)
  }, `the outcome of decision ${String(id)}`)
}

interface Fault { readonly title: string; readonly word: string; readonly behaviour: Behaviour; readonly code: string; readonly rpc: number; readonly http: number; readonly message: string }
const half = `{"rows":[{"ssn":"${ssn}"}`
const faults: readonly Fault[] = [
  { title: 'slow beyond its time', word: 'slow', behaviour: () => undefined, code: 'upstream.timeout', rpc: 5040, http: 504, message: 'The upstream did not answer in time' },
  { title: 'resetting before its answer', word: 'reset', behaviour: (response) => response.socket?.resetAndDestroy(), code: 'upstream.broken', rpc: 5021, http: 502, message: 'The upstream broke off or answered garbage' },
  { title: 'resetting in the middle of its answer', word: 'halfway', behaviour: (response) => { response.writeHead(200, { 'content-type': 'application/json', 'content-length': 4096 }); response.write(half, () => setTimeout(() => response.socket?.resetAndDestroy(), 20)) }, code: 'upstream.broken', rpc: 5021, http: 502, message: 'The upstream broke off or answered garbage' },
  { title: 'promising without end to answer', word: 'hints', behaviour: (response) => { const timer = setInterval(() => response.writeEarlyHints({ link: '</x>; rel=preload' }), 20); response.once('close', () => clearInterval(timer)) }, code: 'upstream.timeout', rpc: 5040, http: 504, message: 'The upstream did not answer in time' },
  { title: 'dripping its headers', word: 'drip', behaviour: (response) => { response.socket?.write('HTTP/1.1 200 OK\r\n'); const timer = setInterval(() => response.socket?.write('x-a: 1\r\n'), 50); response.once('close', () => clearInterval(timer)) }, code: 'upstream.timeout', rpc: 5040, http: 504, message: 'The upstream did not answer in time' },
  { title: 'answering in a coding that nobody asked for', word: 'coded', behaviour: (response) => { response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(half)) }, code: 'upstream.broken', rpc: 5021, http: 502, message: 'The upstream broke off or answered garbage' },
  { title: 'answering with a status that is none', word: 'status', behaviour: (response) => { response.writeHead(999, { 'content-type': 'application/json' }).end('{}') }, code: 'upstream.broken', rpc: 5021, http: 502, message: 'The upstream broke off or answered garbage' },
  { title: 'giving its answer two lengths', word: 'lengths', behaviour: (response) => { response.socket?.end(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`) }, code: 'upstream.broken', rpc: 5021, http: 502, message: 'The upstream broke off or answered garbage' },
  { title: 'sending headers without end', word: 'flood', behaviour: (response) => { response.socket?.end(`HTTP/1.1 200 OK\r\n${`x-a: ${ssn}\r\n`.repeat(8_000)}`) }, code: 'upstream.broken', rpc: 5021, http: 502, message: 'The upstream broke off or answered garbage' },
  { title: 'answering what is not HTTP', word: 'noise', behaviour: (response) => { response.socket?.end(`SSN ${ssn}\r\n\r\n`) }, code: 'upstream.broken', rpc: 5021, http: 502, message: 'The upstream broke off or answered garbage' },
]
for (const { title, word, behaviour, code, rpc, http: status, message } of faults) {
  test(`an upstream that is ${title} is a failed call, over MCP and over HTTP`, async (t) => {
    bank().upstream.behave(word, behaviour)
    const [mcp, plain] = await Promise.all([
      gateway.tool(await bank().token({ sub: `mcp-${word}` }), 'run_report', { report: word }),
      gateway.send(`/ledger/accounts/${word}`, { token: await bank().token({ sub: `http-${word}`, audience: 'ledger' }) }),
    ])
    t.is(mcp.json['error']?.['code'] as unknown, rpc)
    t.is(mcp.json['error']?.['message'] as unknown, message)
    t.is(plain.status, status)
    t.is(plain.json['code'] as unknown, code)
    t.is(plain.json['detail'] as unknown, message)
    for (const answer of [mcp, plain]) {
      const outcome = await outcomeOf(answer)
      t.is(outcome.structure?.['1'], 1, 'failed')
      t.like(outcome.outcome, { status: 'failed', code })
      t.false(answer.text.includes(ssn))
    }
    t.is(bank().upstream.seen.filter(({ body, path }) => body.includes(word) || path.includes(word)).length, 2, 'nothing is retried')
    t.false(JSON.stringify(gateway.frames()).includes(ssn) || gateway.log().includes(ssn))
    t.true(await lives())
  })
}

test('an upstream that answers JSON which is none is a failed call, and none of it gets out', async (t) => {
  bank().upstream.behave('garbage', (response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(`{"rows":[{"ssn":"${ssn}"`) })
  const mcp = await gateway.tool(await bank().token({ sub: 'garbage' }), 'run_report', { report: 'garbage' })
  t.is(mcp.json['error']?.['code'] as unknown, 5021)
  const plain = await gateway.send('/ledger/accounts/garbage', { token: await bank().token({ sub: 'garbage', audience: 'ledger' }) })
  t.is(plain.status, 502)
  for (const answer of [mcp, plain]) {
    t.false(answer.text.includes(ssn))
    t.is((await outcomeOf(answer)).structure?.['1'], 1)
  }
  t.false(JSON.stringify(gateway.frames()).includes(ssn) || gateway.log().includes(ssn))
  t.true(await lives())
})

test('an answer to another question is a failed call', async (t) => {
  bank().upstream.behave('another', (response) => { response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id: 'not asked', result: { ssn } })) })
  const mcp = await gateway.tool(await bank().token({ sub: 'another' }), 'run_report', { report: 'another' })
  t.is(mcp.json['error']?.['code'] as unknown, 5021)
  t.is(mcp.json['error']?.['message'] as unknown, 'The upstream answered with something that is not the response')
  t.is((await outcomeOf(mcp)).structure?.['1'], 1)
  t.true(await lives())
})

test('a caller that leaves in the middle of a stream is a cancelled call, and the upstream sees it go', async (t) => {
  const closed = Promise.withResolvers<void>()
  bank().upstream.behave('/stream', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write(`data: {"tick":1,"ssn":"${ssn}"}\n\n`), 20)
    response.once('close', () => { clearInterval(timer); closed.resolve() })
  })
  const token = await bank().token({ sub: 'leaver', audience: 'ledger' })
  const receipt = await new Promise<string>((resolve, reject) => {
    const request = http.get(`${gateway.url}/ledger/stream`, { headers: { authorization: `Bearer ${token}` } }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
        if (!text.includes('tick')) return
        t.false(text.includes(ssn))
        request.destroy()
        resolve(String(response.headers['countersign-frame']))
      })
    })
    request.on('error', reject)
  })
  await closed.promise
  const intent = await gateway.frame(receipt)
  const outcome = await eventually(() => gateway.frames().find(({ kind, ref, session }) => kind === 'outcome' && ref === intent.seq && session === intent.session), 'the outcome of the stream')
  t.is(outcome.structure?.['1'], 3, 'cancelled')
  t.true(await lives())
})

test.serial('an upstream that is down is a failed call, and the next one after its return is answered', async (t) => {
  await bank().upstream.down()
  const token = await bank().token({ sub: 'down' })
  const mcp = await gateway.tool(token, 'run_report', { report: 'down' })
  const plain = await gateway.send('/ledger/accounts/7', { token: await bank().token({ sub: 'down', audience: 'ledger' }) })
  t.is(mcp.json['error']?.['code'] as unknown, 5020)
  t.is(mcp.json['error']?.['message'] as unknown, 'The upstream cannot be reached')
  t.is(plain.status, 502)
  t.is(plain.json['code'] as unknown, 'upstream.unavailable')
  for (const answer of [mcp, plain]) t.is((await outcomeOf(answer)).outcome?.code, 'upstream.unavailable')
  await bank().upstream.up()
  t.true(await lives())
})
