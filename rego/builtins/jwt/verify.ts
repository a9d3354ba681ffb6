// Signatures of tokens (RFC 7515, RFC 7518 §3, RFC 8037), with the rules of Go's crypto on top of node:crypto. The key's type decides
// what can verify: an RSA key never checks an HMAC, whatever the header says.
import { constants, createHmac, timingSafeEqual, verify } from 'node:crypto'
import { isSoundRsa } from '../crypto/public-key.ts'
import type { VerificationKey } from '../crypto/public-key.ts'

/** Of a curve's order, by OpenSSL's name; Go knows no other curves. */
const curveBytes: Readonly<Record<string, number>> = { secp224r1: 28, prime256v1: 32, secp384r1: 48, secp521r1: 66 }

/**
 * True if `signature` is `key`'s on `text` by `alg`.
 * @param isStrict as `io.jwt.decode_verify` has it: the salt of PSS is as long as the digest, an ECDSA signature as long as its curve
 *   says, and a private key stands for its public one. The `io.jwt.verify_*` take any salt, any halves and public keys only.
 */
export function verifySignature(alg: string, key: VerificationKey, text: string, signature: Uint8Array, isStrict: boolean): boolean {
  const family = alg.slice(0, 2)
  const hash = `sha${alg.slice(2)}`
  try {
    if (key.kind === 'other') return false
    if (key.kind === 'secret') return family === 'HS' && isStrict && verifyHmac(hash, key.key, text, signature)
    if (key.isPrivate && !isStrict) return false
    if (family === 'RS' && key.kind === 'rsa') return isSoundRsa(key.key) && verify(hash, Buffer.from(text), { key: key.key, padding: constants.RSA_PKCS1_PADDING }, signature)
    if (family === 'PS' && key.kind === 'rsa') {
      const saltLength = isStrict ? constants.RSA_PSS_SALTLEN_DIGEST : constants.RSA_PSS_SALTLEN_AUTO
      return isSoundRsa(key.key) && verify(hash, Buffer.from(text), { key: key.key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
    }
    if (family === 'ES' && key.kind === 'ec') {
      const size = curveBytes[key.key.asymmetricKeyDetails?.namedCurve ?? '']
      if (size === undefined || (isStrict && signature.length !== size * 2)) return false
      return verify(hash, Buffer.from(text), { key: key.key, dsaEncoding: 'der' }, toDer(signature))
    }
    if ((alg === 'EdDSA' || (alg === 'Ed25519' && isStrict)) && key.kind === 'ed25519') return verify(null, Buffer.from(text), key.key, signature)
    return false
  } catch {
    // OpenSSL says of some malformed signatures that it cannot look at them at all.
    return false
  }
}

export function verifyHmac(hash: string, secret: Uint8Array, text: string, signature: Uint8Array): boolean {
  const mac = createHmac(hash, secret).update(text).digest()
  return mac.length === signature.length && timingSafeEqual(mac, signature)
}

// r and s are the halves (RFC 7518 §3.4); as DER, because node:crypto wants halves of the curve's length only.
function toDer(signature: Uint8Array): Uint8Array {
  const half = Math.floor(signature.length / 2)
  const body = Buffer.concat([derInteger(signature.subarray(0, half)), derInteger(signature.subarray(half))])
  return Buffer.concat([Buffer.from([0x30, ...derLength(body.length)]), body])
}

function derInteger(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex(byte => byte !== 0)
  const digits = first < 0 ? Buffer.from([0]) : Buffer.from(bytes.subarray(first))
  const value = (digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), digits]) : digits
  return Buffer.concat([Buffer.from([0x02, ...derLength(value.length)]), value])
}

function derLength(length: number): number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}
