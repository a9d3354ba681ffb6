import test from 'ava'
import { createMcp } from '../../../gateway/protocols/mcp/index.ts'
import { allow, openRig, outcomes } from './fake-door.ts'

const headers = { authorization: 'Bearer alice', 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

test('a tool call is decided, forwarded as the same bytes, masked and recorded before it is answered', async (t) => {
  let seen = ''
  let sentHeaders: NodeJS.Dict<string | string[]> = {}
  const rig = await openRig({
    protocol: (publicUrl) => createMcp({ publicUrl }),
    upstream: (request, response) => {
      sentHeaders = request.headers
      request.on('data', (chunk: Buffer) => { seen += chunk.toString() })
      request.on('end', () => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ jsonrpc: '2.0', id: 7, result: { content: [{ type: 'text', text: '{"ssn":"219-09-9999"}' }], structuredContent: { ssn: '219-09-9999' } } }))
      })
    },
    decide: () => ({ ...allow, mask: [{ id: 'ssn', match: { columns: ['ssn'] }, op: 'redact' }] }),
  })
  const body = '{"jsonrpc":"2.0", "id":7,"method":"tools/call","params":{"name":"lookup","arguments":{"customer":"C-1"}}}'
  const response = await fetch(rig.url, { method: 'POST', headers, body })
  const text = await response.text()
  t.is(response.status, 200)
  t.is(seen, body)
  t.is(sentHeaders['authorization'], 'Bearer upstream-secret')
  t.false(text.includes('219-09-9999'))
  t.deepEqual(rig.record.map(({ kind }) => kind), ['intent', 'part'])
  t.is(rig.record[0]?.operation?.resource.id, 'bank/lookup')
  t.is(outcomes(rig.record)[0]?.summary.title, 'result')
  await rig.close()
})
