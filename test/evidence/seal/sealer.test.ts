// The real sealer process on a journal: what it seals, what it says, what it refuses.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { LogReader } from '../../../evidence/repository/read.ts'
import { Store } from '../../../evidence/repository/store.ts'
import { SealerState } from '../../../evidence/seal/state.ts'
import { decodeSequence } from '../../../evidence/session/cbor.ts'
import { segmentPath } from '../../../evidence/session/reader.ts'
import { openCheckpoint } from '../../../evidence/tlog/checkpoint.ts'
import { leafHash } from '../../../evidence/tlog/hash.ts'
import { parseBatchLeaf } from '../../../evidence/tlog/leaf.ts'
import { parseVerifierKey } from '../../../evidence/tlog/note.ts'
import { treeRoot } from '../../../evidence/tlog/tree.ts'
import { SessionFixture } from './journal-fixture.ts'
import { evidenceBytes, folders, git, gitAccepts, overwrite, run, smallJournal } from './sealer-fixture.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('a journal becomes one signed commit per cut, which stock git accepts', async (t) => {
  const config = folders(t)
  const { journal, sessions: [node, call, long] } = smallJournal(config)
  const { sealed, recovered, done, exit } = await run(config, journal.sync())
  t.is(exit, 'exit 0')
  t.deepEqual(sealed.map(({ epoch, number, size }) => [epoch, number, size]), [[1, 0, 1], [1, 1, 2], [1, 2, 3], [1, 3, 4]])
  t.deepEqual(done, [1, 2])
  gitAccepts(t, config, 4)
  git(config, 'verify-commit', 'main')
  t.is(git(config, 'log', '-1', '--format=%s%n%n%b|%an <%ae> %at %ct', 'main'), `batch 1/3\n\n${sealed[3]!.checkpoint}|countersign <sealer@n1> 1700000040 1700000040\n`)
  t.deepEqual(git(config, 'show', '--format=', '--name-status', 'main').trim().split('\n'), ['M\tcheckpoint', 'A\tleaf/03/3'])
  t.deepEqual(git(config, 'show', '--format=', '--name-status', 'main~3').trim().split('\n'), ['A\tREADME.md', 'A\tcheckpoint', 'A\tkeys/allowed_signers', 'A\tkeys/log.vkey', 'A\tleaf/00/0'])

  t.deepEqual(recovered && { ...recovered, sessions: recovered.sessions.length }, {
    lastBatch: 3, previousBatchLeaf: recovered!.previousBatchLeaf, epoch: 1, clean: true, nextBatch: 4, time: 1_700_000_040_000, segment: 3, sessions: 2,
  })
  t.like(recovered!.sessions.find(({ id }) => id === hex(node!.id)), { isNode: true, ordinals: 3, count: 1, ordinal: 0, openIntents: [] })
  t.like(recovered!.sessions.find(({ id }) => id === hex(long!.id)), { isNode: false, ordinals: 0, count: 4, ordinal: 2, openIntents: [1], root: hex(long!.tree.root()), last: hex(long!.previous), frontier: long!.tree.frontier.map(hex) })
  t.is(recovered!.sessions.some(({ id }) => id === hex(call!.id)), false)
})

test('every frame is in the store, under a root and an index that its batch leaf commits to', async (t) => {
  const config = folders(t)
  const { journal, frames, sessions } = smallJournal(config)
  const { sealed, recovered } = await run(config, journal.sync())
  const reader = new LogReader(config.evidence)
  const head = (await reader.head())!
  const key = parseVerifierKey(readFileSync(path.join(config.sealer, 'log.vkey'), 'utf8').trimEnd())
  const store = new Store(config.evidence)
  const leaves: Uint8Array[] = []
  let sum = 0
  let previous: Uint8Array = new Uint8Array(32)
  for (let i = 0; i < 4; i++) {
    const bytes = await reader.leaf(head.tree, i)
    leaves.push(leafHash(bytes))
    const leaf = parseBatchLeaf(bytes)
    t.deepEqual(Buffer.from(leaf.previous), Buffer.from(previous))
    previous = leafHash(bytes)
    t.is(openCheckpoint(sealed[i]!.checkpoint, key).size, i + 1)
    t.is(hex(openCheckpoint(sealed[i]!.checkpoint, key).root), hex(treeRoot(leaves)))
    sum += leaf.frames
    const rows = decodeSequence(store.get('index', leaf.index)) as Map<number, unknown>[]
    t.is(rows.reduce((count, row) => count + Number(row.get(4)) - Number(row.get(3)) + 1, 0), leaf.frames)
    t.is(decodeSequence(store.get('leaves', leaf.leaves)).length, leaf.frames)
    for (const name of store.bodyIndex(i)) t.true(store.get('bodies', name).length > 0)
  }
  t.is(sum, frames)
  t.is(recovered!.previousBatchLeaf, hex(previous))
  const last = decodeSequence(store.get('index', parseBatchLeaf(await reader.leaf(head.tree, 3)).index)) as Map<number, unknown>[]
  t.is(last.length, 2)
  // Sorted by session; the closed one says so, and its root is that of all its leaves.
  t.deepEqual(last.map((row) => [hex(row.get(1) as Uint8Array), row.get(3), row.get(4), row.get(5), hex(row.get(6) as Uint8Array), row.get(8), row.get(9)]),
    [[hex(sessions[1]!.id), 3, 5, 6, hex(sessions[1]!.tree.root()), 1, 1], [hex(sessions[2]!.id), 1, 3, 4, hex(sessions[2]!.tree.root()), 0, 2]])
})

test('keys are for the owner\'s eyes only and never below the evidence', async (t) => {
  const config = folders(t)
  await run(config, smallJournal(config).journal.sync())
  for (const name of ['log.key', 'commit.key']) t.is(statSync(path.join(config.sealer, name)).mode & 0o777, 0o600)
  t.is(statSync(config.sealer).mode & 0o777, 0o700)
  t.is(Object.keys(evidenceBytes(config)).some((name) => name.endsWith('.key')), false)
  t.is(git(config, 'show', 'main:keys/log.vkey'), readFileSync(path.join(config.sealer, 'log.vkey'), 'utf8'))
  t.is(git(config, 'show', 'main:keys/allowed_signers'), readFileSync(path.join(config.sealer, 'allowed_signers'), 'utf8'))
})

test('a frame behind the last durable cut is not sealed, and a second run with nothing new changes no byte', async (t) => {
  const config = folders(t)
  const { journal, sessions } = smallJournal(config)
  journal.newEpoch()
  const node = new SessionFixture(9)
  journal.write([node.epoch(journal), sessions[2]!.outcome(1)])
  const early = journal.sync()
  const first = await run(config, early)
  t.is(first.sealed.length, 4)
  t.is(first.recovered!.sessions.find(({ isNode }) => !isNode)!.count, 4)
  const before = evidenceBytes(config)
  const again = await run(config, early)
  t.deepEqual(again, { ...first, sealed: [], done: [1, 2], exit: 'exit 0' })
  t.deepEqual(evidenceBytes(config), before)
  journal.cut(2)
  const third = await run(config, journal.sync())
  t.deepEqual(third.sealed.map(({ epoch, number, size }) => [epoch, number, size]), [[2, 0, 5]])
  gitAccepts(t, config, 5)
})

test('recovery frames and abandoned closes of a later epoch end what an earlier one left open', async (t) => {
  const config = folders(t)
  const { journal, sessions } = smallJournal(config)
  journal.newEpoch()
  const node = new SessionFixture(9)
  journal.write([node.epoch(journal), node.recovery(sessions[2]!, 1)])
  journal.cut(2)
  const { recovered } = await run(config, journal.sync())
  t.like(recovered!.sessions.find(({ id }) => id === hex(sessions[2]!.id)), { count: 4, openIntents: [] })
  journal.write([sessions[2]!.close(), sessions[0]!.close()])
  journal.cut()
  const later = await run(config, journal.sync())
  t.deepEqual(later.recovered!.sessions.map(({ id }) => id), [hex(node.id)])
  t.like(later.recovered!, { epoch: 2, nextBatch: 2, clean: false, lastBatch: 5 })
})

test('the same journal under the same keys gives the same bytes, in one run or in many', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  // Keys first, then the same keys for both.
  await run(config, { segment: 0, offset: 0 })
  const other = { ...folders(t), journal: config.journal }
  cpSync(config.sealer, other.sealer, { recursive: true })
  await run(config, journal.sync())
  for (const place of [{ segment: 1, offset: 64 }, { segment: 2, offset: 64 }, { segment: 3, offset: 64 }, journal.sync()]) t.is((await run(other, place)).exit, 'exit 0')
  t.deepEqual(evidenceBytes(other), evidenceBytes(config))
})

test('a second sealer on one log is refused', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  const held = new SealerState(config.sealer)
  t.teardown(() => { held.close() })
  const { exit, sealed } = await run(config, journal.sync())
  t.is(exit, 'exit 1: ERR_EVIDENCE_LOCKED: another sealer holds this log')
  t.deepEqual(sealed, [])
  t.false(existsSync(config.evidence))
})

test('a repository restored from an older copy is refused: it would fork the log', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  await run(config, { segment: 2, offset: 64 })
  const copy = `${config.evidence}.copy`
  cpSync(config.evidence, copy, { recursive: true })
  await run(config, journal.sync())
  rmSync(config.evidence, { recursive: true })
  cpSync(copy, config.evidence, { recursive: true })
  const { exit } = await run(config, journal.sync())
  t.is(exit, 'exit 1: ERR_EVIDENCE_BEHIND: the repository holds 2 batches, but 4 were signed: an older copy would fork the log')
})

test('a store that lacks what was signed is refused', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  await run(config, journal.sync())
  rmSync(path.join(config.evidence, 'store', 'index'), { recursive: true })
  const { exit } = await run(config, journal.sync())
  t.is(exit, 'exit 1: ERR_EVIDENCE_BEHIND: the store lacks the leaves or the index of batch 3, which was signed')
})

test('another log in the place of this one is refused', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  const other = folders(t)
  await run(config, journal.sync())
  await run(other, smallJournal(other).journal.sync())
  rmSync(config.evidence, { recursive: true })
  cpSync(other.evidence, config.evidence, { recursive: true })
  t.is((await run(config, journal.sync())).exit, 'exit 1: ERR_TLOG_SIGNATURE: the note is signed by no known key')
})

test('a key of another node, a malformed key and a missing key are refused by name', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  await run(config, journal.sync())
  t.regex((await run({ ...config, node: 'n2' }, journal.sync())).exit, /^exit 1: ERR_EVIDENCE_KEY: the log's key is that of countersign\/n1\/[0-9a-f]{8}, not of node n2$/)
  overwrite(path.join(config.sealer, 'log.key'), 60, Buffer.from('*'))
  t.is((await run(config, journal.sync())).exit, 'exit 1: ERR_EVIDENCE_KEY: log.key is malformed')
  rmSync(path.join(config.sealer, 'log.key'))
  t.is((await run(config, journal.sync())).exit, 'exit 1: ERR_EVIDENCE_KEY: log.key cannot be read')
  t.is((await run({ ...folders(t), node: 'N 1' }, { segment: 0, offset: 0 })).exit, 'exit 1: ERR_EVIDENCE_KEY: the node name must be 1 to 64 of a-z, 0-9, dot and hyphen')
})

test('a lost state is taken over from repository and store, every batch made again', async (t) => {
  const config = folders(t)
  const { journal, sessions } = smallJournal(config)
  const first = await run(config, journal.sync())
  const before = evidenceBytes(config)
  for (const name of readdirSync(config.sealer)) if (name.startsWith('state.db')) rmSync(path.join(config.sealer, name))
  const second = await run(config, journal.sync())
  t.is(second.exit, 'exit 0')
  t.deepEqual({ ...second.recovered, sessions: [...second.recovered!.sessions].sort((a, b) => (a.id < b.id ? -1 : 1)) }, { ...first.recovered, sessions: [...first.recovered!.sessions].sort((a, b) => (a.id < b.id ? -1 : 1)) })
  t.deepEqual(evidenceBytes(config), before)
  journal.write([sessions[2]!.outcome(1)])
  journal.cut()
  t.deepEqual((await run(config, journal.sync())).sealed.map(({ size }) => size), [5])
})

test('a state that was lost together with leaves of the store is refused', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  await run(config, journal.sync())
  for (const name of readdirSync(config.sealer)) if (name.startsWith('state.db')) rmSync(path.join(config.sealer, name))
  rmSync(path.join(config.evidence, 'store', 'leaves'), { recursive: true })
  t.regex((await run(config, journal.sync())).exit, /^exit 1: ERR_EVIDENCE_NOT_FOUND: the store lacks leaves object [0-9a-f]{64}$/)
})

test('a flipped bit in a durable part of the journal stops the sealer, naming the segment', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  overwrite(segmentPath(config.journal, 2), 64 + 40, Buffer.of(0xff))
  const { exit, sealed } = await run(config, journal.sync())
  t.is(exit, 'exit 1: ERR_EVIDENCE_CORRUPT: journal segment 2 lacks a whole record at 64, where one was durable')
  t.is(sealed.length, 2)
  gitAccepts(t, config, 2)
})

test('a missing segment, a malformed header and a place beyond the journal stop the sealer', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  const place = journal.sync()
  t.is((await run(config, { ...place, offset: place.offset + 64 })).exit, `exit 1: ERR_EVIDENCE_CORRUPT: journal segment 3 lacks a whole record at ${place.offset}, where one was durable`)
  const other = folders(t)
  const { journal: second } = smallJournal(other)
  rmSync(segmentPath(other.journal, 2))
  t.is((await run(other, second.sync())).exit, 'exit 1: ERR_EVIDENCE_CORRUPT: journal segment 2 is missing')
  const third = folders(t)
  const { journal: last } = smallJournal(third)
  overwrite(segmentPath(third.journal, 1), 9, Buffer.of(1))
  t.is((await run(third, last.sync())).exit, 'exit 1: ERR_EVIDENCE_CORRUPT: journal segment 1 has a malformed header')
})

test('leaves out of order and cuts out of order stop the sealer before anything of theirs is signed', async (t) => {
  const config = folders(t)
  const { journal, sessions } = smallJournal(config)
  sessions[2]!.intent()
  journal.write([sessions[2]!.intent()])
  journal.cut()
  const first = await run(config, journal.sync())
  t.is(first.exit, 'exit 1: ERR_EVIDENCE_CORRUPT: leaf 5 of session 00000000000000000000000000000003 does not follow the one before it')
  t.is(first.sealed.length, 4)
  const other = folders(t)
  const { journal: skipping } = smallJournal(other)
  skipping.number++
  skipping.cut()
  t.is((await run(other, skipping.sync())).exit, 'exit 1: ERR_EVIDENCE_CORRUPT: the journal cuts batch 1/5 behind batch 1/3')
})

test('a journal that was lost and begun anew in a later epoch goes on in the same log', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  await run(config, journal.sync())
  rmSync(config.journal, { recursive: true })
  const fresh = folders(t)
  const { journal: again } = smallJournal({ ...fresh })
  again.newEpoch()
  again.write([new SessionFixture(50).epoch(again)])
  again.cut(2)
  const place = again.sync()
  for (const segment of [1, 2, 3]) rmSync(segmentPath(fresh.journal, segment))
  const { sealed, exit } = await run({ ...config, journal: fresh.journal }, place)
  t.is(exit, 'exit 0')
  t.deepEqual(sealed.map(({ epoch, number, size }) => [epoch, number, size]), [[2, 0, 5]])
})

test('the sealer refuses to be told anything but places', async (t) => {
  const config = folders(t)
  t.is((await run(config, { segment: -1, offset: 0 })).exit, 'exit 1: ERR_EVIDENCE_SEALER: the sealer was told something that is not a place')
})
