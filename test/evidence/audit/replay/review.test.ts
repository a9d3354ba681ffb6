// A whole review: what is refused before anything is compared, what the report says and never says, and what it asks for.
import test from 'ava'
import { generateKeyPairSync, createPublicKey } from 'node:crypto'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareEngines } from '../../../../evidence/audit/replay/differential.ts'
import { readCorpus } from '../../../../evidence/audit/replay/corpus.ts'
import { governingChanges, judge } from '../../../../evidence/audit/replay/gate.ts'
import { code, writeMarkdown } from '../../../../evidence/audit/replay/markdown.ts'
import { replayCorpus } from '../../../../evidence/audit/replay/replay.ts'
import { makeReport, writeReport } from '../../../../evidence/audit/replay/report.ts'
import { findRuleIds } from '../../../../evidence/audit/replay/rule-ids.ts'
import { review } from '../../../../evidence/audit/replay/run.ts'
import type { ReviewOptions } from '../../../../evidence/audit/replay/run.ts'
import { writeSarif } from '../../../../evidence/audit/replay/sarif.ts'
import { namespaces, signFile, verifyFile } from '../../../../evidence/audit/replay/signature.ts'
import { wordsOf } from '../../../../evidence/audit/replay/example.ts'
import { spread } from '../../../../evidence/audit/replay/spread.ts'
import { findUnmet } from '../../../../evidence/audit/replay/unmet.ts'
import { unprovenBy } from '../../../../evidence/audit/replay/unproven.ts'
import { unseenBy } from '../../../../evidence/audit/replay/unseen.ts'
import { suggestTests, writePatch } from '../../../../evidence/audit/replay/suggest.ts'
import { summaryLines } from '../../../../evidence/audit/replay/summary.ts'
import { createVocabulary } from '../../../../evidence/audit/replay/vocabulary.ts'
import type { PolicyVersion } from '../../../../evidence/audit/replay/version.ts'
import { allowedSigner } from '../../../../evidence/repository/sshsig.ts'
import { Toolchain } from '../../../../rego/toolchain/process.ts'
import { shippedCapabilities, testPolicies } from '../../../../rego/index.ts'
import type { PolicySource } from '../../../../rego/index.ts'
import { calls, changes } from './changes.ts'
import { corpusBytes, corpusOf, toolCall } from './corpus-kit.ts'
import { changed, compiled, goldenFiles } from './golden.ts'

const toolchain = new Toolchain()

async function version(files: PolicySource): Promise<PolicyVersion> {
  const engine = await compiled(files, toolchain)
  return { engine, kind: 'folder', revision: 'working-tree', digest: engine.bundle.hex, wasmBytes: engine.bundle.wasm.length, files, beside: new Map(), signers: undefined }
}

const change = (name: string): PolicySource => changed(changes.find((one) => one.name === name)!)
const withRule = (rego: string): PolicySource => new Map([...goldenFiles, ['policy/more.rego', Buffer.from(`package policies.more\n\n${rego}\n`)]])
const base = await version(goldenFiles)
const wider = await version(change('a deny rule is narrowed'))
const folder = mkdtempSync(join(tmpdir(), 'replay-review-'))
test.after.always(() => { rmSync(folder, { recursive: true, force: true }) })
const corpus = corpusBytes(calls, base.engine)

function keyFile(name: string): { readonly file: string; readonly signers: string } {
  const { privateKey } = generateKeyPairSync('ed25519')
  const file = join(folder, `${name}.pem`)
  writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const raw = Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url')
  return { file, signers: allowedSigner(name, raw, Object.values(namespaces).join(',')) }
}

const exporter = keyFile('exporter')
test.after.always(() => { toolchain[Symbol.dispose]() })

const options = (over: Partial<ReviewOptions>): ReviewOptions => ({
  base, head: base, corpus, signature: signFile(corpus, exporter.file, namespaces.corpus), signers: exporter.signers, isUnsignedAllowed: false, areRealIdentitiesAllowed: false, logKey: undefined,
  labels: [], author: undefined, approvedBy: [], warnBlocked: 100, wantsTests: false, toolchain, now: () => 0, clock: () => performance.now(), ...over,
})

const sayable = (head: PolicyVersion) => ({ vocabulary: createVocabulary([base, head]), words: wordsOf([base.files, head.files]) })

const nothing = { unseen: [], unproven: undefined, unmet: [], beside: [] } as const

/** The report without what `review` verifies first: these corpora have no proofs. */
async function reportOn(head: PolicyVersion, over: { readonly bytes?: Uint8Array; readonly labels?: readonly string[]; readonly approvedBy?: readonly string[]; readonly author?: string; readonly warnBlocked?: number } = {}) {
  const read = readCorpus(over.bytes ?? corpus)
  const result = replayCorpus({ corpus: read, base: base.engine, head: head.engine, clock: () => 0 })
  const gate = judge(result, { labels: over.labels ?? [], approvedBy: over.approvedBy ?? [], author: over.author, warnBlocked: over.warnBlocked ?? 100 }, 0, {
    unseen: unseenBy(base.engine, head.engine, read, result.sample), unproven: unprovenBy(base, head, result, []), unmet: [], beside: [],
  })
  const rules = findRuleIds(head.files ?? new Map(), undefined)
  return { report: makeReport({ base, head, corpus: read, signedBy: undefined, isLogKeyChecked: false, result, gate, cost: { base: { p50_us: 1, p99_us: 2 }, head: { p50_us: 1, p99_us: 2 } }, rules, differential: undefined, vocabulary: createVocabulary([base, head]), now: 0 }), rules, result, read }
}

test('a corpus that nobody signed, or somebody else, or that was changed since, is refused', async (t) => {
  const refused = async (over: Partial<ReviewOptions>) => (await t.throwsAsync(review(options(over)), { code: 'ERR_EVIDENCE_CORPUS' }))?.message
  t.is(await refused({ signature: undefined }), 'the corpus has no signature beside it (.sig): say --unsigned if that will do')
  t.is(await refused({ signers: undefined }), 'nobody is named who may sign a corpus: give --signers, or say --unsigned')
  t.is(await refused({ signers: keyFile('stranger').signers }), 'the signature does not hold: the signing key is not among the allowed signers')
  t.is(await refused({ corpus: Buffer.concat([corpus, Buffer.from('\n')]) }), 'the signature does not hold: the signature is false')
  t.is(await refused({ signature: signFile(corpus, exporter.file, namespaces.report) }), 'the signature does not hold: the signature was made for another namespace')
})

test('a corpus whose proofs are none is refused, signed or not', async (t) => {
  await t.throwsAsync(review(options({})), { code: 'ERR_EVIDENCE_CORPUS', message: 'the replay corpus is false at the checkpoint: the checkpoint is not a signed note' })
})

test('a corpus with real identities is refused unless told', async (t) => {
  const real = Buffer.from(Buffer.from(corpus).toString('utf8').replace('"pseudonymous"', '"real"'))
  await t.throwsAsync(review(options({ corpus: real, isUnsignedAllowed: true, signature: undefined })), { code: 'ERR_EVIDENCE_CORPUS', message: /^the corpus has real identities/ })
})

test('stock ssh-keygen takes our signatures, and we take its', (t) => {
  const run = (args: readonly string[], input: Uint8Array | string = '') => spawnSync('ssh-keygen', args, { input, encoding: 'utf8' })
  if (run(['-Y', 'help']).error !== undefined) return t.pass('there is no ssh-keygen here')
  const [signers, signature] = [join(folder, 'signers'), join(folder, 'corpus.sig')]
  writeFileSync(signers, exporter.signers)
  writeFileSync(signature, signFile(corpus, exporter.file, namespaces.corpus))
  const { status, stderr, stdout } = run(['-Y', 'verify', '-f', signers, '-I', 'exporter', '-n', namespaces.corpus, '-s', signature], corpus)
  t.is(status, 0, stderr + stdout)
  const key = join(folder, 'id_ed25519')
  t.is(run(['-q', '-t', 'ed25519', '-N', '', '-f', key]).status, 0)
  t.is(verifyFile(corpus, signFile(corpus, key, namespaces.report), `lena ${readFileSync(`${key}.pub`, 'utf8')}`, namespaces.report, 0), 'lena')
})

test('a signature of a file holds for its namespace, its signer, its bytes', (t) => {
  t.is(verifyFile(corpus, signFile(corpus, exporter.file, namespaces.report), exporter.signers, namespaces.report, 0), 'exporter')
  t.throws(() => signFile(corpus, join(folder, 'none.pem'), namespaces.report), { code: 'ERR_EVIDENCE_KEY' })
})

test('wider access needs a label and the approval of somebody else than the author', async (t) => {
  const asked = async (over: Parameters<typeof reportOn>[1]) => { const { report } = await reportOn(wider, over); return [report.exit, report.gate.missing.length] }
  t.deepEqual(await asked({}), [1, 2])
  t.deepEqual(await asked({ labels: ['policy-widening'] }), [1, 1])
  t.deepEqual(await asked({ labels: ['policy-widening'], approvedBy: ['eli'], author: 'eli' }), [1, 1])
  t.deepEqual(await asked({ labels: ['policy-widening'], approvedBy: ['Eli '], author: 'eli' }), [1, 1], 'the same person in another case')
  t.deepEqual(await asked({ labels: ['policy-widening'], approvedBy: ['lena'], author: 'eli' }), [0, 0])
  const { report } = await reportOn(base)
  t.deepEqual([report.exit, report.verdict], [0, 'fine'])
})

test('a head that could tell a replay from a call, by an address, a name or the time, needs what a widening does', async (t) => {
  // A refusal that holds for as long as it is watched.
  const path = 'startswith(input.request.arguments.path, "/")'
  const rule = (condition: string) => changed({ name: condition, edits: [[path, `${path}\n\t${condition}`]], flips: [] })
  const sly: readonly (readonly [string, ...string[]])[] = [
    ['net.cidr_contains("2001:db8::/32", input.context.ip)', 'input.context.ip', 'pseudonyms'], ['contains(input.subject.id, "p-")', 'pseudonyms'], ['input.context.time < "2027"', 'input.context.time'],
    ['input.session.started_at < "2027"', 'input.session'],
  ]
  for (const [condition, ...unseen] of sly) {
    const head = await version(rule(condition))
    const { report } = await reportOn(head)
    t.deepEqual([report.exit, report.gate.widening.entries, report.gate.unseen, report.gate.missing.length], [1, 0, unseen, 2], condition)
    t.true(writeMarkdown(report, '').includes(`**Head newly goes by what no recorded call can show**: ${unseen.map((one) => `\`${one}\``).join(', ')}. It may decide otherwise than here. Missing: the label policy-widening, and`))
    t.true(summaryLines(report).includes(`head newly goes by what no recorded call can show: ${unseen.join(', ')}; it may decide otherwise than here`))
    t.is((await reportOn(head, { labels: ['policy-widening'], approvedBy: ['lena'], author: 'eli' })).report.exit, 0)
  }
})

test('a change that no recorded call proves needs what a widening does: nothing that was not looked at passes as fine', async (t) => {
  const never = await version(withRule('deny contains {"id": "more.nobody", "msg": "No.", "controls": []} if input.resource.id == "bank/nobody_calls_this"'))
  const similar = await version(change('rewritten, and the same: rules in another order, a rule taken apart'))
  const other = await compiled(change('approvals last longer'), toolchain, 'before')
  const cases: readonly (readonly [string, PolicyVersion, Uint8Array, string])[] = [
    ['no_calls', wider, corpusBytes([], base.engine), 'the corpus holds no call'],
    ['not_of_base', similar, corpusBytes(calls, other), 'base decided no call in the corpus'],
    ['not_met', never, corpus, 'no recorded call meets all that comes, goes or changes'],
  ]
  for (const [unproven, head, bytes, words] of cases) {
    const { report } = await reportOn(head, { bytes })
    t.deepEqual([report.exit, report.verdict, report.gate.widening.entries, report.gate.unproven, report.gate.missing], [1, 'gate not met', 0, unproven, ['the label policy-widening', 'the approval of an owner other than the author']] as unknown)
    t.true(writeMarkdown(report, '').includes(`> **Nothing proves this change**: ${words}. Missing: the label policy-widening, and the approval of an owner other than the author.`))
    t.true(summaryLines(report).includes(`nothing proves this change: ${words}`))
    t.is(summaryLines(report)[0], 'nothing is proven (gate not met)')
    t.is((await reportOn(head, { bytes, labels: ['policy-widening'] })).report.exit, 1)
    t.is((await reportOn(head, { bytes, labels: ['policy-widening'], approvedBy: ['eli'], author: 'eli' })).report.exit, 1)
    t.is((await reportOn(head, { bytes, labels: ['policy-widening'], approvedBy: ['lena'], author: 'eli' })).report.exit, 0)
  }
  // What flips elsewhere proves nothing of it.
  const beside = await version(new Map([...change('a group fewer may call a tool'), ['policy/more.rego', Buffer.from('package policies.more\n\nallow if input.resource.id == "bank/nobody_calls_this"\n')]]))
  const { report: flipped } = await reportOn(beside)
  t.deepEqual([flipped.exit, flipped.gate.widening.entries, flipped.gate.unproven, flipped.flips.length > 0], [1, 0, 'not_met', true] as unknown)
  // What decides as base does is no change; a rewritten rule that calls do meet is proven by them.
  t.deepEqual([await reportOn(base, { bytes: corpusBytes([], base.engine) }), await reportOn(similar)].map(({ report }) => [report.exit, report.gate.unproven]), [[0, null], [0, null]])
  t.is((await reportOn(similar, { bytes: corpusBytes(calls.slice(0, 3), base.engine) })).report.gate.unproven, null)
})

const edited = (file: string, edit: (text: string) => string): PolicySource => new Map([...goldenFiles, [file, Buffer.from(edit(Buffer.from(goldenFiles.get(file) ?? '').toString('utf8')))]])
const added = (rego: string): PolicySource => edited('policy/desk.rego', (text) => `${text}\n${rego}\n`)

test('what no recorded call shows is told by file and line, though its rule id is met by others, or it has none', async (t) => {
  const read = readCorpus(corpus)
  const unmetBy = async (files: PolicySource) => {
    const head = await version(files)
    const result = replayCorpus({ corpus: read, base: base.engine, head: head.engine, clock: () => 0 })
    t.is(unprovenBy(base, head, result, []), undefined)
    const unmet = await findUnmet(read, result.sample, base, head, toolchain)
    return { unmet, unproven: unprovenBy(base, head, result, unmet), flips: result.flips.length }
  }
  const rows = Buffer.from(goldenFiles.get('policy/desk.rego') ?? '').toString('utf8').split('\n').length
  const clause = `policy/desk.rego:${rows + 1}`
  t.deepEqual(await unmetBy(added('allow if "auditors" in input.subject.properties.groups')), { unmet: [clause], unproven: 'not_met', flips: 0 }, 'another allow, of a group that never called')
  const looking = 'count([group | some group in input.subject.properties.groups; group == "auditors"]) > 0'
  t.deepEqual(await unmetBy(added(`allow if ${looking}`)), { unmet: [clause], unproven: 'not_met', flips: 0 }, 'the same in one row, where asking is seen and the answer is not')
  t.deepEqual((await unmetBy(added(`allow if { input.action.name == "none" } else if ${looking}`))).unmet, [clause])
  t.deepEqual(await unmetBy(edited('data/data.json', (text) => text.replace('"leads", "contractors"]', '"leads", "contractors", "auditors"]'))), { unmet: ['data.desk.tools.bank/run_report.groups'], unproven: 'not_met', flips: 0 }, 'a list in data that opens to a group that never called')
  t.deepEqual(await unmetBy(change('rewritten, and the same: rules in another order, a rule taken apart')), { unmet: [], unproven: undefined, flips: 0 })
  t.deepEqual((await unmetBy(change('a group more may call a tool'))).unmet, [])
})

test('bodies in rows of their own are the same program, and each row is known again', (t) => {
  const said = spread('x := "if # else" if a # if\ny := `\nif` if { b } else := [1 |\n1 if c][0]\nz if\n d\n')
  t.deepEqual(said, { text: 'x := "if # else" if\n a # if\ny := `\nif` if\n { b } \nelse := [1 |\n1 if c][0]\nz if\n\n d\n', rows: [1, 3, 4, 7, 8, 10, 11] })
})

test('config and signers that change are as good as a widening, since no replay can judge them', async (t) => {
  const at = (kind: PolicyVersion['kind'], entries: Readonly<Record<string, string>>) => ({ kind, beside: new Map(Object.entries(entries)) })
  const before = at('revision', { 'config.yaml': '1', allowed_signers: '2', 'README.md': '3' })
  t.deepEqual(governingChanges(before, at('revision', { 'config.yaml': '1', allowed_signers: '2', 'README.md': '4' })), [])
  t.deepEqual(governingChanges(before, at('revision', { 'config.yaml': '5' })), ['config.yaml', 'allowed_signers'])
  t.deepEqual(governingChanges(before, at('folder', {})), [])
  const { report, result } = await reportOn(base)
  const gate = (approvedBy: readonly string[]) => judge(result, { labels: ['policy-widening'], approvedBy, author: 'omar', warnBlocked: 100 }, 0, { ...nothing, beside: ['config.yaml'] })
  t.like(gate([]), { exit: 1, missing: ['the approval of an owner other than the author'] })
  t.is(gate(['eli']).exit, 0)
  const told = { ...report, gate: { ...report.gate, ...gate([]), unproven: null } }
  t.true(writeMarkdown(told, '').includes('> **What no replay can judge changes**: `config.yaml`. Missing: the approval of an owner other than the author.'))
  t.true(summaryLines(told).includes('what no replay can judge changes: config.yaml'))
})

test('tighter access needs nothing, and warns when it blocks much', async (t) => {
  const tighter = await version(change('a group fewer may call a tool'))
  const { report } = await reportOn(tighter, { warnBlocked: 3 })
  t.is(report.exit, 0)
  t.deepEqual(report.gate.warnings, ['4 calls of 1 callers went through and would be refused (more than 3)'])
  t.deepEqual((await reportOn(tighter, { warnBlocked: 4 })).report.gate.warnings, [])
})

test('a base that does not decide as it did makes the report unfaithful, whatever flips', async (t) => {
  const drifted = corpusBytes(calls, base.engine, { decision: (text) => text.replace('"bytes":4194304', '"bytes":1') })
  const { report } = await reportOn(base, { bytes: drifted })
  t.deepEqual([report.exit, report.verdict, report.faithfulness.verdict], [3, 'not faithful', 'unfaithful'])
  t.true(report.faithfulness.own.reproduced < report.faithfulness.own.calls)
  t.deepEqual(report.faithfulness.differences.map(({ kind }) => kind).filter((kind) => kind !== 'limit_loosened'), [])
  t.true(summaryLines(report).some((line) => line.startsWith('NOT FAITHFUL')))
})

test('calls that another bundle decided are counted by themselves and compared by what base says now', async (t) => {
  const other = await compiled(change('approvals last longer'), toolchain, 'before')
  const { report } = await reportOn(wider, { bytes: corpusBytes(calls, other) })
  t.is(report.faithfulness.verdict, 'unproven')
  t.is(report.faithfulness.others.calls - report.faithfulness.others.reproduced, 5)
  t.deepEqual(report.flips.map(({ kind }) => kind), ['deny_to_allow'])
})

test('what head\'s Rego computes is never printed: not in an id, a column, a control, a number or a message', async (t) => {
  const secret = 'q7ztoledo'
  const spy = await version(withRule(`
say := sprintf("%v_%v", [input.request.arguments.branch, "${'x'}"])

deny contains {"id": sprintf("more.%v", [input.request.arguments.branch]), "msg": say, "controls": [input.request.arguments.branch]} if input.request.arguments.branch
mask contains {"id": "more.mask", "match": {"columns": [input.request.arguments.secret_column]}, "op": "redact"} if input.request.arguments.secret_column
limit contains {"rows": input.request.arguments.secret_rows} if input.request.arguments.secret_rows`))
  const bytes = corpusBytes([
    { input: toolCall('run_report', { branch: secret }, ['analysts', secret]) },
    { input: toolCall('run_report', { secret_column: secret, secret_rows: 918273 }, ['analysts']) },
  ], base.engine)
  const { report, rules } = await reportOn(spy, { bytes })
  t.true(report.flips.length >= 3)
  t.deepEqual(report.head_reads, ['branch', 'secret_column', 'secret_rows'].map((name) => `input.request.arguments.${name}`), 'what only head reads is told by name')
  const { sha256, bytes: json } = writeReport(report)
  for (const text of [Buffer.from(json).toString('utf8'), writeMarkdown(report, sha256), writeSarif(report, rules), summaryLines(report).join('\n')]) {
    t.false(text.includes(secret))
    t.false(text.includes('918273'))
    t.true(text.includes('(computed)'))
  }
})

test('a name that would end a code span, a cell or a line of Markdown does not', async (t) => {
  t.is(code('a`b|c\n@ana [x](http://y) <img>'), '`aˋb¦c\ufffd@ana [x](http://y) <img>`')
  const hostile = 'x`|@everyone <img src=x onerror=1> [c](http://evil)'
  const head = await version(withRule(`mask contains {"id": ${JSON.stringify(hostile)}, "match": {"columns": ["fax"]}, "op": "redact"}`))
  const { report } = await reportOn(head)
  const text = writeMarkdown(report, '0'.repeat(64))
  const outside = text.replace(/`[^`\n]*`/g, '').replace(/<\/?(?:details|summary|sub|br)>/g, '')
  for (const mark of ['@', '<', '](', 'evil']) t.false(outside.includes(mark), mark)
  for (const line of text.split('\n').filter((one) => one.startsWith('| '))) t.true([5, 7].includes(line.split('|').length - 1) || line.includes('p50') || line.includes(' B |'), line)
})

test('a suggested test pins head\'s new decision, passes there, fails on base, and comes as a patch', async (t) => {
  const { result, read } = await reportOn(wider)
  const tests = await suggestTests(read, base.engine, wider.engine, wider.files ?? new Map(), result.flips, sayable(wider), toolchain)
  if (tests === undefined) return t.fail()
  t.regex(tests.file, /^policy\/replay_flips_[0-9a-f]{8}_test\.rego$/)
  t.true(tests.text.includes('decision.effect == "allow"'))
  t.false(/p-[a-d][0-9]/.test(tests.text), 'who called makes no difference, so it is not in the test')
  t.regex(tests.text, /"path": ?"\/"/, 'a path that one version refuses and the other does not')
  t.false(tests.text.includes('passwd'), 'what the caller sent is in no test')
  await t.throwsAsync(suggestTests(read, base.engine, wider.engine, goldenFiles, result.flips, sayable(wider), toolchain), { code: 'ERR_EVIDENCE_REPLAY', message: /does not pass/ })
  t.true(writePatch(tests).startsWith(`diff --git a/${tests.file} b/${tests.file}\nnew file mode 100644\n--- /dev/null\n`))
})

test('no value that a caller sent stands in a suggested test, whatever head makes depend on it', async (t) => {
  const secret = 'q7ztoledo'
  // The rule's id is made of the value, so only the value makes it: no example can be told. The number is compared, the branch only has to be there.
  const spy = await version(withRule(`
deny contains {"id": sprintf("more.%v", [input.request.arguments.branch]), "msg": "m", "controls": []} if input.request.arguments.branch
deny contains {"id": "more.amount", "msg": sprintf("%v", [input.request.arguments.amount]), "controls": []} if input.request.arguments.amount > 5000
deny contains {"id": "more.named", "msg": "m", "controls": []} if input.request.arguments[_] == "hidden"`))
  const bytes = corpusBytes([
    { input: toolCall('run_report', { branch: secret }, ['analysts', secret]) },
    { input: toolCall('run_report', { amount: 918273, [secret]: secret }, ['analysts']) },
    { input: toolCall('run_report', { [secret]: 'hidden' }, ['analysts']) },
  ], base.engine)
  const { result, read } = await reportOn(spy, { bytes })
  t.is(result.flips.filter(({ kind }) => kind === 'allow_to_deny').length, 3)
  const tests = await suggestTests(read, base.engine, spy.engine, spy.files ?? new Map(), result.flips, sayable(spy), toolchain)
  t.regex(tests?.text ?? '', /more\.amount/)
  t.regex(tests?.text ?? '', /"amount": ?10000/, 'a number that stands in a source')
  t.false(tests?.text.includes(secret) || tests?.text.includes('918273'), tests?.text)
})

test('the second engine agrees with the first on the golden calls, and a disagreement is told', async (t) => {
  const read = corpusOf(calls, base.engine)
  const places = [...calls.keys()]
  t.deepEqual(await compareEngines(read, base.engine, goldenFiles, places, toolchain), { rows: calls.length, disagreements: [] })
  t.deepEqual((await compareEngines(read, wider.engine, goldenFiles, places, toolchain)).disagreements, [5])
  const result = replayCorpus({ corpus: read, base: base.engine, head: wider.engine, clock: () => 0 })
  t.is(judge(result, { labels: [], approvedBy: [], author: undefined, warnBlocked: 100 }, 1, nothing).exit, 4)
})

test('a result in SARIF stands at its rule\'s place in head', async (t) => {
  const { report, rules } = await reportOn(wider)
  const { runs } = JSON.parse(writeSarif(report, rules)) as { runs: { results: { ruleId: string; level: string; locations: { physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number } } }[] }[] }[] }
  const [found] = runs[0]?.results ?? []
  t.deepEqual([found?.ruleId, found?.level, found?.locations[0]?.physicalLocation.artifactLocation.uri], ['deny_to_allow', 'warning', 'policy/desk.rego'])
  t.is(Buffer.from(goldenFiles.get('policy/desk.rego') ?? []).toString('utf8').split('\n')[(found?.locations[0]?.physicalLocation.region.startLine ?? 0) - 1], '\t"id": "desk.path",')
})

test('rules that no recorded call fires and rules that no test reaches are listed, where they are written', async (t) => {
  const { coverage } = await testPolicies({ files: goldenFiles, capabilities: shippedCapabilities(), coverage: true, toolchain })
  const rules = findRuleIds(goldenFiles, coverage)
  const tested = new Map(rules.map(({ id, isTested }) => [id, isTested]))
  t.deepEqual(['desk.schema_change', 'desk.path', 'desk.delete', 'desk.ssn', 'net'].map((id) => tested.get(id)), [true, false, false, undefined, undefined])
  t.deepEqual(rules.find(({ id }) => id === 'desk.allow'), { id: 'desk.allow', file: 'policy/desk.rego', row: 5, isTested: false })
  const { report } = await reportOn(base, { bytes: corpusBytes(calls.slice(0, 3), base.engine) })
  t.deepEqual(report.rules.never_fired.map(({ id }) => id), ['desk.schema_change', 'desk.path', 'desk.bulk_export', 'desk.delete', 'desk.large_transfer'])
  t.deepEqual(report.rules.fired.find(({ id }) => id === 'desk.contact'), { id: 'desk.contact', base: 14, head: 14 })
})

test('a malformed corpus is refused, line by line', (t) => {
  const text = Buffer.from(corpus).toString('utf8')
  const refused = (bent: string) => t.throws(() => { for (const row of readCorpus(Buffer.from(bent)).rows()) void row }, { code: 'ERR_EVIDENCE_CORPUS' })?.message
  t.is(refused(''), 'the replay corpus is empty')
  t.is(refused(text.slice(0, -1)), 'the replay corpus does not end with a newline')
  t.is(refused(`${text}{}\n`), 'the replay corpus has another number of lines than its first one says')
  t.is(refused(text.replace('"v":1', '"v":2')), 'the replay corpus is not a replay corpus of version 1')
  t.is(refused(text.replace('"rows":', '"extra":1,"rows":')), 'the replay corpus is malformed in line 1: the line')
  for (const other of ['{"key_id":"00","key":"00"}', '[]', 'null', '1']) t.is(refused(`${other}\n`), 'the replay corpus is not a replay corpus of version 1')
  t.is(refused(text.replace('"calls":10', '"calls":11')), 'the replay corpus is malformed in line 14: others')
  t.is(refused(text.replace('"decision":0', '"decision":99')), 'the replay corpus is malformed in line 14: decision')
  t.is(refused(text.replace('"input":{', '"input":[{')), 'the replay corpus has something else than JSON in line 14')
})
