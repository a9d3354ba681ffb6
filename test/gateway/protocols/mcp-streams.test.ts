// Sessions, event streams and requests of the server's: what a legacy upstream may do, and what it may not.
import test from 'ava'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createMcp } from '../../../gateway/protocols/mcp/index.ts'
import { refusal } from '../../../gateway/refusal.ts'
import { allow, openRig, outcomes, type RigOptions } from './fake-door.ts'

const headers = { authorization: 'Bearer alice', 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
const ssn = { ...allow, mask: [{ id: 'ssn', match: { columns: ['ssn'], class: 'US_SSN' }, op: 'redact' as const }] }

const rpc = (method: string, params: object = {}, id: number | undefined = 1) => JSON.stringify({ jsonrpc: '2.0', ...id === undefined ? {} : { id }, method, params })
const events = (...messages: object[]) => messages.map((message) => `data: ${JSON.stringify(message)}\n\n`).join('')
const readJson = async (request: IncomingMessage) => {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return (text === '' ? {} : JSON.parse(text)) as { id?: number; method?: string; error?: unknown; result?: unknown }
}
const open = (upstream: (message: Awaited<ReturnType<typeof readJson>>, request: IncomingMessage, response: ServerResponse) => void, options: Partial<RigOptions<never, never>> = {}) => openRig({
  ...options as object,
  protocol: (publicUrl) => createMcp({ publicUrl }),
  upstream: (request, response) => { void readJson(request).then((message) => upstream(message, request, response)) },
})
const sse = (response: ServerResponse) => response.writeHead(200, { 'content-type': 'text/event-stream' })
const idIn = (text: string) => /^id: (.+)$/m.exec(text)?.[1] ?? ''
const messagesOf = (text: string) => text.split('\n\n').flatMap((block) => /^data: (.+)$/m.exec(block)?.[1] ?? []).map((data) => JSON.parse(data) as { id?: unknown; method?: string; params?: unknown; result?: unknown; error?: { code: number; message: string } })

test('a session id is ours, bound to its owner, and ends with DELETE', async (t) => {
  const seen: (string | undefined)[] = []
  const rig = await open((message, request, response) => {
    seen.push(request.headers['mcp-session-id'] as string | undefined)
    if (request.method === 'DELETE') { response.writeHead(200).end(); return }
    response.setHeader('mcp-session-id', 'upstream-session').setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { protocolVersion: '2025-11-25' } }))
  })
  t.teardown(() => rig.close())
  const first = await fetch(rig.url, { method: 'POST', headers, body: rpc('initialize') })
  await first.text()
  const id = first.headers.get('mcp-session-id') ?? ''
  t.regex(id, /^[\w-]{32}$/)
  t.not(id, 'upstream-session')
  t.is((await fetch(rig.url, { method: 'POST', headers: { ...headers, 'mcp-session-id': id }, body: rpc('ping') })).status, 200)
  const stolen = await fetch(rig.url, { method: 'POST', headers: { ...headers, authorization: 'Bearer bob', 'mcp-session-id': id }, body: rpc('ping') })
  t.is(stolen.status, 404)
  const leaked = await fetch(rig.url, { method: 'POST', headers: { ...headers, 'mcp-session-id': 'upstream-session' }, body: rpc('ping') })
  t.is(leaked.status, 404)
  t.is((await fetch(rig.url, { method: 'DELETE', headers: { ...headers, 'mcp-session-id': id } })).status, 200)
  t.is((await fetch(rig.url, { method: 'POST', headers: { ...headers, 'mcp-session-id': id }, body: rpc('ping') })).status, 404)
  t.deepEqual(seen, [undefined, 'upstream-session', 'upstream-session'])
})

test('notifications and the result on a stream are masked, recorded one by one, and nothing follows the result', async (t) => {
  const rig = await open((message, _request, response) => {
    sse(response).end(`: keep\n\n${events(
      { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'row 219-09-9999' } },
      { jsonrpc: '2.0', id: message.id, result: { content: [{ type: 'text', text: 'ssn: 219-09-9999' }], structuredContent: { ssn: '219-09-9999' } } },
      { jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'after 219-09-9999' } },
    )}`)
  }, { decide: () => ssn })
  t.teardown(() => rig.close())
  const text = await (await fetch(rig.url, { method: 'POST', headers, body: rpc('tools/call', { name: 'x' }) })).text()
  t.false(text.includes('219-09-9999'))
  t.false(text.includes('keep'))
  t.deepEqual(messagesOf(text).map(({ method, id }) => method ?? id), ['notifications/message', 1])
  t.deepEqual(rig.record.map(({ kind, part }) => part === undefined ? kind : part.summary.isFinal), ['intent', false, true])
  for (const { part } of rig.record) if (part !== undefined) t.false(Buffer.from(part.content).toString().includes('219-09-9999'))
})

test('an error of the upstream is masked like a result', async (t) => {
  const rig = await open((message, _request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: -32000, message: 'duplicate key 219-09-9999', data: { row: { ssn: 219099999 } } } }))
  }, { decide: () => ssn })
  t.teardown(() => rig.close())
  const text = await (await fetch(rig.url, { method: 'POST', headers, body: rpc('tools/call', { name: 'x' }) })).text()
  t.false(/219-?09-?9999/.test(text))
  t.is((JSON.parse(text) as { error: { code: number } }).error.code, -32000)
})

test('a request of the server reaches the client only when policy allows it, and only then may it be answered', async (t) => {
  const answers: unknown[] = []
  const rig = await open((message, request, response) => {
    if (message.method === 'initialize') {
      response.setHeader('mcp-session-id', 'u').setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} }))
    } else if (message.method === undefined) {
      answers.push([request.headers['mcp-session-id'], message.id, message.result ?? message.error])
      response.writeHead(202).end()
    } else {
      sse(response).end(events(
        { jsonrpc: '2.0', id: 5, method: 'elicitation/create', params: { message: 'SSN 219-09-9999?' } },
        { jsonrpc: '2.0', id: 6, method: 'sampling/createMessage', params: {} },
        { jsonrpc: '2.0', id: message.id, result: {} },
      ))
    }
  }, { decide: (operation: { action: { name: string } }, from: string) => from === 'upstream' && operation.action.name.startsWith('sampling') ? refusal('policy.denied', 'No sampling') : ssn } as object)
  t.teardown(() => rig.close())
  const session = (await fetch(rig.url, { method: 'POST', headers, body: rpc('initialize') })).headers.get('mcp-session-id') ?? ''
  const inSession = { ...headers, 'mcp-session-id': session }
  const text = await (await fetch(rig.url, { method: 'POST', headers: inSession, body: rpc('tools/call', { name: 'x' }, 9) })).text()
  t.deepEqual(messagesOf(text).map(({ method, id }) => method ?? id), ['elicitation/create', 9])
  t.false(text.includes('219-09-9999'))
  t.deepEqual(answers, [['u', 6, { code: 4030, message: 'No sampling' }]])
  const answer = (id: number) => fetch(rig.url, { method: 'POST', headers: inSession, body: JSON.stringify({ jsonrpc: '2.0', id, result: { action: 'accept' } }) })
  t.is((await answer(6)).status, 400)
  t.is((await answer(5)).status, 202)
  t.is((await answer(5)).status, 400)
  t.deepEqual(answers[1], ['u', 5, { action: 'accept' }])
  t.deepEqual(rig.record.filter(({ from }) => from === 'upstream').map(({ kind, operation }) => [kind, operation?.action.name]), [['intent', 'elicitation/create'], ['refusal', 'sampling/createMessage']])
})

test('a result that comes on a later stream is masked by the call that asked for it', async (t) => {
  const asked: unknown[] = []
  const rig = await open((message, request, response) => {
    if (request.method === 'GET') asked.push(request.headers['last-event-id'])
    if (message.method === 'initialize') response.setHeader('mcp-session-id', 'u').setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} }))
    else if (request.method === 'GET') sse(response).end(`id: e2\n${events({ jsonrpc: '2.0', id: 3, result: { ssn: 'A' } })}${events({ jsonrpc: '2.0', id: 4, result: { ssn: 'nobody asked' } })}`)
    else sse(response).end('id: e1\nretry: 10\ndata:\n\n')
  }, { decide: (operation: { action: { name: string } }) => operation.action.name === 'tools/call' ? ssn : allow } as object)
  t.teardown(() => rig.close())
  const session = (await fetch(rig.url, { method: 'POST', headers, body: rpc('initialize') })).headers.get('mcp-session-id') ?? ''
  const first = await (await fetch(rig.url, { method: 'POST', headers: { ...headers, 'mcp-session-id': session }, body: rpc('tools/call', { name: 'x' }, 3) })).text()
  t.regex(first, /^id: [\w-]{16}\.e1\nretry: 10\ndata: \n\n$/)
  const later = await (await fetch(rig.url, { headers: { ...headers, accept: 'text/event-stream', 'mcp-session-id': session, 'last-event-id': idIn(first) } })).text()
  t.regex(later, /^id: [\w-]{16}\.e2\ndata: \{"jsonrpc":"2\.0","id":3,"result":\{"ssn":"\[REDACTED:ssn\]"\}\}\n\n$/)
  t.deepEqual(asked, ['e1'], 'in the words of the server')
  t.deepEqual(outcomes(rig.record).map(({ summary }) => summary.title), ['result', 'result', 'stream ended'])
})

test('a client that leaves mid-stream closes the upstream, and the outcome is cancelled', async (t) => {
  const closed = Promise.withResolvers<void>()
  const rig = await open((_message, _request, response) => {
    sse(response).write(events({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } }))
    response.on('close', () => closed.resolve())
  })
  t.teardown(() => rig.close())
  const abort = new AbortController()
  const response = await fetch(rig.url, { method: 'POST', headers, body: rpc('tools/call', { name: 'x' }), signal: abort.signal })
  await response.body?.getReader().read()
  abort.abort()
  await closed.promise
  while (outcomes(rig.record).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  t.is(outcomes(rig.record)[0]?.summary.status, 'cancelled')
})

test('a client that leaves before the answer closes the upstream, too', async (t) => {
  const asked = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const rig = await open((_message, _request, response) => {
    response.on('close', () => closed.resolve())
    asked.resolve()
  })
  t.teardown(() => rig.close())
  const abort = new AbortController()
  const call = fetch(rig.url, { method: 'POST', headers, body: rpc('tools/call', { name: 'x' }), signal: abort.signal })
  await asked.promise
  abort.abort()
  await t.throwsAsync(call)
  await closed.promise
  while (outcomes(rig.record).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  t.is(outcomes(rig.record)[0]?.summary.status, 'cancelled')
})

test('a revoked session ends its open streams', async (t) => {
  const rig = await open((_message, _request, response) => { sse(response).write(': hello\n\n') })
  t.teardown(() => rig.close())
  const response = await fetch(rig.url, { headers: { ...headers, accept: 'text/event-stream' } })
  const text = response.text().catch(() => 'cut')
  rig.abort.abort()
  t.true(['cut', ':\n\n', ''].includes(await text))
})

const faults: readonly (readonly [string, number, string, (response: ServerResponse, id: number | undefined) => void])[] = [
  ['resets before the answer', 5021, 'The upstream broke off or answered garbage', (response) => { response.socket?.destroy() }],
  ['resets inside a body', 5021, 'The upstream broke off or answered garbage', (response) => { response.writeHead(200, { 'content-type': 'application/json', 'content-length': 100 }).write('{"json'); setTimeout(() => response.socket?.destroy(), 20) }],
  ['answers with no JSON', 5021, "The upstream's JSON cannot be read: the JSON text is malformed (byte 0)", (response) => { response.setHeader('content-type', 'application/json').end('<html>') }],
  ['answers another request', 5021, 'The upstream answered with something that is not the response', (response) => { response.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":"1","result":{}}') }],
  ['gives no answer', 5021, 'The upstream gave no answer', (response) => { response.writeHead(202).end() }],
  ['refuses our credential', 5021, "The upstream refused the gateway's credential", (response) => { response.writeHead(401, { 'www-authenticate': 'Bearer realm="upstream"' }).end() }],
  ['does not answer in time', 5040, 'The upstream did not answer in time', () => undefined],
  ['stalls inside a body', 5040, 'The upstream did not answer in time', (response) => { response.writeHead(200, { 'content-type': 'application/json' }).write('{') }],
  ['ends a stream without a result', 5021, 'The stream ended without a result', (response) => { sse(response).end(': nothing\n\n') }],
  ['sends an event that is no JSON', 5021, "The upstream's JSON cannot be read: the JSON text is malformed (byte 0)", (response) => { sse(response).end('data: <html>\n\n') }],
  ['sends an event over the maximum', 5023, 'An event of the stream is larger than allowed', (response) => { sse(response).end(`data: "${'x'.repeat(1_100_000)}"\n\n`) }],
  ['makes a request without a session', 5021, 'The upstream made a request without a session to answer in', (response) => { sse(response).end(events({ jsonrpc: '2.0', id: 1, method: 'roots/list' })) }],
]
for (const [name, code, message, misbehave] of faults) {
  test(`an upstream that ${name} has its stable code, and the outcome is on record`, async (t) => {
    // Short where time is what is tested, and nowhere else: a busy machine takes longer for the rest.
    const rig = await open(({ id }, _request, response) => misbehave(response, id), { timeoutMs: code === 5040 ? 300 : 60_000 })
    t.teardown(() => rig.close())
    const response = await fetch(rig.url, { method: 'POST', headers, body: rpc('ping') })
    const text = await response.text()
    const said = text.startsWith('{') ? JSON.parse(text) as { error?: unknown } : messagesOf(text).at(-1)
    const error = said?.error as { code: number; message: string } | undefined
    t.deepEqual([error?.code, error?.message], [code, message])
    t.is(response.headers.get('www-authenticate'), null)
    t.is(outcomes(rig.record).length, 1)
    t.is(outcomes(rig.record)[0]?.summary.status, 'failed')
    t.is(await (await fetch(`http://127.0.0.1:${rig.port}/healthz`)).text(), 'ok')
  })
}

test('an upstream that is down is unavailable: nothing was sent', async (t) => {
  const rig = await open(() => undefined, { target: { upstream: { url: 'http://127.0.0.1:1', timeoutMs: 1000, insecureAllowPlaintext: false } } })
  t.teardown(() => rig.close())
  const said = await (await fetch(rig.url, { method: 'POST', headers, body: rpc('ping') })).json() as { error: { code: number } }
  t.is(said.error.code, 5020)
})

test('a legacy client that goes away may come back for its result; without event ids the stream is just broken', async (t) => {
  const gone = Promise.withResolvers<void>()
  const rig = await open((message, request, response) => {
    if (message.method === 'initialize') response.setHeader('mcp-session-id', 'u').setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} }))
    else if (request.method === 'GET') sse(response).end(`id: e2\n${events({ jsonrpc: '2.0', id: 3, result: { ssn: 'A' } })}`)
    else if (message.id === 4) sse(response).end(': no id\n\n')
    else { sse(response).write('id: e1\ndata:\n\n'); response.on('close', () => gone.resolve()) }
  }, { decide: (operation: { action: { name: string } }) => operation.action.name === 'tools/call' ? ssn : allow } as object)
  t.teardown(() => rig.close())
  const session = (await fetch(rig.url, { method: 'POST', headers, body: rpc('initialize') })).headers.get('mcp-session-id') ?? ''
  const inSession = { ...headers, 'mcp-session-id': session }
  const abort = new AbortController()
  const response = await fetch(rig.url, { method: 'POST', headers: inSession, body: rpc('tools/call', { name: 'x' }, 3), signal: abort.signal })
  const first = await response.body?.getReader().read()
  abort.abort()
  await gone.promise
  const later = await (await fetch(rig.url, { headers: { ...inSession, accept: 'text/event-stream', 'last-event-id': idIn(Buffer.from(first?.value ?? []).toString()) } })).text()
  t.regex(later, /^id: .+\.e2\ndata: \{"jsonrpc":"2\.0","id":3,"result":\{"ssn":"\[REDACTED:ssn\]"\}\}\n\n$/)
  const text = await (await fetch(rig.url, { method: 'POST', headers: inSession, body: rpc('tools/call', { name: 'x' }, 4) })).text()
  t.is(messagesOf(text)[0]?.error?.message, 'The stream ended without a result')
})

test('a result that was written while its client was gone is sent again, masked by its call and on record as the later stream\'s', async (t) => {
  const rig = await open((message, request, response) => {
    if (message.method === 'initialize') response.setHeader('mcp-session-id', 'u').setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} }))
    else sse(response).end(`id: e${request.method === 'GET' ? 3 : 2}\n${events({ jsonrpc: '2.0', id: 3, result: { ssn: 'A' } })}`)
  }, { decide: (operation: { action: { name: string } }) => operation.action.name === 'tools/call' ? ssn : allow } as object)
  t.teardown(() => rig.close())
  const session = (await fetch(rig.url, { method: 'POST', headers, body: rpc('initialize') })).headers.get('mcp-session-id') ?? ''
  const inSession = { ...headers, 'mcp-session-id': session }
  const first = await (await fetch(rig.url, { method: 'POST', headers: inSession, body: rpc('tools/call', { name: 'x' }, 3) })).text()
  t.regex(first, /REDACTED:ssn/)
  const again = { headers: { ...inSession, accept: 'text/event-stream', 'last-event-id': idIn(first) } }
  for (const _ of [1, 2]) t.regex(await (await fetch(rig.url, again)).text(), /^id: .+\.e3\ndata: \{"jsonrpc":"2\.0","id":3,"result":\{"ssn":"\[REDACTED:ssn\]"\}\}\n\n$/)
  const finals = rig.record.filter(({ part }) => part?.summary.isFinal === true)
  t.deepEqual(finals.map(({ part }) => part?.summary.title), ['result', 'result', 'stream ended', 'stream ended'])
})

test('a result on a later stream goes nowhere when its call ended in a refusal', async (t) => {
  const rig = await open((message, request, response) => {
    if (message.method === 'initialize') response.setHeader('mcp-session-id', 'u').setHeader('content-type', 'application/json').end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: {} }))
    else if (request.method === 'GET') sse(response).end(`id: e3\n${events({ jsonrpc: '2.0', id: 3, result: { ssn: 'A' } })}`)
    else sse(response).end('id: e1\ndata: \n\nid: e2\ndata: garbage\n\n')
  }, { decide: () => ssn })
  t.teardown(() => rig.close())
  const session = (await fetch(rig.url, { method: 'POST', headers, body: rpc('initialize') })).headers.get('mcp-session-id') ?? ''
  const inSession = { ...headers, 'mcp-session-id': session }
  const first = await (await fetch(rig.url, { method: 'POST', headers: inSession, body: rpc('tools/call', { name: 'x' }, 3) })).text()
  t.is(messagesOf(first)[0]?.error?.code, 5021)
  t.is(await (await fetch(rig.url, { headers: { ...inSession, accept: 'text/event-stream', 'last-event-id': idIn(first) } })).text(), '')
})

for (const [status, said] of [[405, 405], [409, 409], [404, 404], [500, 502], [418, 502]] as const) {
  test(`a GET that the server answers with ${status} is answered with ${said}, and nothing of its body`, async (t) => {
    const rig = await open((_message, _request, response) => { response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":"row 219-09-9999"}') })
    t.teardown(() => rig.close())
    const answer = await fetch(rig.url, { headers: { ...headers, accept: 'text/event-stream' } })
    t.is(answer.status, said)
    t.is(await answer.text(), '')
  })
}

test('an event without a message keeps its id and its place, also where the server sends an empty object for it', async (t) => {
  const rig = await open((message, _request, response) => {
    if (message.method === 'initialize') {
      response.setHeader('mcp-session-id', 'upstream-session').setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result: { protocolVersion: '2025-11-25' } }))
      return
    }
    const note = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: 'ssn 219-09-9999' } })
    sse(response).end(`event: message\nid: e1\ndata: {}\n\nid: e2\ndata: ${note}\n\nid: e3\nretry: 100\ndata: \n\nid: e4\ndata: ${note}\n\n`)
  }, { decide: () => ssn })
  t.teardown(() => rig.close())
  const first = await fetch(rig.url, { method: 'POST', headers, body: rpc('initialize') })
  await first.text()
  const stream = await fetch(rig.url, { headers: { ...headers, 'mcp-session-id': first.headers.get('mcp-session-id') ?? '' } })
  const text = await stream.text()
  t.deepEqual([...text.matchAll(/^id: [\w-]{16}\.(.*)$/gm)].map(([, id]) => id), ['e1', 'e2', 'e3', 'e4'])
  t.regex(text, /^id: \S+\.e1\ndata: \n\n/)
  t.notRegex(text, /219-09-9999/)
  t.is(messagesOf(text).length, 2)
})
