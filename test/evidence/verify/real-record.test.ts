// The real recorder and sealer, judged by a verifier that was written from FORMAT.md alone; then the examiner's commands over the same record.
import test from 'ava'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkFrameProof } from '../../../evidence/audit/frame-proof.ts'
import { EvidenceError } from '../../../evidence/errors.ts'
import { parseVerifierKey } from '../../../evidence/verify/note.ts'
import { parseSessionKeys } from '../../../evidence/verify/session-keys.ts'
import { verifyEvidence } from '../../../evidence/verify/verifier.ts'

const root = mkdtempSync(join(tmpdir(), 'verify-real-'))
const checkout = join(import.meta.dirname, '..', '..', '..')
const evidence = join(root, 'evidence')
const keysFile = join(root, 'keys.jsonl')

// A life of one node: two sessions, calls and refusals; `crash` ends in kill -9 with a call in flight, `stop` in order.
const program = `
import { exportSessionKeys, frameKind, openRecorder } from ${JSON.stringify(join(checkout, 'evidence', 'index.ts'))}
import { writeFileSync } from 'node:fs'
const root = ${JSON.stringify(root)}
const directories = { journal: root + '/journal', keys: root + '/keys', sealer: root + '/sealer', evidence: root + '/evidence' }
const recorder = await openRecorder({ node: 'node-1', directories, intervalMs: 200, maxUnsealedBytes: 1e9, maxUnsealedMs: 1e6, now: Date.now })
const json = (value) => Buffer.from(JSON.stringify(value))
const sessions = ['ada', 'bob'].map((subject) => recorder.openSession(json({ subject, client: 'cli', target: 'bank', ip: '127.0.0.1' })))
const decided = { decisionId: Buffer.alloc(16, 1), bundle: Buffer.alloc(32, 2), decision: json({ effect: 'allow', reasons: [] }) }
const input = (id) => json({ action: { name: 'tools/call' }, resource: { id }, request: { arguments: {} } })
for (let i = 0; i < 20; i++) for (const session of sessions) {
  const { seq } = session.append({ kind: frameKind.intent, time: Date.now(), request: input('run_report'), ...decided })
  await recorder.commit(i % 2 === 0 ? 'strict' : 'bounded')
  session.append({ kind: frameKind.outcome, time: Date.now(), ref: seq, result: json({ title: '200 OK', text: 'all well' }), structure: new Map([[1, 0]]) })
}
sessions[0].append({ kind: frameKind.refusal, time: Date.now(), request: input('drop_table'), ...decided, decision: json({ effect: 'deny', reasons: [{ id: 'bank.no_drop', msg: 'No.' }] }), structure: new Map([[1, 'policy.denied']]) })
if (process.argv[2] === 'crash') {
  sessions[1].append({ kind: frameKind.intent, time: Date.now(), request: input('run_report'), ...decided })
  await recorder.commit('strict')
  process.kill(process.pid, 'SIGKILL')
}
await recorder.commit('strict')
await recorder.stop()
writeFileSync(${JSON.stringify(keysFile)}, [...exportSessionKeys(directories.keys)].join(''))
`
mkdirSync(root, { recursive: true })
writeFileSync(join(root, 'life.mts'), program)
const live = (how: string): number | null => spawnSync(process.execPath, [join(root, 'life.mts'), how], { stdio: ['ignore', 'ignore', 'inherit'] }).status
const command = (...args: string[]): { status: number | null; stdout: string; stderr: string } => spawnSync(process.execPath, [join(checkout, 'gateway', 'countersign.js'), 'evidence', ...args], { encoding: 'utf8' })

test.before((t) => {
  t.timeout(110_000)
  t.is(live('crash'), null)
  t.is(live('crash'), null)
  t.is(live('stop'), 0)
  writeFileSync(join(root, 'trust.json'), JSON.stringify({
    log: [readFileSync(join(root, 'sealer', 'log.vkey'), 'utf8').trim()], allowed_signers: readFileSync(join(root, 'sealer', 'allowed_signers'), 'utf8'), witnesses: { quorum: 0, keys: [] },
  }))
})

// Not before anything is awaited: tests are declared in one go.
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })

test('a record of three lives, two of them killed, is intact and complete, and every body opens', (t) => {
  const verdict = verifyEvidence({ directory: evidence, trust: readFileSync(join(root, 'trust.json'), 'utf8'), keys: parseSessionKeys(readFileSync(keysFile, 'utf8')), at: Date.now() })
  t.deepEqual([verdict.falsities, verdict.gaps], [[], []])
  t.like(verdict, { exit: 0, checked: { epochs: 3, sessions: 9, closed: 9, intents: 122, refusals: 3, recovered: 2 }, open: { sessions: 0 } })
  t.is(verdict.checked.bodies.opened, verdict.checked.bodies.boxes)
})

test('verify as a command gives the same verdict from a child that can only read', (t) => {
  const { status, stdout } = command('verify', '--trust', join(root, 'trust.json'), '--keys', keysFile, '--json', evidence)
  t.is(status, 0)
  t.like(JSON.parse(stdout), { verdict: 'intact', checked: { epochs: 3 } })
})

test('an examiner lists sessions, reads one frame in full, and replays a session', (t) => {
  const sessions = JSON.parse(command('ls', '--json', '--keys', keysFile, evidence).stdout) as { session: string; who: { subject: string } | null; state: string; is_node: boolean }[]
  t.is(sessions.length, 9)
  t.deepEqual(sessions.filter(({ is_node: isNode }) => !isNode).map(({ who }) => who?.subject), ['ada', 'bob', 'ada', 'bob', 'ada', 'bob'])
  t.is(sessions.filter(({ state }) => state === 'abandoned').length, 6)
  const last = sessions.at(-2)!.session
  const replayed = command('replay', last, evidence, '--keys', keysFile).stdout
  t.regex(replayed, /intent +tools\/call run_report · \[allow\]/)
  t.regex(replayed, /refusal +policy\.denied · tools\/call drop_table · \[deny bank\.no_drop\]/)
  t.regex(replayed, /result: 200 OK\n +all well/)
  t.regex(command('show', `${last.slice(0, 12)}/1`, evidence, '--keys', keysFile).stdout, /request: tools\/call run_report/)
  t.regex(command('show', `${last}/1`, evidence).stdout, /content not opened/)
})

test('a frame is proven under the newest checkpoint', (t) => {
  const [{ session } = { session: '' }] = JSON.parse(command('ls', '--json', evidence).stdout) as { session: string }[]
  const proof = JSON.parse(command('prove', `${session}/0`, evidence).stdout) as { proof: string; v: number }
  t.is(proof.v, 1)
  t.regex(proof.proof, /^c2sp\.org\/tlog-proof@v1\nindex 0\n/)
})

test('a proof is checked without the record, and every part of it counts', (t) => {
  const [{ session } = { session: '' }] = JSON.parse(command('ls', '--json', evidence).stdout) as { session: string }[]
  const proof = command('prove', `${session}/0`, evidence).stdout
  writeFileSync(join(root, 'proof.json'), proof)
  writeFileSync(join(root, 'other.json'), proof.replace('"index": 0', '"index": 1'))
  const holds = command('check-proof', '--trust', join(root, 'trust.json'), join(root, 'proof.json'))
  t.is(holds.status, 0)
  t.regex(holds.stdout, new RegExp(`^HOLDS: frame ${session}/0 is on record\\.\n {2}at +\\d{4}-.*Z, epoch\n`))
  t.regex(holds.stdout, /\n {2}content +not in a proof: /)
  t.like(command('check-proof', '--trust', join(root, 'trust.json'), join(root, 'other.json')), { status: 1, stdout: 'DOES NOT HOLD: the proof does not lead from its frame to the batch\n' })
  t.is(command('check-proof', '--trust', join(root, 'none.json'), join(root, 'proof.json')).status, 2)

  const keys = [parseVerifierKey(readFileSync(join(root, 'sealer', 'log.vkey'), 'utf8').trim())]
  const refused = (text: string, known = keys): string => t.throws(() => checkFrameProof(text, known), { instanceOf: EvidenceError, code: 'ERR_TLOG_PROOF' })!.message
  const parts = JSON.parse(proof) as { leaf: string; index: number; frames: number; hashes: string[]; batch: string; proof: string }
  const other = (text: string): string => { const bytes = Buffer.from(text, 'base64'); bytes[bytes.length - 1] = bytes.at(-1)! ^ 1; return bytes.toString('base64') }
  for (const [changed, why] of [
    [{ leaf: other(parts.leaf) }, 'does not lead from its frame to the batch'],
    [{ frames: parts.frames + 1 }, 'does not lead from its frame to the batch'],
    [{ batch: other(parts.batch) }, 'does not lead from its batch to the checkpoint'],
    [{ proof: parts.proof.replace('index 0', 'index 1') }, 'does not lead from its batch to the checkpoint'],
    [{ v: 2 }, 'is not as evidence prove writes it'],
    [{ hashes: Array.from({ length: 65 }, () => parts.leaf) }, 'is not as evidence prove writes it'],
    [{ leaf: 'x'.repeat(300_000) }, 'is too long'],
  ] as const) t.is(refused(JSON.stringify({ ...parts, ...changed })), `the proof ${why}`)
  t.regex(refused(JSON.stringify({ ...parts, proof: parts.proof.replace(/\n(\d+)\n/, '\n9$1\n') })), /^the proof is false: the signature of .* is false$/)
  t.is(refused(proof, []), 'the proof ends at a checkpoint that no log key of the trust file signed')
  t.is(refused('{'), 'the proof is not JSON, as evidence prove writes it')
})

test('keys are not looked for among evidence, and nothing is written over', (t) => {
  t.regex(command('export', '--keys', join(root, 'more.jsonl'), evidence).stderr, /ERR_EVIDENCE_KEY: .* is not the gateway's key directory \(directories\.keys of its bootstrap file\): it holds no kek\n$/)
  t.is(command('export', '--keys', keysFile, join(root, 'keys')).stderr, `countersign: ${keysFile}: it is there already, and nothing is written over it\n`)
})

test('what is not on record is exit 2 with a sentence', (t) => {
  const { status, stderr } = command('show', '00000000', evidence)
  t.is(status, 2)
  t.regex(stderr, /ERR_EVIDENCE_NOT_FOUND: there is no session 00000000/)
})
