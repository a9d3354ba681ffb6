// What a server goes on to say of an operation that is over for the client: its refusal was told, and nothing of it may follow.
import test from 'ava'
import type { Permit } from '../../../../gateway/call.ts'
import { createMasking } from '../../../../gateway/mask/index.ts'
import { createResultMasker } from '../../../../gateway/protocols/postgres/mask.ts'
import { encodeCommandComplete, encodeDataRow, encodeError, Framer, parseDiagnostic, type Field } from '../../../../gateway/protocols/postgres/messages.ts'
import type { PostgresOperation } from '../../../../gateway/protocols/postgres/operation.ts'
import { Act } from '../../../../gateway/protocols/postgres/session/act.ts'
import { Replies } from '../../../../gateway/protocols/postgres/session/replies.ts'
import { SessionState, type Portal } from '../../../../gateway/protocols/postgres/session/state.ts'
import { refusal } from '../../../../gateway/refusal.ts'
import { createTokens, detectedClasses } from '../../../../gateway/sensitive/index.ts'

const masking = createMasking({ limits: { maxBodyBytes: 1 << 16, maxResultBytes: 1 << 16, maxDepth: 8 } }, createTokens(new Uint8Array(32).fill(1)))
const plan = masking.planFor({ mask: [{ id: 'net', match: { classes: [...detectedClasses] }, op: 'redact' }] }, undefined)
const fields: readonly Field[] = [{ name: 'label', table: 0, attribute: 0, type: 25, size: -1, modifier: -1, format: 0 }]
const suspended = Buffer.of(0x73, 0, 0, 0, 4)
const noText = Buffer.of(0x49, 0, 0, 0, 4)
const row = (text: string) => encodeDataRow([Buffer.from(text)])
const failure = encodeError(new Map([['S', 'ERROR'], ['V', 'ERROR'], ['C', '22P02'], ['M', 'invalid input syntax for type integer: "219-09-9999"']]))

/** A portal that is asked for its rows so many times at once, and what its client gets of the server's answers. */
function asked(times: number, limits: { readonly rows?: number }, answers: readonly Uint8Array[], { isDescribed = false, isOverdue = false } = {}) {
  const state = new SessionState()
  const act = new Act({ action: { properties: { effects: ['read'] } } } as unknown as PostgresOperation, [], { text: '', isBarrier: false })
  act.permit = { call: { decision: { mask: [], limits } } } as unknown as Permit<PostgresOperation>
  const masker = createResultMasker({ plan, classOf: () => undefined, snapshot: undefined, unknownOrigin: 'mask', reachesSensitive: false })
  masker.describe(fields, undefined)
  act.masker = masker
  if (isOverdue) act.overdue = refusal('policy.limit', 'The statement took longer than policy allows (300 ms)')
  const portal = { name: '', prepared: {}, fields } as unknown as Portal
  if (isDescribed) state.expect({ reply: 'describe', act, portal, own: { row: () => undefined, failed: () => undefined } })
  for (let i = 0; i < times; i++) state.expect({ reply: 'execute', act, portal })
  state.expect({ reply: 'ready', isSync: true })
  const never = () => { throw new Error('not expected') }
  const replies = new Replies(state, { setting: never, broken: () => undefined, unasked: never, idle: () => undefined, farewell: never })
  const items = replies.read(new Framer('backend').pushRuns(Buffer.concat(answers)))
  const bytes = Buffer.concat(items.map((item) => item.kind === 'part' ? item.part.bytes : item.kind === 'bytes' ? item.bytes : Buffer.of()))
  return { masker, bytes, said: new Framer('backend').push(bytes).map((frame) => frame.tag === 0x45 ? `E(${parseDiagnostic(frame.bytes).get('C')})` : String.fromCharCode(frame.tag)).join(' ') }
}

test('an error that the server finds behind a refused row is not told: the client has its refusal, and the error quotes a value', (t) => {
  const { said, bytes, masker } = asked(3, { rows: 1 }, [row('a'), suspended, row('b'), suspended, failure])
  t.is(said, 'D s E(54000)')
  t.false(bytes.includes('219-09-9999'))
  t.true(masker.isEmpty)
})

test('a refused result is refused once: nothing of it is left for the next run of the statement', (t) => {
  for (const last of [[row('c'), suspended], [row('c'), encodeCommandComplete('SELECT 1')], [encodeCommandComplete('SELECT 0')]]) {
    const { said, masker } = asked(3, { rows: 1 }, [row('a'), suspended, row('b'), suspended, ...last])
    t.is(said, 'D s E(54000)')
    t.true(masker.isFree && masker.isEmpty)
  }
})

test('a text without a statement is empty each time that it is run', (t) => {
  const { said, masker } = asked(2, {}, [noText, noText])
  t.is(said, 'I I')
  t.true(masker.isFree && masker.isEmpty)
})

test('a portal that is gone is told, also where the gateway asked for its columns first', (t) => {
  const gone = encodeError(new Map([['S', 'ERROR'], ['V', 'ERROR'], ['C', '34000'], ['M', 'portal "" does not exist']]))
  const { said, masker } = asked(1, {}, [gone], { isDescribed: true })
  t.is(said, 'E(34000)')
  t.true(masker.isFree && masker.isEmpty)
})

test('what a portal that has ended says of itself arrives as it is', (t) => {
  t.is(asked(2, {}, [row('a'), encodeCommandComplete('SELECT 1'), encodeCommandComplete('SELECT 0')]).said, 'D C C')
  t.is(asked(2, {}, [encodeCommandComplete('UPDATE 1'), encodeError(new Map([['S', 'ERROR'], ['V', 'ERROR'], ['C', '55000'], ['M', 'portal "" cannot be run']]))]).said, 'C E(55000)')
})

test('of a statement whose time is over nothing more is shown, and the server\'s error is policy\'s', (t) => {
  const late = asked(1, {}, [row('219-09-9999'), encodeCommandComplete('SELECT 1')], { isOverdue: true })
  t.is(late.said, 'E(54000)')
  t.false(late.bytes.includes('219-09-9999'))
  t.true(late.bytes.includes('The statement took longer than policy allows (300 ms)'))
  const cancelled = encodeError(new Map([['S', 'ERROR'], ['V', 'ERROR'], ['C', '57014'], ['M', 'canceling statement due to user request']]))
  t.is(asked(1, {}, [cancelled], { isOverdue: true }).said, 'E(54000)')
})

test('a statement that ended well before its cancel arrived is told as what it is: its transaction goes on', (t) => {
  t.is(asked(1, {}, [encodeCommandComplete('UPDATE 1')], { isOverdue: true }).said, 'C')
})
