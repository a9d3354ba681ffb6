// Consistency proofs: that a tree of one size is a prefix of a later one (RFC 6962 §2.1.2, RFC 9162 §2.1.4).
import { hashBytes, nodeHash } from './hash.ts'
import { largestPowerBelow, treeRoot } from './tree.ts'

/** Empty for equal sizes. @throws RangeError when the sizes are not 0 < first ≤ second ≤ number of leaves */
export function proveConsistency(leafHashes: readonly Uint8Array[], first: number, second = leafHashes.length): Uint8Array[] {
  if (!Number.isSafeInteger(first) || first < 1 || first > second || second > leafHashes.length) throw new RangeError(`no proof from size ${first} to ${second}`)
  return first === second ? [] : subProof(leafHashes, first, 0, second, true)
}

// RFC 6962 §2.1.2, SUBPROOF(m, D[n], b): b says that the subtree of m leaves is one the verifier already knows the root of.
function subProof(leafHashes: readonly Uint8Array[], size: number, start: number, end: number, isKnown: boolean): Uint8Array[] {
  if (size === end - start) return isKnown ? [] : [treeRoot(leafHashes, start, end)]
  const split = largestPowerBelow(end - start)
  return size <= split
    ? [...subProof(leafHashes, size, start, start + split, isKnown), treeRoot(leafHashes, start + split, end)]
    : [...subProof(leafHashes, size - split, start + split, end, false), treeRoot(leafHashes, start, start + split)]
}

/** Whether the tree of `firstSize` and `firstRoot` is a prefix of the tree of `secondSize` and `secondRoot`. */
export function verifyConsistency(proof: readonly Uint8Array[], firstSize: number, secondSize: number, firstRoot: Uint8Array, secondRoot: Uint8Array): boolean {
  if (!Number.isSafeInteger(firstSize) || !Number.isSafeInteger(secondSize) || firstSize < 1 || firstSize > secondSize) return false
  if (proof.some((hash) => hash.length !== hashBytes)) return false
  if (firstSize === secondSize) return proof.length === 0 && Buffer.compare(firstRoot, secondRoot) === 0
  // RFC 9162 §2.1.4.2 step 2: a whole power of two is itself the first node of the path.
  const nodes = isPowerOfTwo(firstSize) ? [firstRoot, ...proof] : [...proof]
  let fn = firstSize - 1
  let sn = secondSize - 1
  while (fn % 2 === 1) { fn = Math.floor(fn / 2); sn = Math.floor(sn / 2) }
  const [head, ...rest] = nodes
  if (head === undefined) return false
  let fr = head
  let sr = head
  for (const node of rest) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(node, fr)
      sr = nodeHash(node, sr)
      while (fn % 2 === 0 && fn !== 0) { fn /= 2; sn = Math.floor(sn / 2) }
    } else {
      sr = nodeHash(sr, node)
    }
    fn = Math.floor(fn / 2)
    sn = Math.floor(sn / 2)
  }
  return sn === 0 && Buffer.compare(fr, firstRoot) === 0 && Buffer.compare(sr, secondRoot) === 0
}

function isPowerOfTwo(size: number): boolean {
  return largestPowerBelow(size + 1) === size
}
