// Lies that are signed and sealed as well as the truth is, and gaps that are not lies: which exit, which code, which item.
import test from 'ava'
import type { ExecutionContext } from 'ava'
import { sign } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readCbor } from '../../../evidence/verify/cbor.ts'
import type { FalseCode, GapCode } from '../../../evidence/verify/finding.ts'
import { CannotRun } from '../../../evidence/verify/finding.ts'
import { parseSessionKeys } from '../../../evidence/verify/session-keys.ts'
import { writeReport } from '../../../evidence/verify/report.ts'
import { verifyEvidence } from '../../../evidence/verify/verifier.ts'
import type { Verdict } from '../../../evidence/verify/verdict.ts'
import { cbor, cleanLog, ed25519, leafHash, SampleLog, sha256, start, treeRoot, vkey } from './sample-log.ts'
import type { SampleOptions, Value } from './sample-log.ts'

const root = mkdtempSync(join(tmpdir(), 'verify-verdict-'))
const later = start + 3_600_000
let made = 0
const fresh = (): string => join(root, String(made++))

function verify(log: SampleLog, more: object = {}): Verdict { return verifyEvidence({ directory: log.directory, trust: log.trust(), at: later, ...more }) }

function isFalse(t: ExecutionContext, verdict: Verdict, code: FalseCode, item: RegExp, message: RegExp): void {
  t.is(verdict.exit, 1)
  const found = verdict.falsities.find((finding) => finding.code === code)
  t.truthy(found, `${code} is not among ${JSON.stringify(verdict.falsities)}`)
  t.regex(found?.item ?? '', item)
  t.regex(found?.message ?? '', message)
}

function isGap(t: ExecutionContext, verdict: Verdict, code: GapCode, message: RegExp): void {
  t.is(verdict.exit, 3, JSON.stringify(verdict.falsities))
  const found = verdict.gaps.find((finding) => finding.code === code)
  t.truthy(found, `${code} is not among ${JSON.stringify(verdict.gaps)}`)
  t.regex(found?.message ?? '', message)
}

/** One epoch with one session of two calls, bent on its way, then closed. */
function bent(bend: (log: SampleLog, session: ReturnType<SampleLog['open']>, node: ReturnType<SampleLog['open']>) => void): SampleLog {
  const log = new SampleLog(fresh())
  const node = log.startEpoch()
  log.cut(1)
  const session = log.open()
  log.call(session)
  bend(log, session, node)
  log.cut()
  if (!session.isClosed) log.close(session)
  if (!node.isClosed) log.close(node)
  log.cut(3)
  return log
}

const lies: readonly (readonly [title: string, code: FalseCode, item: RegExp, message: RegExp, bend: Parameters<typeof bent>[0]])[] = [
  ['a batch leaf that does not name the one before it', 'batch.previous', /^batch 1$/, /does not name/, (log) => { log.bend.batchLeaf = (leaf) => leaf.set(6, Buffer.alloc(32)) }],
  ['a batch number that was skipped', 'batch.number', /^batch 1$/, /number 2 of epoch 1 where 1 is due/, (log) => { log.number = 2 }],
  ['a batch time that steps back', 'batch.time', /^batch 1$/, /before that of the batch before/, (log) => { log.now = start - 60_000 }],
  ['a batch leaf with a member the format does not know', 'batch.malformed', /leaf\/01\/1$/, /14 members/, (log) => { log.bend.batchLeaf = (leaf) => leaf.set(15, 1) }],
  ['an ordinal range that leaves out an opened session', 'batch.ordinals', /^batch 1$/, /1 ordinals of epoch 1 were given out, and 2 sessions opened/, (log) => { log.bend.batchLeaf = (leaf) => leaf.set(10, 1) }],
  ['an ordinal without a session: a session was left out', 'batch.ordinals', /^batch 1$/, /3 ordinals of epoch 1 were given out, and 2 sessions opened/, (log) => { log.ordinals++ }],
  ['a frame count that is not that of the leaves', 'leaves.count', /^batch 1, store\/leaves/, /3 frames where the batch leaf says 2/, (log) => { log.bend.batchLeaf = (leaf) => leaf.set(8, 2) }],
  ['a frame root that is not that of the leaves', 'leaves.root', /^batch 1, store\/leaves/, /not that of the batch leaf/, (log) => { log.bend.batchLeaf = (leaf) => leaf.set(7, Buffer.alloc(32, 1)) }],
  ['a gap in a session\'s seq', 'session.seq', /session [0-9a-f]{32}\/4$/, /seq 4 where 3 is due/, (log, session) => { session.hashes.push(session.hashes.at(-1)!); log.call(session) }],
  ['a leaf that does not name the leaf before it', 'session.previous', /session [0-9a-f]{32}\/3$/, /does not name/, (log, session) => { session.hashes[2] = Buffer.alloc(32, 3); log.call(session) }],
  ['a session that opens again', 'session.kind', /\/3$/, /opens again/, (log, session) => { log.frame(session, { kind: 1, contents: { 7: '{}' }, structure: new Map<number, Value>([[1, 1], [2, 2], [3, session.keyId]]) }) }],
  ['an unknown kind of frame', 'leaf.malformed', /^batch 1/, /unknown kind 15/, (log, session) => { log.frame(session, { kind: 15 }) }],
  ['what a candidate would have decided without saying how', 'leaf.malformed', /^batch 1/, /kind 14 without member 7/, (log, session) => { log.frame(session, { kind: 14 }) }],
  ['an intent that commits to no decision', 'leaf.malformed', /^batch 1/, /kind 2 without member 8/, (log, session) => { log.frame(session, { kind: 2, contents: { 7: '{}' } }) }],
  ['an outcome of no intent', 'session.ref', /\/3$/, /seq 2, which is not an earlier intent/, (log, session) => { log.frame(session, { kind: 5, ref: 2, structure: new Map([[1, 0]]) }) }],
  ['a second outcome of one intent', 'session.outcome', /\/3$/, /seq 1 has had its outcome/, (log, session) => { log.frame(session, { kind: 5, ref: 1, structure: new Map([[1, 0]]) }) }],
  ['a chunk after the outcome', 'session.outcome', /\/3$/, /a chunk after the outcome/, (log, session) => { log.frame(session, { kind: 4, ref: 1, contents: { 9: 'x' }, structure: new Map([[1, 1]]) }) }],
  ['a recovery of a call that has its outcome', 'session.outcome', /\/1$/, /not an intent without an outcome/, (log, session, node) => { log.frame(node, { kind: 12, structure: new Map<number, Value>([[1, session.id], [2, 1]]) }) }],
  ['a close that counts wrong', 'session.close', /\/3$/, /counts 2 leaves where there are 3/, (log, session) => { log.frame(session, { kind: 13, structure: new Map<number, Value>([[1, 2], [2, treeRoot(session.hashes)], [3, 0]]) }); session.isClosed = true }],
  ['a close with another root', 'session.close', /\/3$/, /root is not that/, (log, session) => { log.frame(session, { kind: 13, structure: new Map<number, Value>([[1, 3], [2, Buffer.alloc(32)], [3, 0]]) }); session.isClosed = true }],
  ['a frame after the close', 'session.close', /\/4$/, /after the close/, (log, session) => { log.close(session); log.call(session) }],
  ['an epoch whose close counts its ordinals wrong', 'batch.ordinals', /session/, /gave out 3 ordinals; 2 are on record/, (log, session, node) => {
    log.close(session)
    log.frame(node, { kind: 13, structure: new Map<number, Value>([[1, 1], [2, treeRoot(node.hashes)], [3, 0], [4, 3]]) })
    node.isClosed = true
  }],
  ['a session index without a row', 'index.row', /store\/index.*session/, /frames in this batch and no row/, (log) => { log.bend.rows = (rows) => { rows.pop() } }],
  ['a session index with another root', 'index.row', /store\/index.*session/, /root is not that/, (log) => { log.bend.rows = (rows) => { rows[0]?.set(6, Buffer.alloc(32)) } }],
  ['a session index with another frontier', 'index.row', /store\/index.*session/, /frontier is not that/, (log) => { log.bend.rows = (rows) => { rows[0]?.set(7, []) } }],
  ['a session index that calls an open session closed', 'index.row', /store\/index.*session/, /says closed/, (log) => { log.bend.rows = (rows) => { rows[0]?.set(8, 1) } }],
  ['a session index that is not sorted', 'index.malformed', /store\/index/, /not sorted/, (log) => { log.open(); log.bend.rows = (rows) => { rows.reverse() } }],
  ['a commit that adds a file the format does not know', 'commit.files', /^batch 1, commit/, /exactly README/, (log) => { log.bend.tree = (files) => files.set('notes', Buffer.from('x')) }],
  ['a commit that changes an earlier batch leaf', 'commit.files', /^batch 1, commit/, /changes leaf\/00/, (log) => { log.bend.tree = (files) => files.set('leaf/00/0', Buffer.from('x')) }],
  ['a commit that changes the keys', 'commit.files', /^batch 1, commit/, /changes README\.md or keys/, (log) => { log.bend.tree = (files) => files.set('keys/log.vkey', Buffer.from('x')) }],
  ['a commit that adds two leaves', 'commit.files', /^batch 1, commit/, /leaf\/02/, (log) => { log.bend.tree = (files) => files.set('leaf/02/2', Buffer.from('x')) }],
  ['a commit without the checkpoint in its message', 'checkpoint.malformed', /^commit/, /not a signed note/, (log) => { log.bend.message = () => 'batch 1/1\n\nnothing\n' }],
  ['a commit message that names another batch', 'commit.message', /^commit/, /says batch 9\/9; its leaf says 1\/1/, (log) => { log.bend.message = (text) => text.replace('batch 1/1', 'batch 9/9') }],
  ['a commit with two parents', 'commit.parents', /^commit/, /more than one parent/, (log) => { log.bend.parents = [log.head, log.head] }],
  ['a commit whose parent is no object id', 'commit.shape', /^commit/, /names what is no object id/, (log) => { log.bend.parents = ['zz'] }],
  ['a commit signed by a key that is not allowed', 'commit.signature', /^commit/, /not among the allowed signers/, (log) => { log.bend.seed = 77 }],
  ['a commit signature made for files, not for git', 'commit.signature', /^commit/, /another namespace/, (log) => { log.bend.namespace = 'file' }],
]
for (const [title, code, item, message, bend] of lies) {
  test(`${title} is a false claim, though it is signed`, (t) => { isFalse(t, verify(bent(bend)), code, item, message) })
}

test('the log from which these lies are bent is intact', (t) => {
  t.like(verify(bent(() => {})), { exit: 0, falsities: [], gaps: [] })
})

test('an epoch frame that forgets the batch before it is a false claim', (t) => {
  const log = new SampleLog(fresh())
  log.close(log.startEpoch())
  log.cut(3)
  const kept = log.leaves.splice(0)
  const node = log.startEpoch(1)
  log.leaves.push(...kept)
  log.close(node)
  log.cut(1)
  isFalse(t, verify(log), 'epoch.claim', /session/, /does not name the batch leaf before it/)
})

test('a frame of one node in a batch of another is a false claim', (t) => {
  const log = new SampleLog(fresh())
  log.startEpoch()
  const session = log.open()
  log.cut(1)
  log.call(session)
  log.bend.batchLeaf = (leaf) => leaf.set(2, 'node-2')
  log.cut()
  t.true(verify(log).falsities.some(({ code, item, message }) => code === 'epoch.claim' && item === `batch 1, session ${session.id.toString('hex')}/1` && message === 'it is of node node-1, in a batch of node node-2'))
})

/** Signed by the log's own key, and by that of another log alone. */
function signedByAnother(text: string): string {
  const [body = ''] = text.split('\n\n')
  const id = Buffer.from(otherVkey.split('+')[1] ?? '', 'hex')
  return `${body}\n\n— ${otherName} ${Buffer.concat([id, sign(null, Buffer.from(`${body}\n`), ed25519(41).key)]).toString('base64')}\n`
}
const otherName = 'evidence.example/other'
const otherVkey = vkey(otherName, 1, ed25519(41).raw)

test('who trusts two logs does not take the key of one for the word of the other', (t) => {
  const log = new SampleLog(fresh())
  const trust = log.trust({ log: [log.logVkey, otherVkey] })
  log.close(log.startEpoch())
  log.bend.note = signedByAnother
  log.cut(3)
  isFalse(t, verify(log, { trust }), 'checkpoint.signature', /^commit/, /^the checkpoint of size 1 is not signed by a log key of the trust file$/)
})

test('a log that goes on under the name of another is a false claim, and so is a checkpoint kept of that other', (t) => {
  const log = new SampleLog(fresh())
  const trust = log.trust({ log: [log.logVkey, otherVkey] })
  const node = log.startEpoch()
  log.cut(1)
  const { checkpoint } = log
  log.close(node)
  // All of it is the other's word from here on, and signed as such.
  log.bend.note = (text) => signedByAnother(text.replace(/^.*/, otherName))
  log.cut(3)
  isFalse(t, verify(log, { trust }), 'checkpoint.origin', /^commit/, /^its checkpoint is of another log than the newest one$/)
  isFalse(t, verify(log, { trust, since: checkpoint }), 'since.prefix', /kept by the examiner/, /^the kept checkpoint is of another log$/)
})

test('history cut short is caught by the checkpoint the examiner kept, and by nothing else', (t) => {
  const whole = cleanLog(fresh())
  const short = bent(() => {})
  t.is(verify(short).exit, 0)
  isFalse(t, verify(short, { since: whole.checkpoint }), 'since.prefix', /kept by the examiner/, /has 3 entries; the kept checkpoint has 6: the end was cut off/)
})

test('history rewritten and signed anew by whoever holds the keys is caught by the kept checkpoint', (t) => {
  const told = cleanLog(fresh())
  const rewritten = cleanLog(fresh(), { flavour: 'another story' })
  t.is(verify(rewritten).exit, 0)
  isFalse(t, verify(rewritten, { since: told.checkpoint }), 'since.prefix', /^batch 5$/, /history was rewritten/)
})

test('a kept checkpoint that another key signed is not of this log', (t) => {
  const log = cleanLog(fresh())
  const other = cleanLog(fresh(), { logSeed: 9 })
  isFalse(t, verify(log, { since: other.checkpoint }), 'since.signature', /kept by the examiner/, /not signed by the key of this log/)
})

test('a log signed by a key that the trust file does not name is not the examiner\'s log', (t) => {
  const log = cleanLog(fresh(), { logSeed: 9 })
  isFalse(t, verify(log, { trust: cleanLog(fresh()).trust() }), 'checkpoint.signature', /^commit/, /not signed by a log key of the trust file/)
})

test('a kept checkpoint alone makes exit 0 possible: the record is then proven outside up to it', (t) => {
  const log = cleanLog(fresh())
  t.like(verifyEvidence({ directory: log.directory, since: log.checkpoint, at: later }), { exit: 0, keys: 'kept checkpoint', outside: { kept_size: 6 } })
})

test('what follows the kept checkpoint is a gap only once it is older than max_tail_s', (t) => {
  const log = new SampleLog(fresh())
  const node = log.startEpoch()
  log.cut(1)
  const { checkpoint } = log
  log.close(node)
  log.cut(3)
  t.is(verify(log, { since: checkpoint, at: log.now + 23 * 3_600_000 }).exit, 0)
  isGap(t, verify(log, { since: checkpoint, at: log.now + 25 * 3_600_000 }), 'tail.old', /nothing has been seen outside for 25 h/)
  t.is(verify(log, { since: checkpoint, at: log.now + 25 * 3_600_000, trust: log.trust({ max_tail_s: 100_000 }) }).exit, 0)
})

test('an old tail that was taken out is a gap as well, though what is there instead is young', (t) => {
  const log = new SampleLog(fresh())
  const node = log.startEpoch()
  log.cut(1)
  const { checkpoint } = log
  // What was recorded in thirty days is gone; whoever holds the log's key chose the time of what follows.
  log.now += 30 * 24 * 3_600_000
  log.close(node)
  log.cut(3)
  isGap(t, verify(log, { since: checkpoint, at: log.now + 60_000 }), 'tail.old', /nothing has been seen outside for 30 days: whoever holds the log key could have rewritten or removed what was recorded since/)
})

test('a record that ends with the kept checkpoint is complete up to there, and no longer once that is old', (t) => {
  // Stopped cleanly when the examiner came; what the node recorded after that may have been taken out.
  const log = cleanLog(fresh())
  const since = log.checkpoint
  t.is(verify(log, { since, at: log.now + 23 * 3_600_000 }).exit, 0)
  isGap(t, verify(log, { since, at: log.now + 30 * 24 * 3_600_000 }), 'tail.old', /^the record ends 30 days before the time of this verdict: whoever holds the log key could have removed what was recorded since/)
  t.is(verify(log, { since, at: log.now + 30 * 24 * 3_600_000, trust: log.trust({ max_tail_s: 31 * 86_400 }) }).exit, 0)
})

const witnesses: SampleOptions = { witnesses: [{ name: 'witness.example/one', seed: 31 }, { name: 'witness.example/two', seed: 32 }] }
const witnessKeys = [['witness.example/one', 31], ['witness.example/two', 32], ['witness.example/three', 33]].map(([name, seed]) => vkey(String(name), 4, ed25519(Number(seed)).raw))

test('a quorum of witnesses is counted from cosignatures that hold, by distinct keys', (t) => {
  const log = cleanLog(fresh(), witnesses)
  t.like(verify(log, { trust: log.trust({ witnesses: { quorum: 2, keys: witnessKeys } }) }), { exit: 0, outside: { quorum: 2, witnessed_size: 6, witnesses: ['witness.example/one', 'witness.example/two'] } })
  isGap(t, verify(log, { trust: log.trust({ witnesses: { quorum: 3, keys: witnessKeys } }) }), 'witness.quorum', /no checkpoint has the 3 cosignatures/)
})

test('a trust file that says nothing of witnesses leaves an unwitnessed log incomplete', (t) => {
  const log = cleanLog(fresh())
  isGap(t, verify(log, { trust: JSON.stringify({ log: [log.logVkey], allowed_signers: log.allowedSigners() }) }), 'witness.none', /WITNESSED BY 0/)
})

test('a cosignature that does not hold is a false claim, not a missing one', (t) => {
  const log = cleanLog(fresh(), witnesses)
  const witness = vkey('witness.example/one', 4, ed25519(31).raw)
  const bad = new SampleLog(fresh(), witnesses)
  const node = bad.startEpoch()
  bad.close(node)
  bad.bend.note = (text) => { const lines = text.split('\n'); const at = lines.findIndex((line) => line.startsWith('— witness.example/one')); lines[at] = `${lines[at]!.slice(0, -8)}AAAAAAA=`; return lines.join('\n') }
  bad.cut(3)
  t.is(verify(log, { trust: log.trust({ witnesses: { quorum: 1, keys: [witness] } }) }).exit, 0)
  isFalse(t, verify(bad, { trust: bad.trust({ witnesses: { quorum: 1, keys: [witness] } }) }), 'checkpoint.signature', /^commit/, /cosignature of witness\.example\/one .* is false/)
})

test('an epoch without a close is a gap, unless it is the newest and its last batch is young', (t) => {
  const log = new SampleLog(fresh())
  log.startEpoch()
  log.cut(1)
  log.call(log.open())
  log.cut()
  t.like(verify(log, { at: log.now + 29_000 }), { exit: 0, open: { sessions: 2 } })
  isGap(t, verify(log, { at: log.now + 31_000 }), 'epoch.open', /no close, and its last batch is 31 s old/)
  t.is(verify(log, { at: log.now + 31_000, trust: log.trust({ max_age_s: 60 }) }).exit, 0)
  const second = log.startEpoch(2)
  log.close(second)
  log.cut(1)
  const verdict = verify(log)
  isGap(t, verdict, 'epoch.lost', /no close and no later epoch/)
  isGap(t, verdict, 'session.open', /no close, and epoch 1 of node-1 is over/)
})

test('a call without an outcome in a closed session is a gap, and recovery names it or it stays one', (t) => {
  const build = (isRecovered: boolean): SampleLog => {
    const log = new SampleLog(fresh())
    const node = log.startEpoch()
    const session = log.open()
    const seq = log.frame(session, { kind: 2, contents: { 7: '{}', 8: '{}' } })
    log.close(session, 4)
    if (isRecovered) log.frame(node, { kind: 12, structure: new Map<number, Value>([[1, session.id], [2, seq]]) })
    log.close(node)
    log.cut(3)
    return log
  }
  isGap(t, verify(build(false)), 'intent.open', /no outcome and no recovery names it/)
  t.like(verify(build(true)), { exit: 0, checked: { recovered: 1 } })
})

test('a clock that steps back within a session is told, and is no lie', (t) => {
  const log = bent((l, session) => { l.frame(session, { kind: 10, time: start - 5000 }) })
  t.like(verify(log), { exit: 0, checked: { clockSteps: 1 } })
})

test('a frame that is dated before the batch before it, or after its own, is told', (t) => {
  const log = bent((l, session) => {
    l.frame(session, { kind: 10, time: l.now + 62_000 })
    l.frame(session, { kind: 10, time: start - 3 * 365 * 86_400_000 })
    l.frame(session, { kind: 10, time: start - 55_000 })
  })
  const verdict = verify(log)
  t.like(verdict, { exit: 0, checked: { clockSteps: 1, timedElsewhere: 2 } })
  t.regex(writeReport(verdict, false), /2 frames timed more than 60 s before the last batch or after their own: when is the batch's word/)
})

test('a log without a commit is incomplete, and false under any kept checkpoint', (t) => {
  const log = new SampleLog(fresh())
  isGap(t, verify(log), 'log.empty', /no commit/)
  isFalse(t, verify(log, { since: cleanLog(fresh()).checkpoint }), 'since.prefix', /log\.git/, /the log is empty/)
})

test('a branch taken out of the repository is incomplete, and false under a kept checkpoint', (t) => {
  const log = cleanLog(fresh())
  rmSync(join(log.directory, 'log.git', 'refs', 'heads', 'main'))
  t.is(verify(log).exit, 3)
  t.is(verify(log, { since: log.checkpoint }).exit, 1)
  writeFileSync(join(log.directory, 'log.git', 'refs', 'heads', 'main'), 'nonsense\n')
  isFalse(t, verify(log), 'git.ref', /refs\/heads\/main/, /does not hold a commit id/)
})

test('a body dropped from its index is caught without any key', (t) => {
  const log = cleanLog(fresh())
  writeFileSync(join(log.directory, 'store', 'body-index', '1.cbor'), cbor(new Map<number, Value>([[1, 1], [2, []]])))
  isFalse(t, verify(log), 'body.missing', /^batch 1, session [0-9a-f]{32}\/0$/, /commits to content, and no box holds it/)
})

test('a body index that names one object twice is a false claim', (t) => {
  const log = cleanLog(fresh())
  const file = join(log.directory, 'store', 'body-index', '1.cbor')
  const [name] = (readCbor(readFileSync(file)) as Map<number, Uint8Array[]>).get(2) ?? []
  writeFileSync(file, cbor(new Map<number, Value>([[1, 1], [2, [name!, name!]]])))
  isFalse(t, verify(log), 'body.index', /^batch 1, store\/body-index\/1\.cbor$/, /^a name is in it twice$/)
})

test('boxes that no frame can be in are a false claim, and are not kept', (t) => {
  const log = cleanLog(fresh())
  const store = join(log.directory, 'store')
  const file = (bytes: Uint8Array): string => join(store, 'bodies', Buffer.from(bytes).toString('hex').slice(0, 2), `${Buffer.from(bytes).toString('hex')}.cborseq`)
  const [name] = (readCbor(readFileSync(join(store, 'body-index', '1.cbor'))) as Map<number, Uint8Array[]>).get(2) ?? []
  const bytes = Buffer.concat(Array.from({ length: 12 }, () => readFileSync(file(name!))))
  mkdirSync(dirname(file(sha256(bytes))), { recursive: true })
  writeFileSync(file(sha256(bytes)), bytes)
  writeFileSync(join(store, 'body-index', '1.cbor'), cbor(new Map<number, Value>([[1, 1], [2, [sha256(bytes)]]])))
  isFalse(t, verify(log), 'body.box', /^batch 1, store\/body-index/, /^session [0-9a-f]{32} has more boxes than frames with content in this batch$/)
})

test('a body put away for a box under a key that nobody has is a false claim, with the session\'s keys and without any', (t) => {
  const log = cleanLog(fresh())
  const session = [...log.sessions.values()][1]!
  const store = join(log.directory, 'store')
  const [name] = (readCbor(readFileSync(join(store, 'body-index', '1.cbor'))) as Map<number, Uint8Array[]>).get(2) ?? []
  const file = (bytes: Uint8Array): string => join(store, 'bodies', Buffer.from(bytes).toString('hex').slice(0, 2), `${Buffer.from(bytes).toString('hex')}.cborseq`)
  const bytes = readFileSync(file(name!))
  bytes.fill(7, bytes.indexOf(session.keyId), bytes.indexOf(session.keyId) + 16)
  mkdirSync(dirname(file(sha256(bytes))), { recursive: true })
  writeFileSync(file(sha256(bytes)), bytes)
  writeFileSync(join(store, 'body-index', '1.cbor'), cbor(new Map<number, Value>([[1, 1], [2, [sha256(bytes)]]])))
  for (const keys of [undefined, parseSessionKeys(log.keysFile())]) isFalse(t, verify(log, keys === undefined ? {} : { keys }), 'body.box', /^batch 1, session [0-9a-f]{32}\/0$/, /under another key than its session names/)
})

const wrongTrust: readonly (readonly [text: string, message: RegExp])[] = [
  ['{', /not JSON/],
  ['[]', /expected an object/],
  ['{}', /log: expected a list/],
  ['{"log":[]}', /log: expected at least one/],
  ['{"log":[1]}', /log\[0\]: expected a text/],
  ['{"log":["x"]}', /log\[0\]: a verifier key is/],
  [JSON.stringify({ log: [vkey('a', 4, ed25519(1).raw)] }), /log\[0\]: expected a key of type Ed25519/],
  [JSON.stringify({ log: [vkey('a', 1, ed25519(1).raw)], loq: 1 }), /loq: unknown member/],
  [JSON.stringify({ log: [vkey('a', 1, ed25519(1).raw)], witnesses: { quorum: 1, keys: [] } }), /witnesses\.quorum: more than there are keys/],
  [JSON.stringify({ log: [vkey('a', 1, ed25519(1).raw)], witnesses: { quorum: 2, keys: [vkey('b', 4, ed25519(2).raw), vkey('c', 4, ed25519(2).raw)] } }), /witnesses\.keys: a key is there twice/],
  [JSON.stringify({ log: [vkey('a', 1, ed25519(1).raw)], witnesses: { quorum: -1 } }), /witnesses\.quorum: expected a whole number/],
  [JSON.stringify({ log: [vkey('a', 1, ed25519(1).raw)], max_age_s: '3' }), /max_age_s: expected a whole number/],
  [JSON.stringify({ log: [vkey('a', 1, ed25519(1).raw)], allowed_signers: 'x ssh-ed25519 AAAA' }), /allowed_signers: allowed_signers line 1/],
]
for (const [text, message] of wrongTrust) {
  test(`a trust file is refused with the path of what is wrong: ${message.source}`, (t) => {
    const { directory } = bent(() => {})
    t.throws(() => verifyEvidence({ directory, trust: text, at: later }), { instanceOf: CannotRun, message })
  })
}

test('the generator hashes as the format says: a leaf and its tree by hand', (t) => {
  t.deepEqual(treeRoot([leafHash(Buffer.of(1))]), sha256(Buffer.of(0, 1)))
})
