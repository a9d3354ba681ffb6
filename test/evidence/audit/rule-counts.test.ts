// The handbook's column of decisions: counted from what a key opens, and said where none did.
import test from 'ava'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countRules } from '../../../evidence/audit/rule-counts.ts'
import { Recording } from '../../../evidence/audit/recording.ts'
import { parseSessionKeys } from '../../../evidence/verify/session-keys.ts'
import { SampleLog } from '../verify/sample-log.ts'

const root = mkdtempSync(join(tmpdir(), 'rule-counts-'))
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })

const reason = (id: string, mode: string) => ({ id, msg: 'm', controls: [], mode })

function logOf(...decisions: readonly object[]): SampleLog {
  const log = new SampleLog(join(root, 'log'))
  const node = log.startEpoch()
  const session = log.open()
  for (const [at, decision] of decisions.entries()) {
    log.frame(session, { kind: 6, contents: { 7: '{}', 8: JSON.stringify(decision) }, structure: new Map([[1, 'policy.denied']]), decisionId: Buffer.alloc(16, at + 1), bundle: Buffer.alloc(32, 1) })
  }
  log.close(session)
  log.close(node)
  log.cut(3)
  return log
}

test('each reason and each mask of a recorded decision counts for its rule, and a dry run as reported', (t) => {
  const log = logOf(
    { reasons: [reason('it.no', 'enforce'), reason('it.soon', 'dryrun')], mask: [] },
    { reasons: [reason('it.no', 'enforce'), reason('it.soon', 'warn')], mask: [{ id: 'it.ssn' }] },
  )
  using opened = new Recording(log.directory, parseSessionKeys(log.keysFile()))
  t.deepEqual(countRules(opened), { decisions: 2, unopened: 0, rules: { 'it.no': { enforced: 2, reported: 0 }, 'it.soon': { enforced: 0, reported: 2 }, 'it.ssn': { enforced: 1, reported: 0 } } })
  using shut = new Recording(log.directory)
  t.deepEqual(countRules(shut), { decisions: 0, unopened: 2, rules: {} })
})
