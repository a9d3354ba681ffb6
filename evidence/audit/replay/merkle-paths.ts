// Inclusion paths of many leaves of one tree (RFC 6962 §2.1.1): the levels are hashed once, where a path by itself would hash the whole tree.
import { nodeHash } from '../../tlog/hash.ts'

export interface Tree {
  readonly root: Uint8Array
  /** From the leaf's sibling up. */
  path(index: number): Uint8Array[]
}

/** @param leafHashes at least one */
export function hashTree(leafHashes: readonly Uint8Array[]): Tree {
  const levels: (readonly Uint8Array[])[] = [leafHashes]
  for (let level = leafHashes; level.length > 1;) {
    const above: Uint8Array[] = []
    for (let at = 0; at < level.length; at += 2) {
      const [left, right] = [level[at] as Uint8Array, level[at + 1]]
      // A last one without a sibling goes up as it is: that is what splitting at the largest power of two comes to.
      above.push(right === undefined ? left : nodeHash(left, right))
    }
    levels.push(level = above)
  }
  return {
    root: levels.at(-1)?.[0] as Uint8Array,
    path(index) {
      return levels.slice(0, -1).flatMap((level, height) => level[Math.floor(index / 2 ** height) ^ 1] ?? [])
    },
  }
}
