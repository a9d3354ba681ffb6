// A recorded decision is made again from the record and the bundle alone.
import test from 'ava'
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EvidenceError } from '../../../evidence/errors.ts'
import { readBundles, redecide } from '../../../evidence/audit/redecide.ts'
import { policyOf } from '../../../evidence/audit/policy-of.ts'
import { Recording } from '../../../evidence/audit/recording.ts'
import { frameInFull } from '../../../evidence/audit/show.ts'
import { parseSessionKeys } from '../../../evidence/verify/session-keys.ts'
import { verifyEvidence } from '../../../evidence/verify/verifier.ts'
import { compileBundle, loadPolicy, readBundle } from '../../../rego/index.ts'
import { shippedCapabilities } from '../../../rego/capabilities.ts'
import { readPolicyFolder, shippedFolder } from '../../../rego/folder.ts'
import { SampleLog } from '../verify/sample-log.ts'

const root = mkdtempSync(join(tmpdir(), 'redecide-'))
const bundle = await compileBundle({ files: readPolicyFolder(shippedFolder), revision: 'c0ffee', serial: 1, capabilities: shippedCapabilities() })
const digest = hash('sha256', bundle, 'buffer')
mkdirSync(join(root, 'bundles'))
// Named wrongly on purpose: a bundle is known by its bytes.
writeFileSync(join(root, 'bundles', 'some-name.tar.gz'), bundle)

const input = {
  v: 1, phase: 'request', decision_id: '00', session: { id: '00', seq: 1, started_at: '2026-01-01T00:00:00Z' },
  subject: { type: 'agent', id: 'https://idp.example|ada', properties: { groups: ['analysts'], acr: '', amr: [], claims: {} } },
  action: { name: 'tools/call', properties: { effects: ['read'] } }, resource: { type: 'mcp.tool', id: 'run_report', properties: {} }, request: { protocol: 'mcp', arguments: {} },
  findings: { pii: { status: 'ok', classes: [] }, projected: [] }, context: { time: '2026-01-01T00:00:00Z', ip: '127.0.0.1', ticket: '', approval: null, grants: [], break_glass: false },
}
const inputText = JSON.stringify(input)
const policy = loadPolicy(readBundle(bundle))
const decision = new TextDecoder().decode(policy.decide(input, inputText).canonical)
policy.close()

/** That bundle came into force. */
function activate(log: SampleLog, node: Parameters<SampleLog['frame']>[0], of = digest): void {
  log.frame(node, { kind: 8, contents: { 7: JSON.stringify({ event: 'activated', revision: 'c0ffee', serial: 1, signers: ['mara', 'noor'] }) }, structure: new Map([[1, 0], [2, 1]]), bundle: of })
}

function logOf(name: string, recorded: string, text = inputText): SampleLog {
  const log = new SampleLog(join(root, name))
  const node = log.startEpoch()
  activate(log, node)
  const session = log.open()
  log.frame(session, { kind: 6, contents: { 7: text, 8: recorded }, structure: new Map([[1, 'policy.denied']]), decisionId: Buffer.alloc(16, 1), bundle: digest })
  log.close(session)
  log.close(node)
  log.cut(3)
  return log
}

function outcomes(log: SampleLog, hasKeys = true, bundles = readBundles(join(root, 'bundles'))): string[] {
  using recording = new Recording(log.directory, hasKeys ? parseSessionKeys(log.keysFile()) : undefined)
  return [...redecide(recording, bundles)].map(({ outcome }) => outcome)
}

// Not before anything is awaited: tests are declared in one go.
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })

test('the bundle of the recorded digest makes the recorded decision again, byte for byte', (t) => {
  t.deepEqual(outcomes(logOf('same', decision)), ['same'])
})

test('a decision that the bundle does not make on the recorded input is told', (t) => {
  t.deepEqual(outcomes(logOf('different', decision.replace('"deny"', '"allow"'))), [decision.includes('"deny"') ? 'different' : 'same'])
  t.deepEqual(outcomes(logOf('one-byte', `${decision} `)), ['different'])
})

test('a body put in the place of the recorded one by whoever holds its key is not shown, and not decided on', (t) => {
  const log = new SampleLog(join(root, 'forged'))
  const node = log.startEpoch()
  activate(log, node)
  const session = log.open()
  // What happened was another call; input and decision of this one fit each other.
  log.frame(session, { kind: 2, contents: { 7: inputText.replace('run_report', 'drop_table'), 8: decision }, forged: { 7: inputText }, decisionId: Buffer.alloc(16, 1), bundle: digest })
  log.close(session)
  log.close(node)
  log.cut(3)
  t.throws(() => outcomes(log), { instanceOf: EvidenceError, code: 'ERR_EVIDENCE_CORRUPT', message: `the body of frame ${session.id.toString('hex')}/1 is not what its leaf commits to; "evidence verify --keys" names all that is wrong` })
  t.deepEqual(outcomes(log, false), ['not_opened'])
  const verdict = verifyEvidence({ directory: log.directory, trust: log.trust(), keys: parseSessionKeys(log.keysFile()), at: log.now })
  t.deepEqual(verdict.falsities.map(({ code, message }) => [code, message]), [['body.commitment', 'its request is not what was committed to']])
})

test('a forwarded call that does not say which bundle decided is not passed over', (t) => {
  const log = new SampleLog(join(root, 'unnamed'))
  const node = log.startEpoch()
  const session = log.open()
  log.frame(session, { kind: 2, contents: { 7: inputText, 8: decision } })
  log.frame(session, { kind: 6, contents: { 7: inputText, 8: decision }, structure: new Map([[1, 'policy.denied']]), decisionId: Buffer.alloc(16, 1) })
  // A message that nobody could read was decided by nobody.
  log.frame(session, { kind: 6, contents: { 7: '{"event":"refusal","code":"request.malformed"}' }, structure: new Map([[1, 'request.malformed']]) })
  log.close(session)
  log.close(node)
  log.cut(3)
  t.deepEqual(outcomes(log), ['no_bundle', 'no_bundle'])
})

test('a decision by a policy that never came into force is told, though its bundle makes it', (t) => {
  const log = new SampleLog(join(root, 'never-activated'))
  const node = log.startEpoch()
  activate(log, node, Buffer.alloc(32, 7))
  const session = log.open()
  const decided = { kind: 2, contents: { 7: inputText, 8: decision }, decisionId: Buffer.alloc(16, 1), bundle: digest }
  log.frame(session, decided)
  activate(log, node)
  log.frame(session, decided)
  activate(log, node, Buffer.alloc(32, 7))
  log.frame(session, decided)
  log.close(session)
  log.close(node)
  log.cut(3)
  t.deepEqual(outcomes(log), ['not_in_force', 'same', 'same'])
  using recording = new Recording(log.directory, parseSessionKeys(log.keysFile()))
  const policies = [...recording.frames()].filter(({ kind }) => kind === 2).map((frame) => frameInFull(frame, policyOf(recording, frame)))
  const [, , first, second] = [...recording.frames()].filter(({ kind }) => kind === 8 || kind === 0).map(({ session: id, seq }) => `${id}/${seq}`)
  t.regex(policies[0] ?? '', /policy: NOT IN FORCE\n +bundle [0-9a-f]{64}\n +no activation of it is on record before this$/)
  t.true(policies[1]?.endsWith(`in force by mara and noor, says ${first}`), policies[1])
  t.true(policies[2]?.endsWith(`in force by mara and noor, says ${first}\n          ANOTHER POLICY CAME INTO FORCE before this was recorded: ${second}`), policies[2])
})

test('a recorded failure of the policy must be one still', (t) => {
  const failed = '{"approval":null,"effect":"deny","limits":{},"mask":[],"obligations":[],"reasons":[{"controls":[],"id":"policy.error","mode":"enforce","msg":"The policy could not decide (ERR_POLICY_TRAP)"}],"record":{"level":"body","retention":""}}'
  t.deepEqual(outcomes(logOf('failed', failed)), ['different'])
})

test('an input that is none was never decided on', (t) => {
  t.deepEqual(outcomes(logOf('no-input', decision, '[]'.slice(1))), ['failed'])
})

test('without the key or without the bundle nothing is claimed', (t) => {
  const log = logOf('without', decision)
  t.deepEqual(outcomes(log, false), ['not_opened'])
  t.deepEqual(outcomes(log, true, new Map()), ['no_bundle'])
})
