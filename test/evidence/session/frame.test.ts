import { createSecretKey, randomBytes } from 'node:crypto'
import test from 'ava'
import { putBox, openBox } from '../../../evidence/session/box.ts'
import { decode, decodeSequence, encode, type CborValue } from '../../../evidence/session/cbor.ts'
import { bodyRoom, Committer, contentLength } from '../../../evidence/session/commitment.ts'
import { frameKind, hashLeaf, leafRoom, parseLeaf, putLeaf, type FrameContent } from '../../../evidence/session/frame.ts'
import { leafHash, sha256 } from '../../../evidence/tlog/hash.ts'
import { hasCode, intent, leafOf } from '../journal-kit.ts'

const session = new Uint8Array(16).fill(7)
const previous = new Uint8Array(32).fill(9)

function commit(committer: Committer, seq: number, frame: FrameContent) {
  const target = Buffer.alloc(40 + bodyRoom(contentLength(frame.request) + contentLength(frame.decision) + contentLength(frame.result)))
  const commitments = committer.commit(target, 40, seq, frame)
  const bytesOf = (digest: string | undefined) => Buffer.from(digest!, 'latin1')
  return { commitments, bytesOf, item: Uint8Array.from(target.subarray(40, committer.end)) }
}

test('a leaf is the deterministic encoding of its members, and its hash is that of RFC 6962', (t) => {
  const numbers = new Map([[1, 0], [2, 300], [24, 2 ** 40]])
  for (const structure of [new Map<number, CborValue>([[1, 0], [2, 'text'], [3, new Uint8Array(16)]]), numbers, new Map([[2, 1], [1, 2]]), new Map([[1, -1]]), new Map()]) {
    for (const seq of [0, 23, 24, 255, 256, 65_536, 2 ** 32]) {
      const { commitments, bytesOf } = commit(new Committer(), seq, intent)
      const target = Buffer.alloc(100 + leafRoom, 0xff)
      const end = putLeaf(target, 100, session, seq, Buffer.from(previous).toString('latin1'), { ...intent, ref: seq, structure }, commitments)
      const hash = Buffer.from(hashLeaf(target, 100, end), 'latin1')
      const leaf = Uint8Array.from(target.subarray(101, end))
      const members = new Map<number, CborValue>([[1, 1], [2, session], [3, seq], [4, intent.time], [5, intent.kind], [6, previous], [7, bytesOf(commitments.request)], [8, bytesOf(commitments.decision)],
        [10, intent.decisionId!], [11, intent.bundle!], [12, seq], [13, structure]])
      t.is(Buffer.compare(leaf, encode(members)), 0)
      t.is(Buffer.compare(hash, leafHash(leaf)), 0)
      t.is(parseLeaf(leaf).seq, seq)
    }
  }
})

test('a commitment opens with its salt and content, and with nothing else', (t) => {
  for (const size of [0, 1, 23, 24, 255, 256, 65_535, 65_536, 100_000]) {
    const content = randomBytes(size)
    const { commitments, bytesOf, item } = commit(new Committer(), 5, { kind: frameKind.outcome, time: 1, result: content, request: content })
    const opened = decode(item) as Map<number, [Uint8Array, Uint8Array]>
    t.is(Buffer.compare(encode(opened), item), 0)
    for (const [label, commitment] of [[7, bytesOf(commitments.request)], [9, bytesOf(commitments.result)]] as const) {
      const [salt, held] = opened.get(label)!
      t.is(salt.length, 16)
      t.is(Buffer.compare(held, content), 0)
      t.is(Buffer.compare(sha256(encode([salt, label, held])), commitment), 0)
    }
    t.not(Buffer.compare(opened.get(7)![0], opened.get(9)![0]), 0)
    t.is(commitments.decision, undefined)
  }
})

test('a text is recorded as the bytes that it is sent as', (t) => {
  for (const text of ['', 'plain', 'Zoë', '数据', '\u{1f512}'.repeat(70), 'half a pair \ud83d', 'é'.repeat(40_000)]) {
    const { commitments, bytesOf, item } = commit(new Committer(), 5, { kind: frameKind.refusal, time: 1, request: text })
    const [salt, held] = (decode(item) as Map<number, [Uint8Array, Uint8Array]>).get(7)!
    t.is(Buffer.compare(held, Buffer.from(text)), 0)
    t.is(Buffer.compare(sha256(encode([salt, 7, held])), bytesOf(commitments.request)), 0)
  }
})

test('no two of ten thousand salts are the same', (t) => {
  const committer = new Committer()
  const salts = new Set<string>()
  for (let i = 0; i < 10_000; i++) {
    const item = decode(commit(committer, i, { kind: frameKind.outcome, time: 1, result: new Uint8Array(1) }).item) as Map<number, [Uint8Array]>
    salts.add(Buffer.from(item.get(9)![0]).toString('hex'))
  }
  t.is(salts.size, 10_000)
})

test('a frame without content has no body', (t) => {
  const { commitments, item } = commit(new Committer(), 5, { kind: frameKind.close, time: 1 })
  t.deepEqual(commitments, {})
  t.is(item.length, 0)
})

test('a box opens under its key only, and only as the box it was made as', (t) => {
  const key = { id: randomBytes(16), key: createSecretKey(randomBytes(32)) }
  const items = [3, 4].map((seq) => ({ block: Buffer.from([0xff, 0xff, ...encode(new Map([[1, seq]])), 0xff]), itemStart: 2, itemEnd: 5 }))
  const target = Buffer.alloc(1000)
  const box = Uint8Array.from(target.subarray(10, putBox(target, 10, session, key, 258, 3, 4, items)))
  t.is(Buffer.compare(encode(decode(Uint8Array.from(box))), box), 0)
  t.deepEqual([...(decode(Uint8Array.from(box)) as Map<number, Uint8Array>).get(6)!], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2])
  t.deepEqual(decodeSequence(openBox(Uint8Array.from(box), key.key)), [new Map([[1, 3]]), new Map([[1, 4]])])
  hasCode(t, t.throws(() => openBox(Uint8Array.from(box), createSecretKey(randomBytes(32)))), 'ERR_EVIDENCE_CORRUPT', /does not open/)
  for (const [label, value] of [[2, new Uint8Array(16)], [4, 2], [5, 5]] as const) {
    const changed = encode(new Map([...(decode(Uint8Array.from(box)) as Map<number, CborValue>)].map(([key, old]) => [key, key === label ? value : old])))
    hasCode(t, t.throws(() => openBox(changed, key.key)), 'ERR_EVIDENCE_CORRUPT', /does not open/)
  }
})

test('a member of the wrong size is refused before it is hashed', (t) => {
  for (const [more, message] of [[{ decisionId: new Uint8Array(15) }, /decision id/], [{ bundle: new Uint8Array(31) }, /bundle digest/], [{ ref: -1 }, /whole numbers/], [{ time: 0.5 }, /whole numbers/],
    [{ structure: new Map([[1, 'x'.repeat(4096)]]) }, /longer than 4096/]] as const) {
    hasCode(t, t.throws(() => leafOf(session, 0, previous, { ...intent, ...more })), 'ERR_EVIDENCE_FRAME', message)
  }
})
