// A call that a kill cut off has an intent and nothing behind it: an examiner is told so, not left to notice what is absent.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Recording } from '../../../evidence/audit/recording.ts'
import { frameAsData, frameInFull, frameLine, markUnended } from '../../../evidence/audit/show.ts'
import { SampleLog } from '../verify/sample-log.ts'

const root = mkdtempSync(join(tmpdir(), 'countersign-unended-'))
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })

const log = new SampleLog(join(root, 'evidence'))
log.startEpoch()
log.cut(1)
const killed = log.open(), live = log.open()
for (const session of [killed, live]) {
  const ended = log.frame(session, { kind: 2, contents: { 7: '{"action":{"name":"pg.select"}}', 8: '{"effect":"allow"}' } })
  log.frame(session, { kind: 2, contents: { 7: '{"action":{"name":"pg.delete"}}', 8: '{"effect":"allow"}' } })
  log.frame(session, { kind: 5, ref: ended, contents: { 9: '{"title":"SELECT 1"}' }, structure: new Map([[1, 0]]) })
}
log.close(killed, 4)
log.cut()
const told = 'no outcome on record: what became of it is ambiguous'

test('a call without an outcome, in a session that has ended, is told to have none', (t) => {
  using recording = new Recording(log.directory)
  const frames = [...markUnended(() => recording.frames(killed.id.toString('hex')))]
  t.deepEqual(frames.map((frame) => frameLine(frame).includes(told)), [false, false, true, false, false])
  t.deepEqual(frames.map((frame) => frameInFull(frame).includes(told)), [false, false, true, false, false])
  t.deepEqual(frames.map((frame) => (frameAsData(frame) as { lacks_outcome?: true }).lacks_outcome), [undefined, undefined, true, undefined, undefined])
})

test('a call of a session that goes on may be under way: nothing is said of it yet', (t) => {
  using recording = new Recording(log.directory)
  t.false([...markUnended(() => recording.frames(live.id.toString('hex')))].some((frame) => frameLine(frame).includes(told)))
})
