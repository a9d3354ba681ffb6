// What callers wrote into the record steers no examiner's terminal, in words or as JSON.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { SampleLog } from '../verify/sample-log.ts'

const root = mkdtempSync(join(tmpdir(), 'countersign-terminal-'))
test.after.always(() => rmSync(root, { recursive: true, force: true }))
const launcher = join(import.meta.dirname, '..', '..', '..', 'gateway', 'countersign.js')
/** Escape, CSI as one character, a new direction, a line separator, a tag: what a terminal or an eye obeys. */
const hostile = '\u001b[2J\u009b31m\u202egnp\u2028x\u{e0041}'

const log = new SampleLog(join(root, 'evidence'))
log.startEpoch()
log.cut(1)
const session = log.open()
log.frame(session, { kind: 2, contents: { 7: JSON.stringify({ action: { name: hostile }, resource: { id: hostile }, request: { arguments: { [hostile]: hostile } } }), 8: JSON.stringify({ effect: 'allow', reasons: [{ id: hostile, msg: hostile }] }) } })
log.cut()
writeFileSync(join(root, 'keys'), log.keysFile())
const id = session.id.toString('hex')

for (const [name, args] of [['show', ['show', `${id}/1`]], ['replay', ['replay', id]], ['ls', ['ls']]] as const) {
  for (const json of [[], ['--json']]) {
    test(`evidence ${[name, ...json].join(' ')} prints nothing that a terminal obeys`, (t) => {
      const text = execFileSync(process.execPath, [launcher, 'evidence', ...args, log.directory, '--keys', join(root, 'keys'), ...json]).toString()
      t.notRegex(text, /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u)
      if (json.length > 0 && name === 'show') t.true(JSON.stringify(JSON.parse(text)).includes(JSON.stringify(hostile).slice(1, -1)))
    })
  }
}
