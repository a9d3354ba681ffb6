// The digest of one file of a bundle, as OPA signs it: of the bytes, or of the canonical text where the file is structured.
import { hash } from 'node:crypto'
import { readCanonical } from '../bundle.ts'

/** OPA's names for those it may be. OPA takes MD5, SHA-1 and SHA-224 as well; nothing below 256 bits is taken here. */
export const digestAlgorithms: Readonly<Record<string, string>> = { 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512', 'SHA-512-256': 'sha512-256' }

/** OPA's `IsStructuredDoc`, of the files that belong into a bundle here. */
const structured = ['.manifest', 'data.json']

/**
 * Lower-case hex.
 * @param algorithm a name that `digestAlgorithms` has
 * @throws PolicyError `ERR_BUNDLE_MALFORMED` where a structured file is not strict JSON
 */
export function fileDigest(files: ReadonlyMap<string, Uint8Array>, name: string, algorithm: string): string {
  const content = structured.includes(name) ? readCanonical(files, name) : files.get(name) ?? new Uint8Array(0)
  return hash(digestAlgorithms[algorithm] ?? 'sha256', content, 'hex')
}
