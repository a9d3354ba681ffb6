// RFC 6962 trees against the known roots of the eight-leaf test tree that Certificate Transparency's implementations share, and proofs at every size up to 64.
import test from 'ava'
import { CompactTree } from '../../../evidence/tlog/compact.ts'
import { proveConsistency, verifyConsistency } from '../../../evidence/tlog/consistency.ts'
import { emptyRoot, leafHash } from '../../../evidence/tlog/hash.ts'
import { proveInclusion, verifyInclusion } from '../../../evidence/tlog/inclusion.ts'
import { treeRoot } from '../../../evidence/tlog/tree.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const entries = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map((text) => Buffer.from(text, 'hex'))
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]
const many = Array.from({ length: 64 }, (_, i) => leafHash(Buffer.from(`entry ${i}`)))

test('the roots of the shared eight-leaf tree are the known ones', (t) => {
  t.is(hex(emptyRoot()), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  const hashes = entries.map(leafHash)
  roots.forEach((root, i) => t.is(hex(treeRoot(hashes, 0, i + 1)), root))
})

test('the known inclusion and consistency proofs of the eight-leaf tree are made', (t) => {
  const hashes = entries.map(leafHash)
  t.deepEqual(proveInclusion(hashes, 0, 1), [])
  t.deepEqual(proveInclusion(hashes, 0, 8).map(hex), ['96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7', '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4'])
  t.deepEqual(proveInclusion(hashes, 5, 8).map(hex), ['bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'])
  t.deepEqual(proveConsistency(hashes, 1, 8).map(hex), ['96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7', '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e', '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4'])
  t.deepEqual(proveConsistency(hashes, 6, 8).map(hex), ['0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a', 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0', 'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7'])
})

test('a tree grown leaf by leaf has the same root at every size, also when it goes on from a kept frontier', (t) => {
  let grown = new CompactTree()
  many.forEach((hash, i) => {
    grown.append(hash)
    t.is(hex(grown.root()), hex(treeRoot(many, 0, i + 1)))
    grown = CompactTree.from(grown.size, grown.frontier)
  })
})

test('every leaf of every tree up to 64 is proven, and by no other place, size, root or path', (t) => {
  let failures = 0
  for (let size = 1; size <= 64; size++) {
    const root = treeRoot(many, 0, size)
    for (let index = 0; index < size; index++) {
      const proof = proveInclusion(many, index, size)
      const hash = many[index]!
      if (!verifyInclusion(proof, index, size, hash, root)) failures++
      if (size > 1 && verifyInclusion(proof, (index + 1) % size, size, hash, root)) failures++
      if (verifyInclusion([...proof, hash], index, size, hash, root)) failures++
      if (proof.length > 0 && verifyInclusion(proof.slice(1), index, size, hash, root)) failures++
      if (proof.length > 0 && verifyInclusion([leafHash(hash), ...proof.slice(1)], index, size, hash, root)) failures++
      if (verifyInclusion(proof, index, size, leafHash(hash), root)) failures++
      if (verifyInclusion(proof, index, size, hash, leafHash(root))) failures++
    }
  }
  t.is(failures, 0)
  t.false(verifyInclusion([], 0, 0, many[0]!, emptyRoot()))
  t.false(verifyInclusion([], -1, 1, many[0]!, many[0]!))
  t.throws(() => proveInclusion(many, 64), { instanceOf: RangeError, message: 'leaf 64 is not in a tree of 64' })
})

test('every tree up to 64 is shown to be a prefix of every later one, and of no other', (t) => {
  let failures = 0
  for (let second = 1; second <= 64; second++) {
    const newer = treeRoot(many, 0, second)
    for (let first = 1; first <= second; first++) {
      const older = treeRoot(many, 0, first)
      const proof = proveConsistency(many, first, second)
      if (!verifyConsistency(proof, first, second, older, newer)) failures++
      if (verifyConsistency(proof, first, second, leafHash(older), newer)) failures++
      if (verifyConsistency(proof, first, second, older, leafHash(newer))) failures++
      if (verifyConsistency([...proof, older], first, second, older, newer)) failures++
      if (proof.length > 0 && verifyConsistency(proof.slice(0, -1), first, second, older, newer)) failures++
    }
  }
  t.is(failures, 0)
  t.false(verifyConsistency([], 0, 1, emptyRoot(), many[0]!))
  t.false(verifyConsistency([], 2, 1, many[0]!, many[0]!))
  t.throws(() => proveConsistency(many, 0), { instanceOf: RangeError, message: 'no proof from size 0 to 64' })
})

test('a frontier that does not fit its size is refused', (t) => {
  t.throws(() => CompactTree.from(3, [many[0]!]), { instanceOf: RangeError, message: 'the frontier does not fit the tree size' })
})
