// The store's files (FORMAT §9), found by the names that batch leaves and body indexes give. Bytes are hashed once, before anything else is done with them.
import { join } from 'node:path'
import { FalseClaim } from './finding.ts'
import type { FalseCode } from './finding.ts'
import { emptyRoot, hex, isEqual, sha256 } from './merkle.ts'
import { readRegularFile } from './regular-file.ts'

/** One object of one batch: 60 s at 16,000 frames/s is a quarter of it. */
export const maxObjectBytes = 1024 * 1024 * 1024

/** The names of 65,536 body objects. */
const maxBodyIndexBytes = 4 * 1024 * 1024

/** An object larger than this belongs to one batch: read for each that names it, a small record could keep its reader busy for days. */
const maxSharedBytes = 1024 * 1024

const codes = { leaves: 'leaves.file', index: 'index.file', bodies: 'body.file' } as const satisfies Record<string, FalseCode>

export class Store {
  readonly #path: string
  /** Of large objects: the batch that named each first. */
  readonly #owners = new Map<string, number>()

  constructor(path: string) { this.#path = path }

  /** `store/<folder>/<hh>/<sha256>.cborseq`, as findings name it. */
  nameOf(folder: keyof typeof codes, name: Uint8Array): string {
    const text = hex(name)
    return `store/${folder}/${text.slice(0, 2)}/${text}.cborseq`
  }

  /** @param batch whose it is, where one object may not be that of two. @throws FalseClaim when it is missing, or is not what its name says */
  read(folder: keyof typeof codes, name: Uint8Array, batch?: number): Buffer {
    const file = this.nameOf(folder, name).slice('store/'.length)
    const owner = this.#owners.get(file)
    if (owner !== undefined && batch !== undefined && owner !== batch) throw new FalseClaim(codes[folder], `the file is that of batch ${owner}`)
    const bytes = this.#readIfThere(file, codes[folder])
    if (bytes !== undefined && bytes.length > maxSharedBytes && batch !== undefined) this.#owners.set(file, batch)
    // The empty object need not be stored: its name says all.
    if (bytes === undefined && isEqual(name, emptyRoot)) return Buffer.alloc(0)
    if (bytes === undefined) throw new FalseClaim(codes[folder], 'the file is missing')
    if (!isEqual(sha256(bytes), name)) throw new FalseClaim(codes[folder], 'the file is not what its name says')
    return bytes
  }

  /** Bytes of `store/body-index/<i>.cbor`, or undefined when there is none. */
  bodyIndex(batch: number): Buffer | undefined { return this.#readIfThere(join('body-index', `${batch}.cbor`), 'body.index', maxBodyIndexBytes) }

  #readIfThere(name: string, code: FalseCode, maxBytes = maxObjectBytes): Buffer | undefined {
    return readRegularFile(join(this.#path, name), maxBytes, code)
  }
}
