// What the compiler's process says by its exit status. 2 is Go's own: a panic, or memory at its ceiling.
export const exitStatus = { go: 2, digest: 3, stack: 4, fault: 5 } as const
