// Roots over a known list of leaf hashes (RFC 6962 §2.1, RFC 9162 §2.1.1). For trees that are not kept whole see compact.ts.
import { emptyRoot, nodeHash } from './hash.ts'

/** Root of the leaves `start` (inclusive) to `end` (exclusive), hashed as a tree of their own. */
export function treeRoot(leafHashes: readonly Uint8Array[], start = 0, end = leafHashes.length): Uint8Array {
  if (start < 0 || end > leafHashes.length || start > end) throw new RangeError('the range is outside the tree')
  const size = end - start
  if (size === 0) return emptyRoot()
  if (size === 1) return leafHashes[start] as Uint8Array
  const split = largestPowerBelow(size)
  return nodeHash(treeRoot(leafHashes, start, start + split), treeRoot(leafHashes, start + split, end))
}

/** RFC 6962 §2.1: k, the largest power of two smaller than n; n ≥ 2. Multiplies, because `<<` ends at 2^31. */
export function largestPowerBelow(size: number): number {
  let power = 1
  while (power * 2 < size) power *= 2
  return power
}
