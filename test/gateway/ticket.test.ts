// A change ticket is the caller's word, in one grammar wherever it comes from: half a ticket stops the call, none is none, and none of it goes upstream.
import test from 'ava'
import type { Operation, Principal } from '../../gateway/call.ts'
import { createProjector } from '../../gateway/project/index.ts'
import { createHttp } from '../../gateway/protocols/http/index.ts'
import { createMcp } from '../../gateway/protocols/mcp/index.ts'
import { statementOperation } from '../../gateway/protocols/postgres/operation.ts'
import { sessionParameters } from '../../gateway/protocols/postgres/wire/parameters.ts'
import { createTokens, deriveTargetKey } from '../../gateway/sensitive/index.ts'
import { isTicket, readTicket, ticketForm } from '../../gateway/ticket.ts'
import { openRig } from './protocols/fake-door.ts'

const form = 'at most 64 letters, digits and . _ : / # -, a letter or digit first and last'

test('a ticket is short and of an alphabet that no log, header or ticket system reads otherwise', (t) => {
  for (const ticket of ['CHG0031042', 'JIRA-7', 'ops/db#412', '7', 'a'.repeat(64)]) t.true(isTicket(ticket), ticket)
  for (const ticket of ['', 'a'.repeat(65), 'CHG 1', 'CHG-', '-CHG', 'CHG\n1', 'CHG\u202e1', 'chg,chg', '"', '\u27e6', 'é', '1\u0000', `a${'-'.repeat(1_000_000)}`]) t.false(isTicket(ticket), JSON.stringify(ticket.slice(0, 20)))
  t.is(readTicket(undefined, 'x'), undefined)
  t.is(readTicket('', 'x'), undefined)
  for (const written of ['a b', 7, null, ['CHG-1', 'CHG-2'], { id: 'CHG-1' }]) t.throws(() => readTicket(written, 'x'), { message: `x: expected ${form}` })
  t.is(ticketForm, form)
})

test('over HTTP the ticket of a header is shown as the caller\'s, binds an approval, and is not forwarded', async (t) => {
  const forwarded: unknown[] = []
  const rig = await openRig({ protocol: (publicUrl) => createHttp({ publicUrl }), upstream: (request, response) => { forwarded.push(request.headers['countersign-ticket']); response.end() } })
  const send = async (ticket?: string) => await fetch(`${rig.url}/a`, { headers: { authorization: 'Bearer alice', ...ticket === undefined ? {} : { 'countersign-ticket': ticket } } })
  for (const ticket of [undefined, 'CHG-1', 'CHG-2']) t.is((await send(ticket)).status, 200)
  const operations = rig.record.flatMap(({ kind, operation }) => kind === 'intent' && operation !== undefined ? [operation] : [])
  t.deepEqual(operations.map(({ ticket }) => ticket), [undefined, 'CHG-1', 'CHG-2'])
  t.is(new Set(operations.map((operation) => Buffer.from(operation.canonical()).toString())).size, 3)
  t.deepEqual(forwarded, [undefined, undefined, undefined])
  const refused = await send('CHG-1, CHG-2')
  t.is(refused.status, 400)
  t.like(await refused.json(), { code: 'request.params', detail: `countersign-ticket: expected ${form}` })
  await rig.close()
})

test('over MCP it stands in _meta or in a header, and two that differ are refused', async (t) => {
  const rig = await openRig({
    protocol: (publicUrl) => createMcp({ publicUrl }),
    upstream: (request, response) => { request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{"jsonrpc":"2.0","id":1,"result":{"content":[]}}')) },
  })
  const call = async (meta: unknown, header?: string) => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'lookup', arguments: {}, ...meta === undefined ? {} : { _meta: { 'countersign/ticket': meta } } } })
    return await (await fetch(rig.url, { method: 'POST', body, headers: { authorization: 'Bearer alice', 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...header === undefined ? {} : { 'countersign-ticket': header } } })).json() as { error?: { code: number; message: string } }
  }
  t.is((await call('CHG-1')).error, undefined)
  t.is((await call(undefined, 'CHG-1')).error, undefined)
  t.is((await call('CHG-1', 'CHG-1')).error, undefined)
  const operations = rig.record.flatMap(({ kind, operation }) => kind === 'intent' && operation !== undefined ? [operation] : [])
  t.deepEqual(operations.map(({ ticket, request }) => [ticket, request['params']] as unknown), [['CHG-1', {}], ['CHG-1', {}], ['CHG-1', {}]])
  t.like((await call('CHG-1', 'CHG-2')).error, { code: -32020, message: 'countersign-ticket names another ticket than the message' })
  t.like((await call(['CHG-1'])).error, { code: -32602, message: `_meta["countersign/ticket"]: expected ${form}` })
  await rig.close()
})

test('a PostgreSQL connection names it at start-up, and nothing else by that name gets through', (t) => {
  const rules = { allowAnyParameters: false }
  const parameters = sessionParameters(new Map([['options', '-c countersign.ticket=CHG-1']]), rules)
  t.is('sqlState' in parameters ? parameters.message : parameters.get('countersign.ticket'), 'CHG-1')
  for (const options of ['-c countersign.ticket=CHG\\ 1', '-c countersign.ticket=-x']) t.like(sessionParameters(new Map([['options', options]]), { allowAnyParameters: true }), { sqlState: '22023', message: `countersign.ticket: expected ${form}` })
  t.like(sessionParameters(new Map([['countersign.other', 'x']]), rules), { sqlState: '42501' })
  const target = { name: 'appdb', env: 'prod', labels: [], catalogue: {} } as never
  const options = { target, database: 'd', user: 'u', nonce: '', names: { snapshot: {}, role: '', sessionRole: '' } as never, analysis: { status: 'error', message: '', position: 0 } as never, text: 'x', textBytes: new Uint8Array(1), kind: 'query' } as const
  t.is(statementOperation({ ...options, ticket: 'CHG-1' }).ticket, 'CHG-1')
  t.false('ticket' in statementOperation(options))
})

test('policy and record see whose word it is, and no sensitive number in it', (t) => {
  const project = createProjector({ catalogue: {} }, createTokens(deriveTargetKey(new Uint8Array(32), 'bank')))
  const principal: Principal = { type: 'user', id: 'iss|alice', clientId: '', groups: [], acr: '', amr: [], claims: {}, expiresAt: 9 }
  const projected = (more: Partial<Operation>) => project({
    operation: { action: { name: 'http.get', properties: { effects: ['read'] } }, resource: { type: 'route', id: 'bank/GET *', properties: {} }, catalogueKey: 'GET *', request: { parameters: [] }, slots: [], canonical: () => new Uint8Array(0), isOpaque: false, ...more },
    from: 'client',
  }, { session: { id: 'ab', seq: 1, startedAt: '' }, principal, peer: { ip: '192.0.2.1', port: 9 }, decisionId: new Uint8Array(16), now: 0 })
  t.deepEqual(projected({}).input.context, { time: '1970-01-01T00:00:00.000Z', ip: '192.0.2.1', ticket: '', approval: null, grants: [], break_glass: false })
  t.like(projected({ ticket: 'CHG-1' }).input.context, { ticket: 'CHG-1', ticket_by: 'caller' })
  const { input, inputText } = projected({ ticket: '123-45-6789' })
  t.false(inputText.includes('123-45-6789'))
  t.regex(input.context.ticket, /^\u27e6US_SSN:/)
  t.deepEqual(input.findings.pii.classes, ['US_SSN'])
  // A statement that is run again is not filled into what another connection's ticket left.
  const repeats = { members: ['parameters'] }
  for (const ticket of [undefined, 'CHG-1', 'CHG-2', undefined]) t.is(projected({ repeats, ...ticket === undefined ? {} : { ticket } }).input.context.ticket, ticket ?? '')
})
