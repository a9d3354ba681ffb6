// Puts OPA's signature into a bundle: `.signatures.json` with one JWT (RFC 7515) over name and digest of every other file
// (OPA documentation, "Bundle file format", Signing). What it makes, OPA accepts.
import { CompactSign } from 'jose'
import { bundleOf, signaturesFile } from '../bundle.ts'
import { PolicyError } from '../errors.ts'
import { readTarball, writeTarball } from '../tarball.ts'
import { fileDigest } from './file-digest.ts'
import type { BundleKey } from './keys.ts'

/**
 * The bundle with a signature by `key` in place of any that it had.
 * @param scope what it is signed for; whoever verifies must expect the same. Empty: nothing in particular
 * @throws PolicyError `ERR_BUNDLE_MALFORMED`: what could not be loaded is not signed; `ERR_BUNDLE_KEY`
 */
export async function signBundle(bytes: Uint8Array, key: BundleKey, scope: string): Promise<Uint8Array> {
  const files = readTarball(bytes)
  files.delete(signaturesFile)
  bundleOf(bytes, files, {})
  const algorithm = 'SHA-256'
  const listed = [...files.keys()].map(name => ({ name, hash: fileDigest(files, name, algorithm), algorithm }))
  const payload = new TextEncoder().encode(JSON.stringify({ files: listed, ...(scope === '' ? {} : { scope }) }))
  let token: string
  try {
    token = await new CompactSign(payload).setProtectedHeader({ alg: key.algorithm, typ: 'JWT', kid: key.id }).sign(key.key)
  } catch (cause) {
    throw new PolicyError('ERR_BUNDLE_KEY', 'the key for bundles cannot be used: it does not sign', { cause })
  }
  return attachSignatures(bytes, new TextEncoder().encode(`${JSON.stringify({ signatures: [token] })}\n`))
}

/**
 * The bundle with `signatures`, a `.signatures.json` that was made elsewhere (by `opa sign`, by a KMS). Nothing of it is verified.
 * @throws PolicyError `ERR_BUNDLE_MALFORMED`
 */
export function attachSignatures(bytes: Uint8Array, signatures: Uint8Array): Uint8Array {
  const files = readTarball(bytes)
  files.delete(signaturesFile)
  return writeTarball(files.set(signaturesFile, signatures))
}
