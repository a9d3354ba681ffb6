// Whose a bundle is: OPA's signature (documentation, "Bundle file format", Signing), held to more than OPA holds it to. Whether a bundle
// must be signed is for the caller to say by the door it takes, never for the bundle: one whose signature was taken out is refused.
import { compactVerify } from 'jose'
import { bundleOf, signaturesFile, type Bundle, type ReadOptions } from '../bundle.ts'
import { PolicyError } from '../errors.ts'
import { readTarball } from '../tarball.ts'
import { canonicalJson, JsonFault } from './canonical-json.ts'
import { digestAlgorithms, fileDigest } from './file-digest.ts'
import type { BundleKey } from './keys.ts'

export interface Verification extends ReadOptions {
  /** At least one. */
  readonly keys: readonly BundleKey[]
  /** What the bundle must be signed for; empty for nothing in particular. */
  readonly scope: string
}

export interface SignedBundle extends Bundle {
  /** Id of the key that signed it. */
  readonly signer: string
}

const maxSignatureBytes = 65_536
const headerMembers = ['alg', 'kid', 'typ']
// Another claim (`exp`, `nbf`, …) would be a limit that nobody keeps.
const claims = ['files', 'scope', 'keyid', 'iat', 'iss']

/**
 * A bundle that one of the keys signed, whole and for this scope.
 * @throws PolicyError `ERR_BUNDLE_MALFORMED`, `ERR_BUNDLE_UNSIGNED`, `ERR_BUNDLE_SIGNATURE`, `ERR_BUNDLE_ROLLBACK`, `ERR_BUNDLE_KEY`
 */
export async function readSignedBundle(bytes: Uint8Array, verification: Verification): Promise<SignedBundle> {
  const { keys, scope } = verification
  if (keys.length === 0) throw new PolicyError('ERR_BUNDLE_KEY', 'there is no key to verify bundles with')
  if (new Set(keys.map(({ id }) => id)).size !== keys.length) throw new PolicyError('ERR_BUNDLE_KEY', 'two keys to verify bundles with have one id')
  const files = readTarball(bytes)
  const token = readToken(files)
  const key = keyFor(token, keys)
  await checkToken(token, key)
  const payload = readPart(token, 1, 'payload')
  if (!Object.keys(payload).every(name => claims.includes(name))) throw untrusted('its payload has a claim that is not known')
  if (payload['keyid'] !== undefined && payload['keyid'] !== key.id) throw untrusted('its payload names another key than its header')
  if ((payload['scope'] ?? '') !== scope) throw untrusted('it is for another scope')
  checkFiles(files, payload['files'])
  // Only what is signed is understood: roots, serial and the rest come from files that were just held against their digests.
  return { ...bundleOf(bytes, files, verification), signer: key.id }
}

function readToken(files: ReadonlyMap<string, Uint8Array>): string {
  const bytes = files.get(signaturesFile)
  if (!bytes) throw new PolicyError('ERR_BUNDLE_UNSIGNED', 'the bundle is not signed')
  if (bytes.length > maxSignatureBytes) throw untrusted(`${signaturesFile} is larger than ${maxSignatureBytes} bytes`)
  const document = readStrict(bytes, signaturesFile)
  const { signatures } = document
  if (Object.keys(document).length !== 1 || !Array.isArray(signatures)) throw untrusted(`${signaturesFile} has something else than signatures in it`)
  const [token] = signatures as unknown[]
  // As OPA, which also takes exactly one: with several, which of them counts?
  if (signatures.length !== 1 || typeof token !== 'string') throw untrusted(`${signaturesFile} has ${signatures.length} signatures, not one`)
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw untrusted('it is not a JWT')
  return token
}

// OPA's own `sign` names no key: then it is the only one, if there is but one.
function keyFor(token: string, keys: readonly BundleKey[]): BundleKey {
  const header = readPart(token, 0, 'header')
  if (!Object.keys(header).every(name => headerMembers.includes(name))) throw untrusted('its header has a member that is not known')
  const id = header['kid'] ?? readPart(token, 1, 'payload')['keyid']
  const [first] = keys
  if (id === undefined && keys.length > 1) throw untrusted('it does not say which key made it')
  const key = id === undefined ? first : keys.find(one => one.id === id)
  if (key === undefined) throw untrusted('it is by a key that is not known')
  if (header['alg'] !== key.algorithm) throw untrusted(`its algorithm is not that of its key, ${key.algorithm}`)
  return key
}

async function checkToken(token: string, key: BundleKey): Promise<void> {
  try {
    await compactVerify(token, key.key, { algorithms: [key.algorithm] })
  } catch (cause) {
    throw untrusted('its signature is not by its key', cause)
  }
}

/** The list and the archive have the same files, each once, each as it was hashed. */
function checkFiles(files: ReadonlyMap<string, Uint8Array>, listed: unknown): void {
  if (!Array.isArray(listed)) throw untrusted('its payload lists no files')
  const seen = new Set<string>()
  for (const item of listed as unknown[]) {
    if (typeof item !== 'object' || item === null || Object.keys(item).sort().join() !== 'algorithm,hash,name') throw untrusted('its payload has a file that is malformed')
    const { name, hash, algorithm } = item as Record<string, unknown>
    if (typeof name !== 'string' || typeof hash !== 'string' || typeof algorithm !== 'string') throw untrusted('its payload has a file that is malformed')
    // Spelled as it is there: `./data.json`, `/data.json` and `DATA.json` are other names.
    if (!files.has(name) || name === signaturesFile) throw untrusted('it lists a file that is not in the bundle')
    if (seen.has(name)) throw untrusted(`it lists ${name} twice`)
    seen.add(name)
    if (!Object.hasOwn(digestAlgorithms, algorithm)) throw untrusted(`${name} is hashed with something else than ${Object.keys(digestAlgorithms).join(', ')}`)
    if (fileDigest(files, name, algorithm) !== hash) throw untrusted(`${name} is not as it was signed`)
  }
  const missed = [...files.keys()].find(name => name !== signaturesFile && !seen.has(name))
  if (missed !== undefined) throw untrusted(`${missed} is not signed`)
}

function readPart(token: string, at: number, name: string): Record<string, unknown> {
  return readStrict(Buffer.from(token.split('.')[at] ?? '', 'base64url'), `its ${name}`)
}

function readStrict(bytes: Uint8Array, name: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(canonicalJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)))
  } catch (cause) {
    if (cause instanceof JsonFault || cause instanceof TypeError) throw untrusted(`${name} is not JSON`, cause)
    throw cause
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw untrusted(`${name} is not an object`)
  return value as Record<string, unknown>
}

function untrusted(why: string, cause?: unknown): PolicyError {
  return new PolicyError('ERR_BUNDLE_SIGNATURE', `the signature of the bundle is refused: ${why}`, { cause })
}
