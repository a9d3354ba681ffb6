// Clients and servers that other people wrote, with the gateway between them as a process of its own: identity, policy, masks and record are on.
// Nothing of theirs is configured but the address and the token.
import test from 'ava'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CreateMessageRequestSchema, ElicitRequestSchema, LoggingMessageNotificationSchema, ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { freePort } from '../../scripts/demo/free-port.ts'
import { frontServers, type FrontedServers } from '../conformance/gateway.ts'
import { startFixture } from '../conformance/mcp-fixture.ts'
import { eventually, readFrames, verify } from './recorded.ts'

const capabilities = { sampling: {}, elicitation: {}, roots: {} }
const sampled = { model: 'm', role: 'assistant' as const, content: { type: 'text' as const, text: 'sampled here' } }

let gateway: FrontedServers
const ends: (() => unknown)[] = []
test.before(async () => {
  const fixture = await startFixture()
  const port = await freePort()
  const main = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))
  const everything = spawn(process.execPath, [main, 'streamableHttp'], { env: { PATH: process.env['PATH'], PORT: String(port) }, stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((resolve) => everything.stderr.on('data', (chunk) => { if (String(chunk).includes(String(port))) resolve() }))
  ends.push(() => fixture.close(), () => everything.kill())
  gateway = await frontServers({ fixture: fixture.url, everything: `http://127.0.0.1:${port}/mcp` })
})
test.after.always('the gateway drains, and its record is sound and whole', async (t) => {
  t.is(await gateway.stop(), 0)
  for (const end of ends) await end()
  const { falsities, gaps, checked } = await verify(gateway.directories)
  t.deepEqual(falsities, [])
  t.deepEqual(gaps.map(({ code }) => code), ['trust.own_keys', 'witness.none'])    // nobody outside has seen this log
  t.is(checked.outcomes, checked.intents)
  gateway.remove()
})

/** What a test hears from the server besides answers. */
interface Heard { readonly logs: unknown[]; readonly updates: string[]; readonly changes: string[] }

async function connectNew(target: string, mode: 'legacy' | 'auto') {
  const heard: Heard = { logs: [], updates: [], changes: [] }
  const client = new Client({ name: 'stock', version: '2' }, { capabilities, versionNegotiation: { mode } })
  client.setRequestHandler('sampling/createMessage', () => sampled)
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { response: 'blue', name: 'Ada', ok: true } }))
  client.setRequestHandler('roots/list', () => ({ roots: [{ uri: 'file:///work', name: 'work' }] }))
  client.setNotificationHandler('notifications/message', ({ params }) => { heard.logs.push(params.data) })
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => { heard.updates.push(params.uri) })
  client.setNotificationHandler('notifications/tools/list_changed', () => { heard.changes.push('tools') })
  const transport = new StreamableHTTPClientTransport(new URL(gateway.url(target)), { requestInit: { headers: { authorization: `Bearer ${gateway.token}` } } })
  await client.connect(transport)
  return { client, transport, heard }
}

async function connectOld(target: string) {
  const heard: Heard = { logs: [], updates: [], changes: [] }
  const client = new OldClient({ name: 'stock', version: '1' }, { capabilities })
  client.setRequestHandler(CreateMessageRequestSchema, () => sampled)
  client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'accept' as const, content: { response: 'blue', name: 'Ada' } }))
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => { heard.logs.push(params.data) })
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => { heard.updates.push(params.uri) })
  const transport = new OldTransport(new URL(gateway.url(target)), { requestInit: { headers: { authorization: `Bearer ${gateway.token}` } } })
  await client.connect(transport as never)
  return { client, transport, heard }
}

const text = (result: unknown) => (result as { content: { text: string }[] }).content[0]?.text ?? ''

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
}

for (const kind of ['v2 legacy', 'v2 auto', '1.x'] as const) {
  const connect = (target: string) => kind === '1.x' ? connectOld(target) : connectNew(target, kind === 'v2 auto' ? 'auto' : 'legacy')

  test(`the ${kind} client lists, calls, reads and gets, and sees a tool fail`, async (t) => {
    const { client } = await connect('fixture')
    t.teardown(() => client.close())
    const { tools } = await client.listTools()
    t.true(tools.some(({ name }) => name === 'test_structured'))
    const structured = await client.callTool({ name: 'test_structured', arguments: {} })
    t.deepEqual(structured.structuredContent, { rows: [{ id: 1, amount: '1.10' }, { id: 2, amount: '20.00' }] })
    t.is(text(structured), JSON.stringify(structured.structuredContent))
    const failed = await client.callTool({ name: 'test_error_handling', arguments: {} })
    t.is(failed.isError, true)
    const progress: number[] = []
    const onprogress = (step: { progress: number }) => { progress.push(step.progress) }
    await (kind === '1.x' ? (client as OldClient).callTool({ name: 'test_tool_with_progress', arguments: {} }, undefined, { onprogress }) : (client as Client).callTool({ name: 'test_tool_with_progress', arguments: {} }, { onprogress }))
    t.deepEqual(progress, [0, 50, 100])
    t.is((await client.readResource({ uri: 'test://template/7/data' })).contents[0]?.uri, 'test://template/7/data')
    t.is((await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'a', arg2: 'b' } })).messages.length, 1)
    t.deepEqual((await client.complete({ ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 'a' } })).completion.values, ['alpha', 'beta'])
    await t.throwsAsync(client.readResource({ uri: 'test://nothing-here' }))
  })

  test(`server-everything works for the ${kind} client: sessions, progress, logs, updates, questions to the client, an end`, async (t) => {
    t.timeout(50_000)
    const { client, transport, heard } = await connect('everything')
    t.truthy(transport.sessionId)
    t.is(text(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'Echo: hi')
    let steps = 0
    const long = { name: 'trigger-long-running-operation', arguments: { duration: 0.4, steps: 4 } }
    const onprogress = () => { steps++ }
    await (kind === '1.x' ? (client as OldClient).callTool(long, undefined, { onprogress }) : (client as Client).callTool(long, { onprogress }))
    t.is(steps, 4)
    t.true(JSON.stringify(await client.callTool({ name: 'trigger-sampling-request', arguments: { prompt: 'p', maxTokens: 10 } })).includes('sampled here'))
    t.true(JSON.stringify(await client.callTool({ name: 'trigger-elicitation-request', arguments: {} })).includes('Ada'))
    await client.setLoggingLevel('debug')
    await client.callTool({ name: 'toggle-simulated-logging', arguments: {} })
    const [resource] = (await client.listResources()).resources
    t.true((await client.readResource({ uri: resource?.uri ?? '' })).contents.length > 0)
    await client.subscribeResource({ uri: resource?.uri ?? '' })
    await client.callTool({ name: 'toggle-subscriber-updates', arguments: {} })
    await until(() => heard.logs.length > 0 && heard.updates.includes(resource?.uri ?? ''))
    await transport.terminateSession()
    await t.throwsAsync(client.callTool({ name: 'echo', arguments: { message: 'after the end' } }))
    await client.close()
  })
}

for (const kind of ['v2 legacy', '1.x'] as const) {
  test(`a legacy server may ask the ${kind} client while it works`, async (t) => {
    const { client, heard } = await (kind === '1.x' ? connectOld('fixture') : connectNew('fixture', 'legacy'))
    t.teardown(() => client.close())
    await client.ping()
    t.is(text(await client.callTool({ name: 'test_sampling', arguments: { prompt: 'p' } })), 'The model said: sampled here')
    t.is(text(await client.callTool({ name: 'test_elicitation', arguments: { message: 'Which colour?' } })), 'action=accept, content={"response":"blue","name":"Ada"}'.replace('}', kind === '1.x' ? '}' : ',"ok":true}'))
    await eventually(() => readFrames(gateway.directories).find(({ request }) => request?.title.includes('sampling/createMessage')), 'the question on record')
    await client.callTool({ name: 'test_tool_with_logging', arguments: {} })
    t.deepEqual(heard.logs, ['started', 'working', 'done'])
    t.is(text(await client.callTool({ name: 'test_reconnection', arguments: {} })), 'The result, on a later stream.')
  })
}

test('a modern server asks in its results, round by round, and says what changed on a subscription', async (t) => {
  const { client, heard } = await connectNew('fixture', 'auto')
  t.teardown(() => client.close())
  t.is(text(await client.callTool({ name: 'test_input_required_result_elicitation', arguments: {} })), 'Hello, Ada!')
  t.is(text(await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} })), 'Ada likes nothing')
  t.true(text(await client.callTool({ name: 'test_input_required_result_multiple_inputs', arguments: {} })).startsWith('Welcome, Ada'))
  const subscription = await client.listen({ toolsListChanged: true })
  await client.callTool({ name: 'test_trigger_tool_change', arguments: {} })
  await until(() => heard.changes.length > 0)
  t.deepEqual(heard.changes, ['tools'])
  await subscription.close()
})

for (const target of ['fixture', 'everything'] as const) {
  test(`a client whose stream broke off comes back for the rest of it: ${target}`, async (t) => {
    const headers: Record<string, string> = { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' }
    const post = (message: object, signal?: AbortSignal) => fetch(gateway.url(target), { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }), ...signal === undefined ? {} : { signal } })
    const opened = await post({ id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } } })
    headers['mcp-session-id'] = opened.headers.get('mcp-session-id') ?? ''
    await opened.text()
    await post({ method: 'notifications/initialized' })
    const params = target === 'fixture' ? { name: 'test_tool_with_progress', arguments: {} } : { name: 'trigger-long-running-operation', arguments: { duration: 0.6, steps: 3 } }
    const abort = new AbortController()
    const call = await post({ id: 7, method: 'tools/call', params: { ...params, _meta: { progressToken: 'p' } } }, abort.signal)
    const seen = await readUntil(call, (soFar) => soFar.includes('notifications/progress'))
    const last = [...seen.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? ''
    abort.abort()
    // server-everything sends again only what is there by then: a second call, as long as the first, ends after it.
    if (target === 'everything') await (await post({ id: 8, method: 'tools/call', params })).text()
    let again = await fetch(gateway.url(target), { headers: { ...headers, 'last-event-id': last } })
    while (again.status === 409) again = await fetch(gateway.url(target), { headers: { ...headers, 'last-event-id': last } })   // back before the server saw us leave
    t.is(again.status, 200)
    const rest = await readUntil(again, (soFar) => soFar.includes('"id":7'))
    t.regex(rest, /"result":\{"content"/)
  })
}

/** @returns what came until `isEnough`, at whole events; the stream is left then */
async function readUntil(response: Response, isEnough: (soFar: string) => boolean): Promise<string> {
  let soFar = ''
  const decoder = new TextDecoder()
  for await (const chunk of response.body ?? []) {
    soFar += decoder.decode(chunk, { stream: true })
    if (isEnough(soFar) && soFar.endsWith('\n\n')) break
  }
  return soFar
}
