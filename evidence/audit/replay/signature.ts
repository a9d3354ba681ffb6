// Signatures of a corpus and of a report: SSHSIG, Ed25519, each under a namespace of its own, so that `ssh-keygen -Y verify` checks them too.
import { spawnSync } from 'node:child_process'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { EvidenceError } from '../../errors.ts'
import { signSsh } from '../../repository/sshsig.ts'
import { FalseClaim } from '../../verify/finding.ts'
import { checkSshSignature, parseAllowedSigners } from '../../verify/sshsig.ts'

export const namespaces = { corpus: 'countersign-replay-corpus', report: 'countersign-replay-report' } as const

const beginPem = '-----BEGIN PRIVATE KEY-----'
const keygenTimeoutMs = 60_000

/**
 * The armoured signature of `message`. A PEM (PKCS #8) Ed25519 key signs here; any other file is handed to `ssh-keygen`, which knows
 * passphrases, agents and hardware keys.
 * @throws EvidenceError `ERR_EVIDENCE_KEY`
 */
export function signFile(message: Uint8Array, keyFile: string, namespace: string): string {
  const text = readKey(keyFile)
  if (text.includes(beginPem)) {
    const key = ed25519(text, keyFile)
    return signSsh(message, key, Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url'), namespace)
  }
  const { status, stdout, error } = spawnSync('ssh-keygen', ['-q', '-Y', 'sign', '-f', keyFile, '-n', namespace], { input: message, stdio: ['pipe', 'pipe', 'inherit'], timeout: keygenTimeoutMs })
  if (error !== undefined || status !== 0) throw new EvidenceError('ERR_EVIDENCE_KEY', `ssh-keygen does not sign with ${keyFile}`, { cause: error })
  return Buffer.from(stdout).toString('utf8')
}

/** Who signed: the principal of the key that did. @param now ms. @throws EvidenceError `ERR_EVIDENCE_CORPUS` */
export function verifyFile(message: Uint8Array, armoured: string, signers: string, namespace: string, now: number): string {
  try {
    return checkSshSignature(message, armoured, now, parseAllowedSigners(signers, namespace), namespace).principal
  } catch (cause) {
    if (cause instanceof FalseClaim || cause instanceof RangeError) throw new EvidenceError('ERR_EVIDENCE_CORPUS', `the signature does not hold: ${cause.message}`, { cause })
    throw cause
  }
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new EvidenceError('ERR_EVIDENCE_KEY', `the signing key ${file} cannot be read`, { cause })
  }
}

function ed25519(pem: string, file: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw new EvidenceError('ERR_EVIDENCE_KEY', `the signing key ${file} is not a private key`, { cause })
  }
  throw new EvidenceError('ERR_EVIDENCE_KEY', `the signing key ${file} is not an Ed25519 key`)
}
