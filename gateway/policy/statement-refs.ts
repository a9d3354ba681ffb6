// Which refs below a commit's are read for statements. Anybody who may push can leave any number there under any name; so each signer has one
// name for each kind of statement, which is read whatever lies beside it. Of all others some are read, and a flood of them costs only others.
import { createHash } from 'node:crypto'
import { statementKinds, type StatementKind } from './statement.ts'

/** Where signatures of a commit's activation lie: a blob each, beside the history and outside every tree that they sign. */
export const activationRefs = 'refs/countersign/activations'
/** Statements under other names that are looked at for one commit. */
export const maxOthers = 64

/** @param key of the signer, base64 of the blob. @returns the last part of the ref */
export function statementName(kind: StatementKind, key: string): string {
  return createHash('sha256').update(`${kind}\n${key}`).digest('hex')
}

/** All names that signers have. */
export function namesOf(keys: readonly string[]): readonly string[] {
  return keys.flatMap((key) => statementKinds.map((kind) => statementName(kind, key)))
}

/** @param keys of all who may sign */
export function namesToRead(names: readonly string[], keys: readonly string[]): { readonly names: readonly string[]; readonly left: number } {
  const theirs = new Set(namesOf(keys))
  const others = names.filter((name) => !theirs.has(name)).toSorted()
  return { names: [...names.filter((name) => theirs.has(name)), ...others.slice(0, maxOthers)], left: Math.max(0, others.length - maxOthers) }
}
