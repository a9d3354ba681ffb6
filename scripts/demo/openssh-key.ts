// An Ed25519 key in OpenSSH's own file form (PROTOCOL.key), so that a person of the demo can sign commits with stock git.
import { generateKeyPairSync, randomBytes } from 'node:crypto'

export interface SshKey {
  /** OpenSSH private key file, unencrypted. */
  readonly privateText: string
  /** `ssh-ed25519 AAAA…` */
  readonly publicLine: string
  /** 32-byte Ed25519 seed */
  readonly seed: Uint8Array
}

const text = (value: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

export function generateSshKey(comment: string): SshKey {
  const { privateKey } = generateKeyPairSync('ed25519')
  const jwk = privateKey.export({ format: 'jwk' })
  const seed = Buffer.from(jwk.d ?? '', 'base64url')
  const publicKey = Buffer.from(jwk.x ?? '', 'base64url')
  const publicBlob = Buffer.concat([text('ssh-ed25519'), text(publicKey)])
  const check = randomBytes(4)
  const secret = Buffer.concat([check, check, text('ssh-ed25519'), text(publicKey), text(Buffer.concat([seed, publicKey])), text(comment)])
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1))
  const count = Buffer.from([0, 0, 0, 1])
  const file = Buffer.concat([Buffer.from('openssh-key-v1\0'), text('none'), text('none'), text(''), count, text(publicBlob), text(Buffer.concat([secret, padding]))])
  const lines = file.toString('base64').match(/.{1,70}/g) ?? []
  return {
    privateText: `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicLine: `ssh-ed25519 ${publicBlob.toString('base64')}`,
    seed,
  }
}
