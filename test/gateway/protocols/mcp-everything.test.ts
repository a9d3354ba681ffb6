// The reference server that people run, with sessions, notifications and requests of its own, through the gateway.
import test from 'ava'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { createMcp } from '../../../gateway/protocols/mcp/index.ts'
import { freePort } from '../../../scripts/demo/free-port.ts'
import { openRig } from './fake-door.ts'

test('server-everything works: tools, progress, sampling, resources, prompts, and a session that ends', async (t) => {
  t.timeout(60_000)
  const port = await freePort()
  const main = fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js'))
  const server = spawn(process.execPath, [main, 'streamableHttp'], { env: { PATH: process.env['PATH'], PORT: String(port) }, stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(() => { server.kill() })
  await new Promise<void>((resolve) => server.stderr.on('data', (chunk) => { if (String(chunk).includes(String(port))) resolve() }))
  const rig = await openRig({
    protocol: (publicUrl) => createMcp({ publicUrl }),
    upstream: (_request, response) => { response.end() },
    target: { upstream: { url: `http://127.0.0.1:${port}/mcp`, timeoutMs: 20_000, insecureAllowPlaintext: false } },
  })
  t.teardown(() => rig.close())
  const client = new Client({ name: 'test', version: '1' }, { capabilities: { sampling: {} } })
  client.setRequestHandler(CreateMessageRequestSchema, () => ({ model: 'm', role: 'assistant' as const, content: { type: 'text' as const, text: 'sampled here' } }))
  const transport = new StreamableHTTPClientTransport(new URL(rig.url), { requestInit: { headers: { authorization: 'Bearer alice' } } })
  await client.connect(transport as never)
  t.truthy(transport.sessionId)
  const tools = (await client.listTools()).tools.map(({ name }) => name)
  t.true(tools.includes('echo'))
  t.deepEqual((await client.callTool({ name: 'echo', arguments: { message: 'hi' } })).content, [{ type: 'text', text: 'Echo: hi' }])
  const image = tools.find((name) => name.includes('image')) ?? ''
  t.true(JSON.stringify((await client.callTool({ name: image, arguments: {} })).content).includes('"image/png"'))
  let steps = 0
  const long = tools.find((name) => name.includes('long-running')) ?? ''
  await client.callTool({ name: long, arguments: { duration: 0.4, steps: 4 } }, undefined, { onprogress: () => { steps++ } })
  t.is(steps, 4)
  const sampling = tools.find((name) => name.includes('sampling')) ?? ''
  const sampled = await client.callTool({ name: sampling, arguments: { prompt: 'p', maxTokens: 10 } })
  t.true(JSON.stringify(sampled.content).includes('sampled here'))
  const { resources } = await client.listResources()
  t.true(resources.length > 0)
  t.true((await client.readResource({ uri: resources[0]?.uri ?? '' })).contents.length > 0)
  t.true((await client.listPrompts()).prompts.length > 0)
  await t.throwsAsync(client.callTool({ name: 'no-such-tool' }).then((result) => { if (result.isError === true) throw new Error('isError') }))
  await transport.terminateSession()
  await client.close()
  t.true(rig.record.some(({ from, operation }) => from === 'upstream' && operation?.action.name === 'sampling/createMessage'))
  t.deepEqual(rig.record.filter(({ kind }) => kind === 'refusal').map(({ code, message }) => [code, message]), [])
})
