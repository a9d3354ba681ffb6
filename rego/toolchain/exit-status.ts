// What the compiler's process and its owner agree on. What it says by its exit status. 2 is Go's own: a panic, or memory at its ceiling.
export const exitStatus = { go: 2, digest: 3, stack: 4, fault: 5 } as const
/** A pipe on which neither says anything: its end is the owner's. */
export const lifeline = 3
