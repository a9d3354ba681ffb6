// The policy compiler's binary: committed compressed, used only if its bytes are the ones whose digest is committed beside it.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { PolicyError } from '../errors.ts'

/** Consecutive parts of the module, each compressed by itself: they are unpacked side by side, in half the time. */
export const artefactParts = ['opa-toolchain.wasm.0.br', 'opa-toolchain.wasm.1.br', 'opa-toolchain.wasm.2.br', 'opa-toolchain.wasm.3.br'] as const
const digestPath = fileURLToPath(new URL('opa-toolchain.sha256', import.meta.url))
// Twice what OPA 1.22 needs: a decompression bomb ends here.
const maxArtefactBytes = 96 * 1024 * 1024
// A part in one piece: by Node's 16 KiB, the way there and back takes as long as the unpacking.
const chunkSize = 12 * 1024 * 1024

/** SHA-256 (hex) of the compiler that made a bundle: `compiler_digest` in its manifest. */
export function compilerDigest(): string {
  return readFileSync(digestPath, 'utf8').trim()
}

/** @throws PolicyError ERR_TOOLCHAIN_DIGEST if a part is missing, cut short or not the committed one */
export async function readArtefact(): Promise<Uint8Array<ArrayBuffer>> {
  return openArtefact(artefactParts.map(file => readFile(new URL(file, import.meta.url))), compilerDigest())
}

/** The parts decompressed and joined, whose SHA-256 is `expected` (hex). @throws PolicyError ERR_TOOLCHAIN_DIGEST */
export async function openArtefact(parts: readonly (Uint8Array | Promise<Uint8Array>)[], expected: string): Promise<Uint8Array<ArrayBuffer>> {
  let wasm: Uint8Array<ArrayBuffer>
  try {
    const limits = { maxOutputLength: Math.floor(maxArtefactBytes / parts.length), chunkSize }
    const opened = await Promise.all(parts.map(async part => promisify(brotliDecompress)(await part, limits)))
    wasm = Buffer.concat(opened)
  } catch (cause) {
    throw new PolicyError('ERR_TOOLCHAIN_DIGEST', 'the policy compiler cannot be decompressed', { cause })
  }
  const digest = createHash('sha256').update(wasm).digest('hex')
  if (digest !== expected) throw new PolicyError('ERR_TOOLCHAIN_DIGEST', `the policy compiler has digest ${digest}, expected ${expected}`)
  return wasm
}
