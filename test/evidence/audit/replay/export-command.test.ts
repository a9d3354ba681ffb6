// `evidence export --replay-corpus` and `policy replay` as they are called: what they refuse, and what they leave on disk.
import test from 'ava'
import { spawnSync } from 'node:child_process'
import { createPublicKey, hash, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportCorpus } from '../../../../evidence/audit/replay/cli.ts'
import type { Report } from '../../../../evidence/audit/replay/report.ts'
import { namespaces, verifyFile } from '../../../../evidence/audit/replay/signature.ts'
import { allowedSigner } from '../../../../evidence/repository/sshsig.ts'
import { readCorpus } from '../../../../evidence/audit/replay/corpus.ts'
import { Toolchain } from '../../../../rego/toolchain/process.ts'
import { compileBundle, loadPolicy, readBundle, shippedCapabilities } from '../../../../rego/index.ts'
import { SampleLog } from '../../verify/sample-log.ts'
import { toolCall } from './corpus-kit.ts'
import { goldenFiles } from './golden.ts'

const root = mkdtempSync(join(tmpdir(), 'replay-command-'))
const at = (name: string) => join(root, name)
using toolchain = new Toolchain()
const bundle = await compileBundle({ files: goldenFiles, revision: 'golden', serial: 1, capabilities: shippedCapabilities(), toolchain })
mkdirSync(at('bundles'))
writeFileSync(join(at('bundles'), 'a.tar.gz'), bundle)
const exporter = generateKeyPairSync('ed25519')
writeFileSync(at('exporter.pem'), exporter.privateKey.export({ type: 'pkcs8', format: 'pem' }))
const signers = allowedSigner('exporter', Buffer.from(createPublicKey(exporter.privateKey).export({ format: 'jwk' }).x ?? '', 'base64url'), Object.values(namespaces).join(','))
writeFileSync(at('signers'), signers)
const input = JSON.stringify(toolCall('run_report', {}, ['analysts'], 'ana'))
const policy = loadPolicy(readBundle(bundle))
const decision = new TextDecoder().decode(policy.decide(JSON.parse(input) as object, input).canonical)

function record(name: string): string {
  const log = new SampleLog(at(name))
  const node = log.startEpoch()
  const session = log.open()
  const seq = log.frame(session, { kind: 2, contents: { 7: input, 8: decision }, decisionId: Buffer.alloc(16), bundle: hash('sha256', bundle, 'buffer') })
  log.frame(session, { kind: 5, ref: seq, contents: { 9: '{"title":"result"}' }, structure: new Map([[1, 0]]) })
  log.close(session)
  log.close(node)
  log.cut(3)
  writeFileSync(at('keys.jsonl'), log.keysFile())
  writeFileSync(at('log.vkey'), `${log.logVkey}\n`)
  return log.directory
}

const evidence = record('evidence')
const flags = { keys: at('keys.jsonl'), bundles: at('bundles') }

// Not before anything is awaited: tests are declared in one go.
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })

test('a corpus is written for its owner alone, with a signature beside it, and an older signature does not stay', (t) => {
  const out = at('corpus.jsonl')
  t.regex(exportCorpus(evidence, { ...flags, replayCorpus: out, sign: at('exporter.pem') }), /: 1 calls as 1 rows, pseudonymous identities, signed\. It holds what callers sent/)
  t.true(readFileSync(`${out}.sig`, 'utf8').startsWith('-----BEGIN SSH SIGNATURE-----\n'))
  t.is(statSync(out).mode & 0o777, 0o600)
  t.regex(exportCorpus(evidence, { ...flags, replayCorpus: out, realIdentities: true }), /real identities, unsigned/)
  t.false(existsSync(`${out}.sig`))
  t.deepEqual(readCorpus(readFileSync(out)).row(0).input, JSON.parse(input))
})

test('the pseudonyms of two exports have nothing in common', (t) => {
  const who = (name: string) => { exportCorpus(evidence, { ...flags, replayCorpus: at(name) }); return readCorpus(readFileSync(at(name))).row(0).who[0]?.[0] }
  t.not(who('one.jsonl'), who('two.jsonl'))
})

test('without keys, without bundles, with a time that is none or a key that is none, nothing is written', (t) => {
  const refused = (over: object, code: string) => t.throws(() => exportCorpus(evidence, { ...flags, replayCorpus: at('never.jsonl'), ...over }), { code })?.message
  t.is(refused({ keys: undefined }, 'ERR_EVIDENCE_EXPORT'), 'say --keys: a corpus is made of what the session keys open')
  t.is(refused({ bundles: undefined }, 'ERR_EVIDENCE_EXPORT'), 'say --bundles: each decision is made again before it is exported')
  t.is(refused({ since: 'yesterday' }, 'ERR_EVIDENCE_EXPORT'), 'a time is written such as 2026-01-31T12:00:00Z')
  t.regex(refused({ sign: at('nobody.pem') }, 'ERR_EVIDENCE_KEY') ?? '', /cannot be read/)
  t.false(existsSync(at('never.jsonl')))
})

test('of a record that is false nothing is made', (t) => {
  const bent = record('bent')
  const folder = join(bent, 'store', 'leaves')
  const file = join(folder, readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('.cborseq')) ?? '')
  const bytes = readFileSync(file)
  bytes[40] = (bytes[40] ?? 0) ^ 1
  writeFileSync(file, bytes)
  t.throws(() => exportCorpus(bent, { ...flags, replayCorpus: at('never.jsonl') }), { code: 'ERR_EVIDENCE_CORRUPT', message: /^the record is false \(leaves\.file\)/ })
  t.false(existsSync(at('never.jsonl')))
})

const launcher = join(import.meta.dirname, '..', '..', '..', '..', 'gateway', 'countersign.js')

function replay(...args: string[]): { readonly code: number | null; readonly stdout: string; readonly stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, 'policy', 'replay', ...args], { cwd: root, encoding: 'utf8' })
  return { code: status, stdout, stderr }
}

test('a replay of two bundles: the report is printed, written and signed, and the log\'s key is asked for what the corpus says', (t) => {
  const out = at('replayed.jsonl')
  exportCorpus(evidence, { ...flags, replayCorpus: out, sign: at('exporter.pem') })
  const versions = ['--base', './bundles/a.tar.gz', '--head', './bundles/a.tar.gz', '--corpus', out, '--signers', at('signers')]
  const { code, stdout, stderr } = replay(...versions, '--log-key', at('log.vkey'), '--output', at('out'), '--sign', at('exporter.pem'), '--json')
  t.is(code, 0, stderr)
  const bytes = readFileSync(join(at('out'), 'report.json'))
  t.is(stdout, bytes.toString('utf8'))
  t.is(verifyFile(bytes, readFileSync(join(at('out'), 'report.json.sig'), 'utf8'), signers, namespaces.report, Date.now()), 'exporter')
  const report = JSON.parse(stdout) as Report
  t.deepEqual([report.v, report.verdict, report.faithfulness.verdict, report.base.kind, report.corpus.signed_by, report.corpus.log_key_checked, report.differential], [1, 'fine', 'faithful', 'bundle', 'exporter', true, null])
  t.deepEqual(readdirSync(at('out')).toSorted(), ['report.json', 'report.json.sig', 'report.md', 'report.sarif'])

  writeFileSync(at('other.vkey'), new SampleLog(at('other'), { logSeed: 9 }).logVkey)
  const stranger = replay(...versions, '--log-key', at('other.vkey'))
  t.deepEqual([stranger.code, stranger.stdout, stranger.stderr], [2, '', 'countersign: ERR_EVIDENCE_CORPUS: the replay corpus is false at the checkpoint: it is not signed by the key of the log\n'])
})

test('a replay that cannot run says why, with exit status 2', (t) => {
  const of = (...args: string[]) => { const { code, stderr } = replay('--base', './bundles/a.tar.gz', '--head', './bundles/a.tar.gz', ...args); return [code, stderr.replace(root, '…')] }
  t.deepEqual(of('--corpus', at('nothing.jsonl')), [2, 'countersign: ERR_EVIDENCE_NOT_FOUND: …/nothing.jsonl cannot be read: there is no such file\n'])
  t.deepEqual(of('--corpus', at('nothing.jsonl'), '--sign', at('exporter.pem')), [2, 'countersign: ERR_EVIDENCE_REPLAY: --sign signs report.json: say --output\n'])
})
