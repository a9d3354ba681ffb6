import test from 'ava'
import type { Json, Operation, Principal, Slot } from '../../../gateway/call.ts'
import { createProjector } from '../../../gateway/project/index.ts'
import { GatewayError } from '../../../gateway/errors.ts'
import { createTokens, deriveTargetKey } from '../../../gateway/sensitive/index.ts'

const entry = { effects: ['read'], labels: [], request: { '/customer/ssn': 'US_SSN', '/rows/*/name': 'NAME', '/query/card': 'PAN', pin: 'PIN' }, result: {}, isOpaque: false }
const tokens = createTokens(deriveTargetKey(new Uint8Array(32), 'bank'))
const project = createProjector({ catalogue: { lookup: entry } }, tokens)
const principal: Principal = { type: 'agent', id: 'iss|alice', clientId: 'agent-1', groups: ['analysts'], acr: '1', amr: ['pwd'], claims: { mail: 'alice@example.com' }, actor: { type: 'agent', id: 'agent-1', chain: [] }, sponsor: 'iss|boss', expiresAt: 9 }
const context = { session: { id: 'ab'.repeat(16), seq: 3, startedAt: '1970-01-01T00:00:00.000Z' }, principal, peer: { ip: '192.0.2.1', port: 9 }, decisionId: new Uint8Array(16).fill(255), now: 1_000 }

function projected(request: { readonly [name: string]: Json }, slots: readonly Slot[] = [{ path: '/arguments' }], catalogueKey = 'lookup') {
  const operation: Operation = { action: { name: 'tools/call', properties: { effects: ['read'] } }, resource: { type: 'tool', id: 'bank/lookup', properties: { target: 'bank', env: 'demo', labels: [] } }, catalogueKey, request, slots, canonical: () => new Uint8Array(0), isOpaque: false }
  return project({ operation, from: 'client' }, context)
}
const span = (className: string, value: string) => `\u27e6${className}:${tokens.token(className, value)}\u27e7`

test('a declared field becomes class and token, whatever its type', (t) => {
  const { input } = projected({ arguments: { customer: { ssn: '123-45-6789' }, rows: [{ name: 'Jane' }, { name: { first: 'J' } }], pin: 1234 } })
  t.deepEqual(input.request['arguments'], {
    customer: { ssn: { class: 'US_SSN', token: tokens.token('US_SSN', '123456789') } },
    rows: [{ name: { class: 'NAME', token: tokens.token('NAME', 'Jane') } }, { name: { class: 'NAME', token: tokens.token('NAME', '{"first":"J"}') } }],
    pin: { class: 'PIN', token: tokens.token('PIN', '1234') },
  })
  t.deepEqual(input.findings, { pii: { status: 'ok', classes: ['NAME', 'PIN', 'US_SSN'] }, projected: [] })
})

test('a planted SSN, address or key leaves the string a string and its beginning in place', (t) => {
  const planted: readonly (readonly [string, string])[] = [['US_SSN', '123-45-6789'], ['EMAIL', 'jane@example.com'], ['SECRET', '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----']]
  for (const [className, value] of planted) {
    t.deepEqual(projected({ arguments: { path: `/etc/passwd ${value}` } }).input.request['arguments'], { path: `/etc/passwd ${span(className, value)}` })
  }
})

test('a caller who types a token look-alike gets other brackets', (t) => {
  const { inputText } = projected({ arguments: { a: '\u27e6US_SSN:AAAA\u27e7', '\u27e6b\u27e7': '\u27e6 123-45-6789' } })
  t.is(inputText.split('\u27e6').length, 2)
  t.true(inputText.includes('"a":"[[US_SSN:AAAA]]","[[b]]":"[[ \u27e6US_SSN:'))
})

test('a detected number is replaced and listed, so that policy can deny what nobody declared', (t) => {
  const { input, inputText } = projected({ arguments: { 'a/b': [{ card: 4111111111111111 }], year: 2024 } })
  t.deepEqual(input.findings.projected, ['/arguments/a~1b/0/card'])
  t.false(inputText.includes('4111111111111111'))
})

test('values in member names are replaced, and no two members become one', (t) => {
  const { input, inputText } = projected({ arguments: { '123-45-6789': 1, '\u27e6': 2, '[[': 3 } })
  t.false(inputText.includes('123-45-6789'))
  t.is(Object.keys(input.request['arguments'] as object).length, 3)
})

test('what is in no slot passes as it is, and what the text says is what the object says', (t) => {
  const request = { protocol: 'mcp', name: '123-45-6789', arguments: { ok: true, n: null, f: 1.5 } }
  const { input, inputText } = projected(request)
  t.is(input.request, request)
  t.is(inputText, JSON.stringify(input))
  t.deepEqual(JSON.parse(inputText), JSON.parse(JSON.stringify({
    v: 1, phase: 'request', decision_id: 'ff'.repeat(16), session: { id: 'ab'.repeat(16), seq: 3, started_at: '1970-01-01T00:00:00.000Z' },
    subject: { type: 'agent', id: 'iss|alice', properties: { client_id: 'agent-1', groups: ['analysts'], acr: '1', amr: ['pwd'], claims: { mail: 'alice@example.com' } }, actor: { type: 'agent', id: 'agent-1', chain: [] }, sponsor: 'iss|boss' },
    action: { name: 'tools/call', properties: { effects: ['read'] } }, resource: { type: 'tool', id: 'bank/lookup', properties: { target: 'bank', env: 'demo', labels: [] } }, request,
    findings: { pii: { status: 'ok', classes: [] }, projected: [] }, context: { time: '1970-01-01T00:00:01.000Z', ip: '192.0.2.1', ticket: '', approval: null, grants: [], break_glass: false },
  })))
})

test('a catalogue pointer may also start at the request, and a slot may name its class', (t) => {
  const { input } = projected({ query: { card: 'x' }, path: '/a', other: 'y' }, [{ path: '/query' }, { path: '/other', declared: 'NOTE' }, { path: '/absent' }])
  t.deepEqual(input.request, { query: { card: { class: 'PAN', token: tokens.token('PAN', 'x') } }, path: '/a', other: { class: 'NOTE', token: tokens.token('NOTE', 'y') } })
})

test('the forwarded operation is not touched by its projection', (t) => {
  const request = { arguments: { customer: { ssn: '123-45-6789' } } }
  projected(request)
  t.is(request.arguments.customer.ssn, '123-45-6789')
})

test('tokens are stable in a target, apart between classes and targets, and need a real key', (t) => {
  t.is(tokens.token('US_SSN', '123-45-6789'), tokens.token('US_SSN', '123456789'))
  t.not(tokens.token('US_SSN', '123456789'), tokens.token('PAN', '123456789'))
  t.not(tokens.token('US_SSN', '123456789'), createTokens(deriveTargetKey(new Uint8Array(32), 'crm')).token('US_SSN', '123456789'))
  t.throws(() => createTokens(new Uint8Array(16)), { message: 'a token key has at least 32 bytes' })
})

test('a malformed catalogue field stops the gateway at start', (t) => {
  for (const [field, name, message] of [['/a~2', 'X', 'catalogue: /a~2 is not an RFC 6901 pointer'], ['', 'X', 'catalogue: a field has no name'], ['/a', 'no spaces', 'catalogue: the class of /a is not letters, digits, "_", "." or "-"']] as const) {
    const error = t.throws(() => createProjector({ catalogue: { x: { ...entry, request: { [field]: name } } } }, tokens), { instanceOf: GatewayError })
    t.is(error?.code, 'ERR_CONFIG_INVALID')
    t.is(error?.message, message)
  }
})
