// Why a recorded decision: asked of the record, answered from the source of the policy.
import test from 'ava'
import { execFile } from 'node:child_process'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvidenceError } from '../../../evidence/errors.ts'
import { recordedDecision } from '../../../evidence/audit/recorded-decision.ts'
import { Recording } from '../../../evidence/audit/recording.ts'
import { parseSessionKeys } from '../../../evidence/verify/session-keys.ts'
import { loadPolicy, readBundle } from '../../../rego/index.ts'
import { compileShipped } from '../../rego/sources.ts'
import { SampleLog } from '../verify/sample-log.ts'

const root = mkdtempSync(join(tmpdir(), 'explain-'))
const bundle = await compileShipped()
const digest = hash('sha256', bundle, 'buffer')
const input = {
  v: 1, phase: 'request', subject: { type: 'user', id: 'https://idp.example|ada', properties: { groups: ['analysts'] } }, action: { name: 'tools/call', properties: { effects: ['read'] } },
  resource: { type: 'tool', id: 'bank/export_customers', properties: { target: 'bank', env: 'test', labels: [] } }, request: { protocol: 'mcp', arguments: {} }, findings: { pii: { status: 'ok', classes: [] }, projected: [] },
}
const policy = loadPolicy(readBundle(bundle))
const decision = new TextDecoder().decode(policy.decide(input, JSON.stringify(input)).canonical)
policy.close()

const log = new SampleLog(join(root, 'evidence'))
const node = log.startEpoch()
const session = log.open()
log.frame(session, { kind: 6, contents: { 7: JSON.stringify(input), 8: decision }, structure: new Map([[1, 'policy.denied']]), decisionId: Buffer.alloc(16, 1), bundle: digest })
log.frame(session, { kind: 6, contents: { 7: JSON.stringify(input), 8: decision.replace('"require"', '"allow"') }, structure: new Map([[1, 'policy.denied']]), decisionId: Buffer.alloc(16, 2), bundle: digest })
log.close(session)
log.close(node)
log.cut(3)
const keys = join(root, 'keys.jsonl')
writeFileSync(keys, log.keysFile())
using opened = new Recording(log.directory, parseSessionKeys(log.keysFile()))
const frames = [...opened.frames()].filter(({ decisionId }) => decisionId !== undefined)
const [first, second] = frames
const id = first?.session ?? ''

test.after.always(() => rmSync(root, { recursive: true, force: true }))

test('a recorded decision is read with its input and bundle, or it is said why not', (t) => {
  using recording = new Recording(log.directory, parseSessionKeys(log.keysFile()))
  t.deepEqual(recordedDecision(recording, id, first?.seq ?? -1), { input, decision: Buffer.from(decision), bundle: digest.toString('hex') })
  const refused = (of: Recording, seq: number, message: string) => t.like(t.throws(() => recordedDecision(of, id, seq), { instanceOf: EvidenceError }), { code: 'ERR_EVIDENCE_NOT_FOUND', message })
  refused(recording, 99, `there is no frame ${id}/99`)
  const other = [...recording.frames(id)].find(({ decisionId }) => decisionId === undefined)
  refused(recording, other?.seq ?? -1, `frame ${id}/${other?.seq} is not of a decision: an intent or a refusal is`)
  using shut = new Recording(log.directory)
  refused(shut, first?.seq ?? -1, `no key opened frame ${id}/${first?.seq}`)
})

function explain(seq: number | undefined): Promise<{ status: number; out: string }> {
  const args = ['policy', 'explain', '--evidence', log.directory, '--keys', keys, '--session', id.slice(0, 8), '--seq', String(seq)]
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, '../../../gateway/countersign.js'), ...args], (error, out) => resolve({ status: typeof error?.code === 'number' ? error.code : 0, out }))
  })
}

test('why a call on record was held: the rule and its line, and that it is the same decision', async (t) => {
  const { status, out } = await explain(first?.seq)
  t.is(status, 0)
  t.regex(out, /^require\n\nreasons\n {2}mcp\.bulk_export {2}Exporting customers .*\n {4}rego\/policy\/mcp\/mcp\.rego:\d+ {2}policies\.mcp\.require: Taking customers out in bulk needs a lead {2}GLBA-314\.4c\n/)
  t.true(out.endsWith(`This is the decision on record, byte for byte (bundle ${digest.toString('hex')}).\n`))
})

test('a source that does not make the recorded decision is no explanation of it', async (t) => {
  const { status, out } = await explain(second?.seq)
  t.is(status, 1)
  t.regex(out, /On record is another decision: this source is not the one that decided/)
})
