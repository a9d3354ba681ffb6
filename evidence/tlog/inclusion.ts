// Inclusion proofs: that one leaf is in the tree of a given root (RFC 6962 §2.1.1, RFC 9162 §2.1.3).
import { hashBytes, nodeHash } from './hash.ts'
import { largestPowerBelow, treeRoot } from './tree.ts'

/** Hashes from the leaf's sibling up to the root's child. @throws RangeError when the leaf is not in the tree */
export function proveInclusion(leafHashes: readonly Uint8Array[], index: number, size = leafHashes.length): Uint8Array[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size || size > leafHashes.length) throw new RangeError(`leaf ${index} is not in a tree of ${size}`)
  return path(leafHashes, index, 0, size)
}

// RFC 6962 §2.1.1, PATH(m, D[n]): the half that holds the leaf first, then the root of the other half.
function path(leafHashes: readonly Uint8Array[], index: number, start: number, end: number): Uint8Array[] {
  if (end - start === 1) return []
  const middle = start + largestPowerBelow(end - start)
  return index < middle
    ? [...path(leafHashes, index, start, middle), treeRoot(leafHashes, middle, end)]
    : [...path(leafHashes, index, middle, end), treeRoot(leafHashes, start, middle)]
}

/** Whether the proof leads from this leaf hash to this root; a proof too short or too long does not. */
export function verifyInclusion(proof: readonly Uint8Array[], index: number, size: number, leafHash: Uint8Array, root: Uint8Array): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false
  if (proof.some((hash) => hash.length !== hashBytes)) return false
  // RFC 9162 §2.1.3.2: fn is the node's place on its level, sn that of the level's last node.
  let fn = index
  let sn = size - 1
  let hash = leafHash
  for (const sibling of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash)
      while (fn % 2 === 0 && fn !== 0) { fn /= 2; sn = Math.floor(sn / 2) }
    } else {
      hash = nodeHash(hash, sibling)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && Buffer.compare(hash, root) === 0
}
