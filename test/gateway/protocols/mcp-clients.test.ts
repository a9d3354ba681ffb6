// Stock clients through the gateway, against stock servers: nobody's code but ours was changed.
import test from 'ava'
import { createServer } from 'node:http'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { createMcp } from '../../../gateway/protocols/mcp/index.ts'
import { allow, openRig } from './fake-door.ts'

const handler = toNodeHandler(createMcpHandler(() => {
  const server = new McpServer({ name: 'bank', version: '1' })
  server.registerTool('lookup', { description: 'Looks a customer up', inputSchema: z.object({ id: z.string() }) }, ({ id }) => ({ content: [{ type: 'text', text: JSON.stringify({ id, ssn: '219-09-9999' }) }] }))
  server.registerTool('drop_table', { description: 'Drops a table', inputSchema: z.object({}) }, () => ({ content: [{ type: 'text', text: 'dropped' }] }))
  return server
}))

const open = () => openRig({
  protocol: (publicUrl) => createMcp({ publicUrl }),
  upstream: createServer((request, response) => { void handler(request as never, response) }),
  decide: (operation) => operation.action.name === 'tools/call' ? { ...allow, mask: [{ id: 'ssn', match: { columns: ['ssn'] }, op: 'partial', keep_last: 4 }] } : allow,
  isVisible: (id) => id !== 'bank/drop_table',
})

for (const mode of ['legacy', 'auto'] as const) {
  test(`the v2 client works in mode ${mode}: its list is filtered and its result masked`, async (t) => {
    const rig = await open()
    t.teardown(() => rig.close())
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
    await client.connect(new StreamableHTTPClientTransport(new URL(rig.url), { requestInit: { headers: { authorization: 'Bearer alice' } } }))
    t.deepEqual((await client.listTools()).tools.map(({ name }) => name), ['lookup'])
    const result = await client.callTool({ name: 'lookup', arguments: { id: 'C-1' } })
    t.deepEqual(result.content, [{ type: 'text', text: '{"id":"C-1","ssn":"***-**-9999"}' }])
    await client.close()
    const era = rig.record.find(({ operation }) => operation?.action.name === 'tools/call')?.operation?.request['era']
    t.is(era, mode === 'auto' ? 'modern' : 'legacy')
  })
}

test('the 1.x client works', async (t) => {
  const rig = await open()
  t.teardown(() => rig.close())
  const client = new OldClient({ name: 'test', version: '1' })
  await client.connect(new OldTransport(new URL(rig.url), { requestInit: { headers: { authorization: 'Bearer alice' } } }) as never)
  t.deepEqual((await client.listTools()).tools.map(({ name }) => name), ['lookup'])
  const result = await client.callTool({ name: 'lookup', arguments: { id: 'C-1' } })
  t.deepEqual(result.content, [{ type: 'text', text: '{"id":"C-1","ssn":"***-**-9999"}' }])
  await client.close()
})
