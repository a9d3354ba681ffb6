// `evidence export --replay-corpus` as it is called: what it refuses, and what it leaves on disk.
import test from 'ava'
import { hash, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exportCorpus } from '../../../../evidence/audit/replay/cli.ts'
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
writeFileSync(at('exporter.pem'), generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
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
  return log.directory
}

const evidence = record('evidence')
const flags = { keys: at('keys.jsonl'), bundles: at('bundles') }

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
