// Batch leaves and tiles: what goes into the log and how outsiders find it.
import test from 'ava'
import { encode, type CborValue } from '../../../evidence/session/cbor.ts'
import { leafHash } from '../../../evidence/tlog/hash.ts'
import { parseBatchLeaf, writeBatchLeaf, type BatchLeaf } from '../../../evidence/tlog/leaf.ts'
import { entryBundles, hashTiles, tileName } from '../../../evidence/tlog/tiles.ts'
import { treeRoot } from '../../../evidence/tlog/tree.ts'

const leaf: BatchLeaf = {
  node: 'n1', epoch: 3, number: 0, time: 1_790_000_000_000, previous: Buffer.alloc(32, 1), frameRoot: Buffer.alloc(32, 2), frames: 70_000,
  ordinalsBefore: 0, ordinalsAfter: 12, leaves: Buffer.alloc(32, 3), index: Buffer.alloc(32, 4), largestWindowUs: 0, why: 1,
}

test('a batch leaf is read back as written', (t) => {
  t.deepEqual(parseBatchLeaf(writeBatchLeaf(leaf)), leaf)
})

test('a batch leaf in any other form is refused', (t) => {
  const good = writeBatchLeaf(leaf)
  const map = (more: [number, CborValue][]) => encode(new Map<number, CborValue>([[1, 1], [2, 'n1'], ...more]))
  const bad = [good.subarray(1), good.subarray(0, -1), Buffer.concat([good, Buffer.of(0)]), encode([1]), map([]), map([[3, 'x']]), Buffer.concat([good, Buffer.alloc(4096)]), new Uint8Array(0),
    // version 2; a shortest integer made longer
    Buffer.concat([good.subarray(0, 2), Buffer.of(2), good.subarray(3)]), Buffer.concat([good.subarray(0, 2), Buffer.of(0x18, 1), good.subarray(3)])]
  for (const bytes of bad) t.like(t.throws(() => parseBatchLeaf(bytes)), { code: 'ERR_TLOG_LEAF', message: 'the batch leaf is malformed' })
})

test('tiles are named as C2SP tlog-tiles has it', (t) => {
  t.is(tileName(0), '000')
  t.is(tileName(1_234_067), 'x001/x234/067')
  t.is(tileName(1_000), 'x001/000')
  t.is(tileName(7, 5), '007.p/5')
})

test('a log of 66,000 entries has three levels of tiles, none empty, each hash the root of a full tile below', (t) => {
  const hashes = Array.from({ length: 66_000 }, (_, i) => leafHash(Buffer.from(String(i))))
  const tiles = new Map([...hashTiles(hashes)].map(({ path, bytes }) => [path, bytes]))
  t.is(tiles.get('tile/0/000')?.length, 8192)
  t.is(tiles.get('tile/0/257.p/208')?.length, 208 * 32)
  t.is(tiles.get('tile/1/001.p/1')?.length, 32)
  t.deepEqual(Buffer.from(tiles.get('tile/2/000.p/1')!), Buffer.from(treeRoot(hashes, 0, 65_536)))
  t.deepEqual(Buffer.from(tiles.get('tile/1/000')!.subarray(32, 64)), Buffer.from(treeRoot(hashes, 256, 512)))
  t.is(tiles.size, 258 + 2 + 1)
})

test('entry bundles carry each entry behind its length, and an empty log has no files', (t) => {
  const bundles = [...entryBundles([Buffer.from('ab'), Buffer.alloc(300)])]
  t.is(bundles[0]?.path, 'tile/entries/000.p/2')
  t.is(Buffer.from(bundles[0]!.bytes.subarray(0, 6)).toString('hex'), '00026162012c')
  t.deepEqual([...entryBundles([]), ...hashTiles([])], [])
  t.throws(() => [...entryBundles([Buffer.alloc(65_536)])], { instanceOf: RangeError, message: 'an entry of 65536 bytes does not fit a bundle' })
})
