// What an approval binds to. Salted, so that the digest of a guessable operation (a nine-digit number in an argument) tells nothing.
import { createHash, randomBytes } from 'node:crypto'

const saltBytes = 16

export function newSalt(): Uint8Array {
  return new Uint8Array(randomBytes(saltBytes))
}

/** SHA-256(salt ‖ canonical operation). The salt lives in the approval store and the erasable body, nowhere else. */
export function operationDigest(salt: Uint8Array, canonical: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(salt).update(canonical).digest())
}

/** SHA-256 of the canonical decision: same effect, reasons, quorum, masks and limits, or the approval no longer fits. */
export function decisionDigest(canonicalDecision: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(canonicalDecision).digest())
}
