import test from 'ava'
import { frameKind } from '../../../evidence/session/frame.ts'
import { countsOf, statementText, toTranscript } from '../../../evidence/session/transcript.ts'

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))

test('a call reads as its action, its resource and its projected request', (t) => {
  t.deepEqual(toTranscript(frameKind.intent, {
    request: json({ action: { name: 'tools/call' }, resource: { id: 'run_report' }, request: { arguments: { n: 1 } } }),
    decision: json({ effect: 'allow', reasons: [{ id: 'bank.report', msg: 'May run reports.' }] }),
  }), {
    request: { title: 'tools/call run_report', json: { arguments: { n: 1 } } },
    decision: { effect: 'allow', reasons: [{ id: 'bank.report', msg: 'May run reports.' }] },
  })
})

test('a result reads as text, table, digest or JSON, whichever is on record', (t) => {
  t.deepEqual(toTranscript(frameKind.outcome, { result: json({ title: '200 OK', text: 'a' }) }).result, { title: '200 OK', text: 'a' })
  t.deepEqual(toTranscript(frameKind.outcome, { result: json({ title: 'rows', table: [['a']] }) }).result, { title: 'rows', table: [['a']] })
  t.deepEqual(toTranscript(frameKind.outcome, { result: json({ title: 'opaque', digest: 'ab' }) }).result, { title: 'opaque', digest: 'ab' })
  t.deepEqual(toTranscript(frameKind.outcome, { result: json({ title: 'result', json: { a: 1 } }) }).result, { title: 'result', json: { a: 1 } })
})

test('a refusal of what was no call reads as an event', (t) => {
  t.deepEqual(toTranscript(frameKind.refusal, { request: json({ event: 'refusal', code: 'request.malformed' }) }), { event: { event: 'refusal', code: 'request.malformed' } })
})

test('content that is not what the format says is shown as it is, never dropped', (t) => {
  t.deepEqual(toTranscript(frameKind.intent, { request: Buffer.from('{') }), { request: { title: 'request', text: '{' } })
  t.deepEqual(toTranscript(frameKind.outcome, { result: Uint8Array.of(0xff) }), { result: { title: 'result', text: '\ufffd' } })
  t.deepEqual(toTranscript(frameKind.resultChunk, { result: Buffer.from('part') }), { result: { title: 'result, part', text: 'part' } })
})

test('a statement reads as it was typed, with its values by number; what was replaced stays replaced', (t) => {
  const statement = 'select a from t where ssn = $3 and id = $1 and n = $4'
  t.is(statementText({ protocol: 'postgres', statement, parameters: ['7'], literals: [{ class: 'US_SSN', token: 'abc' }, '5'] }),
    `${statement}\n  -- $1 = '7'\n  -- $3 = ⟦US_SSN:abc⟧\n  -- $4 = '5'`)
  t.is(statementText({ statement: 'select $1', parameters: [null], literals: [] }), 'select $1\n  -- $1 = NULL')
  t.is(statementText({ protocol: 'http', path: '/a' }), undefined)
})

test('a value cannot end early, or fill a line that looks like another value', (t) => {
  t.is(statementText({ statement: 'select $1', parameters: ["O'Neil"], literals: [] }), "select $1\n  -- $1 = 'O''Neil'")
  t.is(statementText({ statement: 'select $1', parameters: ['a\n  -- $2 = \'"b"\\'], literals: [] }), 'select $1\n  -- $1 = E\'a\\n  -- $2 = \'\'"b"\\\\\'')
})

test('a rule that was told and not enforced is not shown as one that was', (t) => {
  const reasons = [{ id: 'pg.ddl', msg: 'No.', mode: 'dryrun' }, { id: 'pg.allow', msg: 'Yes.', mode: 'enforce' }]
  t.deepEqual(toTranscript(frameKind.intent, { decision: json({ effect: 'allow', reasons }) }).decision, { effect: 'allow', reasons: [{ id: 'pg.ddl', msg: 'No.', mode: 'dryrun' }, { id: 'pg.allow', msg: 'Yes.' }] })
})

test('an outcome says how many rows and bytes there were, and what was masked', (t) => {
  t.is(countsOf(Buffer.from(JSON.stringify({ title: 'SELECT 2', rows: 2, bytes: 83, chunks: 1, masked: { 'pg.ssn': 2 } }))), '2 rows, 83 bytes, in 2 parts, masked: pg.ssn 2')
  t.is(countsOf(Buffer.from('no JSON')), '')
})

test('a result of which only a salted digest is on record says so', (t) => {
  t.deepEqual(toTranscript(frameKind.outcome, { result: Buffer.from(JSON.stringify({ title: 'SELECT 1', digest: { salt: 's', sha256: 'abc' } })) }).result, { title: 'SELECT 1', digest: 'abc' })
})
