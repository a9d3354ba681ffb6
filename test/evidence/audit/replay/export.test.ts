// From a record to a corpus: distinct calls, without names, each with a proof that leads from its frame to the log's checkpoint.
import test from 'ava'
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkCorpus } from '../../../../evidence/audit/replay/check-corpus.ts'
import { collectCorpus } from '../../../../evidence/audit/replay/collect.ts'
import { readCorpus, writeCorpus } from '../../../../evidence/audit/replay/corpus.ts'
import type { CorpusParts } from '../../../../evidence/audit/replay/corpus.ts'
import { openEngine } from '../../../../evidence/audit/replay/engine.ts'
import { createPseudonyms } from '../../../../evidence/audit/replay/pseudonyms.ts'
import { replayCorpus } from '../../../../evidence/audit/replay/replay.ts'
import { Recording } from '../../../../evidence/audit/recording.ts'
import { parseSessionKeys } from '../../../../evidence/verify/session-keys.ts'
import { compileBundle, readPolicyFolder, shippedCapabilities } from '../../../../rego/index.ts'
import { shippedFolder } from '../../../../rego/folder.ts'
import { SampleLog } from '../../verify/sample-log.ts'
import { httpCall, toolCall } from './corpus-kit.ts'

const root = mkdtempSync(join(tmpdir(), 'replay-export-'))
const bundle = await compileBundle({ files: readPolicyFolder(shippedFolder), revision: 'c0ffee', serial: 1, capabilities: shippedCapabilities() })
const digest = hash('sha256', bundle, 'buffer')
const engine = openEngine(bundle)
const bundles = new Map([[digest.toString('hex'), bundle]])

const named = (input: object): object => ({ ...input, subject: { ...(input as { subject: object }).subject, id: 'https://idp.example|ana.lopez@bank.example', sponsor: 'https://idp.example|eli', actor: { type: 'agent', id: 'desk-agent-of-ana', chain: ['ana.lopez@bank.example'] } }, context: { ...(input as { context: object }).context, ip: '10.20.30.40' } })

const report = named(toolCall('run_report', { report: 'largest_accounts', owner: 'https://idp.example|ana.lopez@bank.example' }, ['analysts']))
const account = named(httpCall('GET /accounts/{id}', undefined, ['analysts']))
const dropped = named(toolCall('drop_table', {}, ['analysts']))

function record(name: string, inputs: readonly object[], bend: (decision: string) => string = (decision) => decision): SampleLog {
  const log = new SampleLog(join(root, name))
  const node = log.startEpoch()
  const session = log.open()
  for (const [at, input] of inputs.entries()) {
    const decision = bend(new TextDecoder().decode(engine.decide(input).canonical))
    const isAllowed = decision.includes('"effect":"allow"')
    const seq = log.frame(session, { kind: isAllowed ? 2 : 6, contents: { 7: JSON.stringify(input), 8: decision }, ...(isAllowed ? {} : { structure: new Map([[1, 'policy.denied']]) }), decisionId: Buffer.alloc(16, at), bundle: digest })
    if (isAllowed) log.frame(session, { kind: 5, ref: seq, contents: { 9: '{"title":"result","masked":{"mcp.contact":7,"net.email":1}}' }, structure: new Map([[1, 0]]) })
    if (at % 3 === 2) log.cut()
  }
  log.close(session)
  log.close(node)
  log.cut(3)
  return log
}

function collected(log: SampleLog, options: { readonly real?: true; readonly since?: number; readonly until?: number; readonly bundles?: ReadonlyMap<string, Uint8Array>; readonly keys?: string } = {}): CorpusParts {
  using recording = new Recording(log.directory, parseSessionKeys(options.keys ?? log.keysFile()))
  return collectCorpus(recording, { bundles: options.bundles ?? bundles, pseudonyms: options.real === true ? undefined : createPseudonyms(Buffer.alloc(32, 7)), now: 0, ...(options.since === undefined ? {} : { since: options.since }), ...(options.until === undefined ? {} : { until: options.until }) })
}

const log = record('plain', [report, report, account, dropped, report])

// Not before anything is awaited: tests are declared in one go.
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })

test('equal calls are one row with a count, their masked cells added up', (t) => {
  const { header, rows } = collected(log)
  t.is(header.calls, 5)
  t.deepEqual(rows.map(({ calls }) => calls).toSorted(), [1, 1, 3])
  t.deepEqual(rows[0]?.masked, { 'mcp.contact': 21, 'net.email': 3 })
  t.is(rows[0]?.results, 3)
  t.deepEqual(header.left_out, { not_opened: 0, no_bundle: 0, not_reproduced: 0, identity: 0 })
})

test('no name, address or id of a caller is in a corpus, not even where a caller wrote it', (t) => {
  const text = Buffer.from(writeCorpus(collected(log))).toString('utf8')
  for (const name of ['ana.', 'lopez', 'eli"', 'desk-agent', '10.20.30.40']) t.false(text.includes(name), name)
  const { rows } = collected(log)
  const { subject, request } = rows[0]?.input as { subject: { id: string; properties: { groups: string[] } }; request: { arguments: { owner: string } } }
  t.regex(subject.id, /^https:\/\/idp\.example\|p-[0-9a-f]{16}$/)
  t.is(request.arguments.owner, subject.id)
  t.deepEqual(subject.properties.groups, ['analysts'])
})

test('a pseudonym is the same within a corpus and another in the next', (t) => {
  const [a, b] = [createPseudonyms(Buffer.alloc(32, 1)), createPseudonyms(Buffer.alloc(32, 2))]
  t.is(a.of('idp|ana'), a.of('idp|ana'))
  t.not(a.of('idp|ana'), b.of('idp|ana'))
  t.not(a.of('idp|ana'), a.of('idp|eli'))
})

test('each row is proven to stand for a frame under the log\'s checkpoint, and its decision to be the recorded one', (t) => {
  for (const real of [undefined, true] as const) {
    const corpus = readCorpus(writeCorpus(collected(log, real === undefined ? {} : { real })))
    t.notThrows(() => checkCorpus(corpus, log.logVkey))
    t.is(corpus.header.identities, real === undefined ? 'pseudonymous' : 'real')
  }
})

test('the checkpoint of another log, another leaf, another path, decision or input is named', (t) => {
  const parts = collected(log, { real: true })
  const [row] = parts.rows
  if (row === undefined) return t.fail()
  const check = (bent: Partial<CorpusParts>, key = log.logVkey) => t.throws(() => checkCorpus(readCorpus(writeCorpus({ ...parts, ...bent })), key), { code: 'ERR_EVIDENCE_CORPUS' })?.message
  const other = new SampleLog(join(root, 'other'), { logSeed: 9 })
  t.is(check({}, other.logVkey), 'the replay corpus is false at the checkpoint: it is not signed by the key of the log')
  const bendRow = (bent: object) => ({ rows: [{ ...row, ...bent }, ...parts.rows.slice(1)] })
  t.is(check(bendRow({ proof: { ...row.proof, index: row.proof.index + 1 } })), 'the replay corpus is false at row 0: its leaf is not in its batch')
  t.is(check(bendRow({ proof: { ...row.proof, leaf: parts.rows[1]?.proof.leaf } })), 'the replay corpus is false at row 0: its leaf is not in its batch')
  t.is(check(bendRow({ input: { ...row.input, v: 2 } })), 'the replay corpus is false at row 0: its leaf commits to another input')
  t.is(check({ decisions: parts.decisions.map((text) => text.replace('"allow"', '"deny"')) }), 'the replay corpus is false at row 0: its leaf commits to another decision')
  t.is(check({ header: { ...parts.header, bundles: parts.header.bundles.map((one) => ({ ...one, digest: '0'.repeat(64) })) } }), 'the replay corpus is false at row 0: its leaf names another bundle')
  t.is(check({ batches: parts.batches.map((one) => ({ ...one, batch: one.batch + 1 })) }), 'the replay corpus is false at batch line 0: its leaf is not under the checkpoint')
  const again = (bent: Partial<CorpusParts>) => check({ ...bent, header: { ...parts.header, rows: (bent.rows ?? parts.rows).length, batches: (bent.batches ?? parts.batches).length } })
  t.is(again({ rows: [...parts.rows, row] }), `the replay corpus is false at row ${parts.rows.length}: its leaf is another row's`)
  t.is(again({ batches: parts.batches.flatMap((one) => [one, one]) }), 'the replay corpus is false at batch line 1: it is there twice')
})

test('a call whose content is shut, whose bundle is not at hand, or that is not decided again is counted and left out', (t) => {
  t.is(collected(log, { keys: '' }).header.left_out.not_opened, 5)
  t.is(collected(log, { bundles: new Map() }).header.left_out.no_bundle, 5)
  const bent = record('bent', [report], (decision) => decision.replace('"bytes":4194304', '"bytes":4194305'))
  t.deepEqual([collected(bent).header.left_out.not_reproduced, collected(bent).rows.length], [1, 0])
})

test('a call that is decided by who calls is only in a corpus with real identities', async (t) => {
  const files = new Map([...readPolicyFolder(shippedFolder), ['policy/by_name.rego', new TextEncoder().encode('package policies.by_name\n\ndeny contains {"id": "by_name.ana", "msg": "Not ana.", "controls": []} if startswith(input.subject.id, "https://idp.example|ana")\n')]])
  const personal = await compileBundle({ files, revision: 'b', serial: 2, capabilities: shippedCapabilities() })
  const own = openEngine(personal)
  const bent = new SampleLog(join(root, 'by-name'))
  const node = bent.startEpoch()
  const session = bent.open()
  bent.frame(session, { kind: 6, contents: { 7: JSON.stringify(report), 8: new TextDecoder().decode(own.decide(report).canonical) }, structure: new Map([[1, 'policy.denied']]), decisionId: Buffer.alloc(16), bundle: hash('sha256', personal, 'buffer') })
  bent.close(session)
  bent.close(node)
  bent.cut(3)
  const bundle2 = new Map([[hash('sha256', personal, 'hex'), personal]])
  t.deepEqual([collected(bent, { bundles: bundle2 }).header.left_out.identity, collected(bent, { bundles: bundle2, real: true }).rows.length], [1, 1])
})

test('only calls between the two times are exported', (t) => {
  t.is(collected(log, { since: log.now + 1 }).header.calls, 0)
  t.is(collected(log, { until: log.now + 1 }).header.calls, 5)
})

test('the same record, key and time give the same bytes', (t) => {
  t.deepEqual(writeCorpus(collected(log)), writeCorpus(collected(log)))
})

test('what the record\'s own bundle says of its corpus is faithful, and nothing flips', (t) => {
  const corpus = readCorpus(writeCorpus(collected(log)))
  const { faithfulness, flips, unchanged } = replayCorpus({ corpus, base: engine, head: engine, clock: () => 0 })
  t.is(faithfulness.verdict, 'faithful')
  t.deepEqual([flips.length, unchanged], [0, 5])
})
