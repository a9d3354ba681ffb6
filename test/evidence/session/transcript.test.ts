import test from 'ava'
import { frameKind } from '../../../evidence/session/frame.ts'
import { toTranscript } from '../../../evidence/session/transcript.ts'

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
