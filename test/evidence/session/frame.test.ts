import { createSecretKey, randomBytes } from 'node:crypto'
import test from 'ava'
import { putBox, openBox } from '../../../evidence/session/box.ts'
import { decode, decodeSequence, encode, type CborValue } from '../../../evidence/session/cbor.ts'
import { Committer } from '../../../evidence/session/commitment.ts'
import { encodeLeaf, frameKind, parseLeaf } from '../../../evidence/session/frame.ts'
import { leafHash, sha256 } from '../../../evidence/tlog/hash.ts'
import { hasCode, intent } from '../journal-kit.ts'

const session = new Uint8Array(16).fill(7)
const previous = new Uint8Array(32).fill(9)

test('a leaf is the deterministic encoding of its members, and its hash is that of RFC 6962', (t) => {
  const structure = new Map<number, CborValue>([[1, 0], [2, 'text'], [3, new Uint8Array(16)]])
  for (const seq of [0, 23, 24, 255, 256, 65_536, 2 ** 32]) {
    const { commitments } = new Committer().commit(seq, intent)
    const { leaf, hash } = encodeLeaf(session, seq, previous, { ...intent, ref: seq, structure }, commitments)
    const members = new Map<number, CborValue>([[1, 1], [2, session], [3, seq], [4, intent.time], [5, intent.kind], [6, previous], [7, commitments.request!], [8, commitments.decision!],
      [10, intent.decisionId!], [11, intent.bundle!], [12, seq], [13, structure]])
    t.is(Buffer.compare(leaf, encode(members)), 0)
    t.is(Buffer.compare(hash, leafHash(leaf)), 0)
    t.is(parseLeaf(Uint8Array.from(leaf)).seq, seq)
  }
})

test('a commitment opens with its salt and content, and with nothing else', (t) => {
  for (const size of [0, 1, 23, 24, 255, 256, 65_535, 65_536, 100_000]) {
    const content = randomBytes(size)
    const { commitments, item } = new Committer().commit(5, { kind: frameKind.outcome, time: 1, result: content, request: content })
    const opened = decode(item!) as Map<number, [Uint8Array, Uint8Array]>
    t.is(Buffer.compare(encode(opened), item!), 0)
    for (const [label, commitment] of [[7, commitments.request!], [9, commitments.result!]] as const) {
      const [salt, held] = opened.get(label)!
      t.is(salt.length, 16)
      t.is(Buffer.compare(sha256(encode([salt, label, held])), commitment), 0)
    }
    t.not(Buffer.compare(opened.get(7)![0], opened.get(9)![0]), 0)
    t.is(commitments.decision, undefined)
  }
})

test('no two of ten thousand salts are the same', (t) => {
  const committer = new Committer()
  const salts = new Set<string>()
  for (let i = 0; i < 10_000; i++) {
    const item = decode(committer.commit(i, { kind: frameKind.outcome, time: 1, result: new Uint8Array(1) }).item!) as Map<number, [Uint8Array]>
    salts.add(Buffer.from(item.get(9)![0]).toString('hex'))
  }
  t.is(salts.size, 10_000)
})

test('a frame without content has no body', (t) => {
  t.deepEqual(new Committer().commit(5, { kind: frameKind.close, time: 1 }), { commitments: {}, item: undefined })
})

test('a box opens under its key only, and only as the box it was made as', (t) => {
  const key = { id: randomBytes(16), key: createSecretKey(randomBytes(32)) }
  const items = [encode(new Map([[1, 3]])), encode(new Map([[1, 4]]))]
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
    hasCode(t, t.throws(() => encodeLeaf(session, 0, previous, { ...intent, ...more }, {})), 'ERR_EVIDENCE_FRAME', message)
  }
})
