// What once reached a caller beside the masks, one row each, stated as the verdict. Rows are only ever added.
import test from 'ava'
import { createHttp } from '../../gateway/protocols/http/index.ts'
import { allow, openRig } from '../gateway/protocols/fake-door.ts'
import type { Decision } from '../../rego/index.ts'

const value = '219-09-9999'
const net: Decision['mask'] = [{ id: 'ssn', match: { class: 'US_SSN' }, op: 'redact' }]
const named: Decision['mask'] = [{ id: 'name', match: { columns: ['name'] }, op: 'redact' }]
const utf16 = (text: string) => Buffer.from(text, 'utf16le')

interface Row { readonly headers: Readonly<Record<string, string>>; readonly body: string | Buffer; readonly mask?: Decision['mask']; readonly never?: string | Buffer }

const rows: readonly (readonly [string, Row])[] = [
  ['in the id of an event', { headers: { 'content-type': 'text/event-stream' }, body: `id: ${value}\ndata: {}\n\n` }],
  ['in the name of an event', { headers: { 'content-type': 'text/event-stream' }, body: `event: ${value}\ndata: {}\n\n` }],
  ['in a Content-Type parameter', { headers: { 'content-type': `application/json; note="${value}"` }, body: '{}' }],
  ['in the subtype of Content-Type', { headers: { 'content-type': `text/${value}` }, body: 'x' }],
  ['in Allow', { headers: { 'content-type': 'application/json', allow: value }, body: '{}' }],
  ['in Vary', { headers: { 'content-type': 'application/json', vary: `x-${value}` }, body: '{}' }],
  ['in Retry-After', { headers: { 'content-type': 'application/json', 'retry-after': value }, body: '{}' }],
  ['in Sunset', { headers: { 'content-type': 'application/json', sunset: value }, body: '{}' }],
  ['in UTF-16 text that says so', { headers: { 'content-type': 'text/plain; charset=utf-16le' }, body: utf16(value), never: utf16(value) }],
  ['in UTF-16 text that does not say so', { headers: { 'content-type': 'text/plain' }, body: utf16(value), never: utf16(value) }],
  ['in UTF-7 text', { headers: { 'content-type': 'text/plain; charset=utf-7' }, body: '+ADIAMQA5-09-9999', never: '+ADIAMQA5' }],
  ['in JSON that says UTF-7', { headers: { 'content-type': 'application/json; charset=utf-7' }, body: '{"n":"+ADIAMQA5-09-9999"}', never: '+ADIAMQA5' }],
  ['in a column of CSV that a rule names', { headers: { 'content-type': 'text/csv' }, body: 'id,name\n1,Mara Lind\n', mask: named, never: 'Mara' }],
  ['in an element of XML that a rule names', { headers: { 'content-type': 'text/xml' }, body: '<r><name>Mara Lind</name></r>', mask: named, never: 'Mara' }],
  ['in a cell of HTML that a rule names', { headers: { 'content-type': 'text/html' }, body: '<th>name<td>Mara Lind', mask: named, never: 'Mara' }],
]
for (const [name, { headers, body, mask = net, never = value }] of rows) {
  test(`not delivered: a value ${name}`, async (t) => {
    const rig = await openRig({ protocol: (publicUrl) => createHttp({ publicUrl }), upstream: (_request, response) => { response.writeHead(200, headers).end(body) }, decide: () => ({ ...allow, mask }) })
    t.teardown(() => rig.close())
    const response = await fetch(`${rig.url}/x`, { headers: { authorization: 'Bearer alice' } })
    // A stream that cannot be masked is cut off; what came before that is nothing.
    t.false(Buffer.from(await response.arrayBuffer().catch(() => new ArrayBuffer(0))).includes(never))
    t.false(JSON.stringify([...response.headers]).includes(String(never)))
    t.true(rig.record.every(({ part }) => part === undefined || !Buffer.from(part.content).includes(never)))
  })
}
