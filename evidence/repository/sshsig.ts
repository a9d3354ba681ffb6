// SSH signatures as Git keeps them in a commit's `gpgsig` (OpenSSH PROTOCOL.sshsig). Ed25519, namespace `git` unless another is named.
import { hash, sign, type KeyObject } from 'node:crypto'

const gitNamespace = 'git'

/** Armoured, with a final newline. `publicKey` is the raw 32 bytes; a signature holds in its own namespace only. */
export function signSsh(message: Uint8Array, key: KeyObject, publicKey: Uint8Array, namespace: string = gitNamespace): string {
  const digest = hash('sha512', message, 'buffer')
  // PROTOCOL.sshsig §3: what is signed is not the message but this.
  const signed = Buffer.concat([Buffer.from('SSHSIG'), text(namespace), text(''), text('sha512'), bytes(digest)])
  const signature = Buffer.concat([text('ssh-ed25519'), bytes(sign(null, signed, key))])
  // PROTOCOL.sshsig §2: the blob; its version is 1.
  const blob = Buffer.concat([Buffer.from('SSHSIG'), uint32(1), bytes(publicKeyBlob(publicKey)), text(namespace), text(''), text('sha512'), bytes(signature)])
  const lines = blob.toString('base64').match(/.{1,70}/g) ?? []
  return ['-----BEGIN SSH SIGNATURE-----', ...lines, '-----END SSH SIGNATURE-----', ''].join('\n')
}

/** One line of an OpenSSH allowed_signers file (ssh-keygen(1), ALLOWED SIGNERS). */
export function allowedSigner(principal: string, publicKey: Uint8Array, namespaces: string = gitNamespace): string {
  return `${principal} namespaces="${namespaces}" ssh-ed25519 ${publicKeyBlob(publicKey).toString('base64')}\n`
}

function publicKeyBlob(publicKey: Uint8Array): Buffer {
  return Buffer.concat([text('ssh-ed25519'), bytes(publicKey)])
}

// RFC 4251 §5: a string is its length as a uint32, then its bytes.
function bytes(value: Uint8Array): Buffer {
  return Buffer.concat([uint32(value.length), value])
}

function text(value: string): Buffer {
  return bytes(Buffer.from(value))
}

function uint32(value: number): Buffer {
  const four = Buffer.alloc(4)
  four.writeUInt32BE(value)
  return four
}
