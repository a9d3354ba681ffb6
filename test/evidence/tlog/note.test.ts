// Signed notes, checkpoints and proofs: each form read back, and every deviation refused.
import test, { type ExecutionContext } from 'ava'
import { openCheckpoint, parseCheckpoint, parseDecimal, signCheckpoint, writeCheckpoint } from '../../../evidence/tlog/checkpoint.ts'
import { leafHash } from '../../../evidence/tlog/hash.ts'
import { proveInclusion } from '../../../evidence/tlog/inclusion.ts'
import { maxNoteBytes, openNote, parseNote, parseVerifierKey, signNote, verifierOf, writeVerifierKey } from '../../../evidence/tlog/note.ts'
import { parseTlogProof, verifyTlogProof, writeTlogProof } from '../../../evidence/tlog/proof.ts'
import { treeRoot } from '../../../evidence/tlog/tree.ts'

const seed = Buffer.alloc(32, 7)
const origin = 'countersign/bank/0a1b2c3d'
const key = verifierOf(origin, seed)
const stranger = verifierOf('stranger', Buffer.alloc(32, 9))
const text = 'hello\n'
const note = signNote(text, origin, seed)
const root = Buffer.alloc(32, 5)
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

function refuses(t: ExecutionContext, code: string, message: string, act: () => unknown): void {
  t.like(t.throws(act), { code, message })
}

test('the published example of a signed note by a well-known key is opened', (t) => {
  // The key and note in the documentation of Go's golang.org/x/mod/sumdb/note.
  const known = parseVerifierKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')
  const example = 'If you think cryptography is the answer to your problem,\nthen you don\'t know what your problem is.\n\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n'
  t.is(openNote(example, [known]).text, 'If you think cryptography is the answer to your problem,\nthen you don\'t know what your problem is.\n')
})

test('a note opens for its key, and a verifier key is read back as written', (t) => {
  t.is(openNote(note, [stranger, key]).text, text)
  t.deepEqual(parseVerifierKey(writeVerifierKey(key)), { name: key.name, keyId: Buffer.from(key.keyId), publicKey: Buffer.from(key.publicKey) })
})

test('a note by unknown keys only is refused, also when they share the name or the id of a known one', (t) => {
  const other = verifierOf(origin, Buffer.alloc(32, 8))
  for (const known of [[], [stranger], [other], [{ ...key, name: 'x' }]]) refuses(t, 'ERR_TLOG_SIGNATURE', 'the note is signed by no known key', () => openNote(note, known))
})

test('signatures of unknown keys beside a known one are passed over, and a repeated one counts once', (t) => {
  const line = note.split('\n\n')[1]!
  const witness = signNote(text, 'stranger', Buffer.alloc(32, 9)).split('\n\n')[1]!
  t.is(openNote(`${text}\n${witness}${line}${line}`, [key]).signers.length, 1)
  t.is(openNote(`${text}\n${witness}${line}`, [key, stranger]).signers.length, 2)
})

test('one bad signature of a known key condemns the note, whoever else signed it', (t) => {
  const witness = signNote(text, 'stranger', Buffer.alloc(32, 9)).split('\n\n')[1]!
  const forged = signNote('other\n', origin, seed).split('\n\n')[1]!
  refuses(t, 'ERR_TLOG_SIGNATURE', `the signature of ${origin} does not fit the note`, () => openNote(`${text}\n${witness}${forged}`, [key, stranger]))
  refuses(t, 'ERR_TLOG_SIGNATURE', `the signature of ${origin} does not fit the note`, () => openNote(note.replace('hello', 'hallo'), [key]))
})

test('a malformed note is refused', (t) => {
  const line = note.split('\n\n')[1]!
  const cases: [string, string][] = [
    ['has no text or no blank line before its signatures', 'hello\n'],
    ['has no text or no blank line before its signatures', `\n\n${line}`],
    ['has no signature line or does not end with a newline', 'hello\n\n'],
    ['has no signature line or does not end with a newline', note.slice(0, -1)],
    ['has a malformed signature line', `${text}\n- ${line.slice(2)}`],
    ['has a malformed signature line', `${text}\n${line.trimEnd()} x\n`],
    ['has a malformed signature line', `${text}\n${line}garbage\n`],
    ['has a malformed key name', `${text}\n\u2014 a+b ${line.split(' ')[2]}`],
    ['has a malformed key name', `${text}\n\u2014 a\u00a0b ${line.split(' ')[2]}`],
    ['has a malformed signature', `${text}\n\u2014 a AAAA\n`],
    ['has a malformed signature', `${text}\n\u2014 a ${line.split(' ')[2]!.trimEnd().slice(0, -1)}\n`],
    ['has a control character', `hel\u0001lo\n\n${line}`],
    ['has a control character', note.replaceAll('\n', '\r\n')],
    ['is not valid UTF-8', `hel\ud800lo\n\n${line}`],
    ['has more than 32 signatures', `${text}\n${line.repeat(33)}`],
    [`is longer than ${maxNoteBytes} bytes`, `${'x'.repeat(maxNoteBytes)}\n\n${line}`],
  ]
  for (const [message, bad] of cases) refuses(t, 'ERR_TLOG_NOTE', `the signed note ${message}`, () => parseNote(bad))
})

test('a malformed verifier key is refused, and so is one whose id is not its own', (t) => {
  const good = writeVerifierKey(key)
  for (const bad of [good.slice(0, -1), `${good} `, good.replace('+', ' '), good.replace(/\+AR|\+AV|\+A/, '+B')]) refuses(t, 'ERR_TLOG_NOTE', 'the signed note verifier key is malformed', () => parseVerifierKey(bad))
  refuses(t, 'ERR_TLOG_NOTE', 'the signed note verifier key has an id that is not its own', () => parseVerifierKey(good.replace('countersign', 'countersigm')))
})

test('a checkpoint is read back as written, under its log\'s key only', (t) => {
  const signed = signCheckpoint({ origin, size: 17, root }, seed)
  t.deepEqual(openCheckpoint(signed, key), { origin, size: 17, root })
  const foreign = signNote(writeCheckpoint({ origin: 'countersign/other/00000000', size: 17, root }), origin, seed)
  refuses(t, 'ERR_TLOG_CHECKPOINT', 'the checkpoint is of another log', () => openCheckpoint(foreign, key))
})

test('a malformed checkpoint is refused', (t) => {
  const good = writeCheckpoint({ origin, size: 17, root })
  const cases: [string, string][] = [
    ['does not end with a newline', good.slice(0, -1)],
    ['has lines after its root', `${good}extension\n`],
    ['has lines after its root', `${good}\n`],
    ['has no origin, or too long a one', good.slice(origin.length)],
    ['has no origin, or too long a one', `${'x'.repeat(257)}${good.slice(origin.length)}`],
    ...['017', '+17', '-1', '1e1', ' 17', '17 ', '0x11', '', '9007199254740992', '99999999999999999'].map((size): [string, string] => ['has a malformed size', good.replace('\n17\n', `\n${size}\n`)]),
    ['has a malformed root', `${origin}\n17\n${base64(root.subarray(1))}\n`],
    ['has a malformed root', `${origin}\n17\n${base64(root).slice(0, -1)}\n`],
    ['has a malformed root', `${origin}\n17\n${base64(root)} \n`],
    ['has a malformed root', `${origin}\n17\n`],
  ]
  for (const [message, bad] of cases) refuses(t, 'ERR_TLOG_CHECKPOINT', `the checkpoint ${message}`, () => parseCheckpoint(bad))
  t.is(parseDecimal('0'), 0)
  t.is(parseDecimal('9007199254740991'), Number.MAX_SAFE_INTEGER)
})

const entries = Array.from({ length: 7 }, (_, i) => Buffer.from(`batch ${i}`))
const hashes = entries.map(leafHash)
const checkpoint = signCheckpoint({ origin, size: 7, root: treeRoot(hashes) }, seed)

test('a proof is read back as written and leads to its checkpoint', (t) => {
  const proof = { index: 4, hashes: proveInclusion(hashes, 4), checkpoint }
  const written = writeTlogProof(proof)
  t.true(written.startsWith('c2sp.org/tlog-proof@v1\nindex 4\n'))
  t.is(verifyTlogProof(written, entries[4]!, key).size, 7)
  const withExtra = writeTlogProof({ ...proof, extra: Buffer.from('session 1') })
  t.deepEqual(parseTlogProof(withExtra).extra, Buffer.from('session 1'))
  t.is(writeTlogProof(parseTlogProof(withExtra)), withExtra)
  const single = signCheckpoint({ origin, size: 1, root: hashes[0]! }, seed)
  t.is(verifyTlogProof(writeTlogProof({ index: 0, hashes: [], checkpoint: single }), entries[0]!, key).size, 1)
})

test('a proof does not hold for another entry or another place', (t) => {
  const written = writeTlogProof({ index: 4, hashes: proveInclusion(hashes, 4), checkpoint })
  refuses(t, 'ERR_TLOG_PROOF', 'entry 4 is not under this checkpoint', () => verifyTlogProof(written, entries[3]!, key))
  refuses(t, 'ERR_TLOG_PROOF', 'entry 5 is not under this checkpoint', () => verifyTlogProof(written.replace('index 4', 'index 5'), entries[4]!, key))
  refuses(t, 'ERR_TLOG_SIGNATURE', 'the note is signed by no known key', () => verifyTlogProof(written, entries[4]!, stranger))
})

test('a malformed proof is refused', (t) => {
  const good = writeTlogProof({ index: 4, hashes: proveInclusion(hashes, 4), checkpoint })
  const hash = base64(hashes[0]!)
  const cases: [string, string][] = [
    ['is too long', good + 'x'.repeat(200_000)],
    ['has no checkpoint', 'c2sp.org/tlog-proof@v1\nindex 4\n'],
    ['does not begin with its version', good.replace('@v1', '@v2')],
    ['has malformed extra data', good.replace('index', 'extra *\nindex')],
    ['has a malformed index', good.replace('index 4', 'index 04')],
    ['has a malformed index', good.replace('index 4', 'extra AAAA\nextra AAAA\nindex 4')],
    ['has a malformed index', good.replace('index 4\n', '')],
    ['has too many hashes', good.replace('index 4\n', `index 4\n${`${hash}\n`.repeat(54)}`)],
    ['has a malformed hash', good.replace('index 4\n', 'index 4\nAAAA\n')],
    ['has a malformed hash', good.replace('index 4\n', `index 4\n${hash} \n`)],
  ]
  for (const [message, bad] of cases) refuses(t, 'ERR_TLOG_PROOF', `the proof ${message}`, () => parseTlogProof(bad))
})
