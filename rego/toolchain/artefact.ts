// The policy compiler's binary: committed compressed, used only if its bytes are the ones whose digest is committed beside it.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync } from 'node:zlib'
import { PolicyError } from '../errors.ts'

const artefactPath = fileURLToPath(new URL('opa-toolchain.wasm.br', import.meta.url))
const digestPath = fileURLToPath(new URL('opa-toolchain.sha256', import.meta.url))
// Twice what OPA 1.22 needs: a decompression bomb ends here.
const maxArtefactBytes = 96 * 1024 * 1024

/** SHA-256 (hex) of the compiler that made a bundle: `compiler_digest` in its manifest. */
export function compilerDigest(): string {
  return readFileSync(digestPath, 'utf8').trim()
}

/** @throws PolicyError ERR_TOOLCHAIN_DIGEST if the file is missing, cut short or not the committed one */
export function readArtefact(): Uint8Array<ArrayBuffer> {
  return openArtefact(readFileSync(artefactPath), compilerDigest())
}

/** Decompressed bytes whose SHA-256 is `expected` (hex). @throws PolicyError ERR_TOOLCHAIN_DIGEST */
export function openArtefact(compressed: Uint8Array, expected: string): Uint8Array<ArrayBuffer> {
  let wasm: Uint8Array<ArrayBuffer>
  try {
    wasm = brotliDecompressSync(compressed, { maxOutputLength: maxArtefactBytes })
  } catch (cause) {
    throw new PolicyError('ERR_TOOLCHAIN_DIGEST', 'the policy compiler cannot be decompressed', { cause })
  }
  const digest = createHash('sha256').update(wasm).digest('hex')
  if (digest !== expected) throw new PolicyError('ERR_TOOLCHAIN_DIGEST', `the policy compiler has digest ${digest}, expected ${expected}`)
  return wasm
}
