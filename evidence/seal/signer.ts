// The two keys of a log, in the sealer's folder and nowhere else: the note key that signs checkpoints, the SSH key that signs commits.
import { createPrivateKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { EvidenceError } from '../errors.ts'
import type { Disk } from '../repository/durable-fs.ts'
import { allowedSigner, signSsh } from '../repository/sshsig.ts'
import { signCheckpoint } from '../tlog/checkpoint.ts'
import { decodeBase64, ed25519PublicRaw, verifierOf, writeVerifierKey, type NoteVerifier } from '../tlog/note.ts'

const keyMode = 0o600
/** Node names go into origins, file texts and commit headers. */
const nodeName = /^[a-z0-9]([a-z0-9.-]{0,62}[a-z0-9])?$/

export class Signer {
  /** `countersign/<node>/<8 hex>`: the log's name for ever, and its key's name. */
  readonly origin: string
  readonly verifier: NoteVerifier
  /** Author and committer, and principal of the allowed_signers line. */
  readonly identity: string
  readonly #seed: Uint8Array
  readonly #commitKey: KeyObject
  readonly #commitPublicKey: Uint8Array

  constructor(origin: string, node: string, seed: Uint8Array, commitKey: KeyObject) {
    this.origin = origin
    this.identity = `sealer@${node}`
    this.verifier = verifierOf(origin, seed)
    this.#seed = seed
    this.#commitKey = commitKey
    this.#commitPublicKey = ed25519PublicRaw(commitKey)
  }

  get verifierKey(): string { return `${writeVerifierKey(this.verifier)}\n` }
  get allowedSigners(): string { return allowedSigner(this.identity, this.#commitPublicKey) }

  signCheckpoint(size: number, root: Uint8Array): string {
    return signCheckpoint({ origin: this.origin, size, root }, this.#seed)
  }

  signCommit(commit: Uint8Array): string {
    return signSsh(commit, this.#commitKey, this.#commitPublicKey)
  }
}

/** Makes both keys, a new origin, and the public halves beside them for the operator to hand out. */
export function createKeys(folder: string, node: string, disk: Disk): void {
  if (!nodeName.test(node)) throw new EvidenceError('ERR_EVIDENCE_KEY', 'the node name must be 1 to 64 of a-z, 0-9, dot and hyphen')
  const origin = `countersign/${node}/${randomBytes(4).toString('hex')}`
  const seed = randomBytes(32)
  const { privateKey } = generateKeyPairSync('ed25519')
  disk.write(path.join(folder, 'commit.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), keyMode)
  // Last, because it is the one whose presence says that keys were made.
  disk.write(path.join(folder, 'log.key'), writeLogKey(origin, seed), keyMode)
}

export function hasKeys(folder: string): boolean {
  return existsSync(path.join(folder, 'log.key'))
}

/** @throws EvidenceError ERR_EVIDENCE_KEY */
export function loadSigner(folder: string, node: string, disk: Disk): Signer {
  const { origin, seed } = parseLogKey(readKey(folder, 'log.key'))
  if (!origin.startsWith(`countersign/${node}/`)) throw new EvidenceError('ERR_EVIDENCE_KEY', `the log's key is that of ${origin}, not of node ${node}`)
  const signer = new Signer(origin, node, seed, parseCommitKey(readKey(folder, 'commit.key')))
  for (const [name, text] of [['log.vkey', signer.verifierKey], ['allowed_signers', signer.allowedSigners]] as const) {
    const file = path.join(folder, name)
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) disk.write(file, text)
  }
  return signer
}

// The signer form of Go's sumdb/note, so that other tools can hold the key: PRIVATE+KEY+name+id+base64(type ‖ seed).
function writeLogKey(origin: string, seed: Uint8Array): string {
  const id = Buffer.from(verifierOf(origin, seed).keyId).toString('hex')
  return `PRIVATE+KEY+${origin}+${id}+${Buffer.concat([Buffer.of(0x01), seed]).toString('base64')}\n`
}

function parseLogKey(text: string): { origin: string; seed: Uint8Array } {
  const [, origin = '', id = '', encoded = ''] = /^PRIVATE\+KEY\+([^+\s]+)\+([0-9a-f]{8})\+(.{44})\n$/.exec(text) ?? []
  const key = decodeBase64(encoded)
  if (origin === '' || key?.length !== 33 || key[0] !== 0x01) throw new EvidenceError('ERR_EVIDENCE_KEY', 'log.key is malformed')
  const seed = key.subarray(1)
  if (Buffer.from(verifierOf(origin, seed).keyId).toString('hex') !== id) throw new EvidenceError('ERR_EVIDENCE_KEY', 'log.key has an id that is not its own')
  return { origin, seed }
}

function parseCommitKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch { /* said below, without the key's text */ }
  throw new EvidenceError('ERR_EVIDENCE_KEY', 'commit.key is not an Ed25519 private key')
}

function readKey(folder: string, name: string): string {
  try { return readFileSync(path.join(folder, name), 'utf8') } catch (cause) { throw new EvidenceError('ERR_EVIDENCE_KEY', `${name} cannot be read`, { cause }) }
}
