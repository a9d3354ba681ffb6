// The content-addressed store beside the log (FORMAT.md §9): leaves, session indexes, encrypted bodies. Every object's name is its SHA-256.
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { EvidenceError } from '../errors.ts'
import { decode, encode } from '../session/cbor.ts'
import { sha256 } from '../tlog/hash.ts'
import type { Disk } from './durable-fs.ts'

export type ObjectKind = 'leaves' | 'index' | 'bodies'
export interface StoreObject { readonly kind: ObjectKind; readonly name: Uint8Array; readonly bytes: Uint8Array }

export class Store {
  readonly #folder: string

  constructor(evidence: string) {
    this.#folder = path.join(evidence, 'store')
  }

  /** Durable on return. An object that is there already is left alone when its bytes are right, and replaced when they are not. */
  put(disk: Disk, { kind, name, bytes }: StoreObject): void {
    const file = this.#file(kind, name)
    if (existsSync(file) && Buffer.compare(readFileSync(file), bytes) === 0) return
    disk.write(file, bytes)
  }

  /** The bytes as named. @throws EvidenceError ERR_EVIDENCE_NOT_FOUND, ERR_EVIDENCE_CORRUPT */
  get(kind: ObjectKind, name: Uint8Array): Uint8Array {
    const bytes = readIfThere(this.#file(kind, name))
    if (bytes === undefined) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', `the store lacks ${kind} object ${hex(name)}`)
    if (Buffer.compare(sha256(bytes), name) !== 0) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `${kind} object ${hex(name)} of the store does not match its name`)
    return bytes
  }

  has(kind: ObjectKind, name: Uint8Array): boolean {
    return existsSync(this.#file(kind, name))
  }

  /** Which body objects batch `index` has: unsigned and replaceable, since bodies may be re-encrypted or erased. */
  putBodyIndex(disk: Disk, index: number, bodies: readonly Uint8Array[]): void {
    const bytes = encode(new Map<number, number | readonly Uint8Array[]>([[1, index], [2, bodies]]))
    const file = this.#bodyIndexFile(index)
    const there = readIfThere(file)
    if (there === undefined || Buffer.compare(there, bytes) !== 0) disk.write(file, bytes)
  }

  /** @throws EvidenceError ERR_EVIDENCE_NOT_FOUND, ERR_EVIDENCE_CORRUPT */
  bodyIndex(index: number): readonly Uint8Array[] {
    const bytes = readIfThere(this.#bodyIndexFile(index))
    if (bytes === undefined) throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', `the store lacks the body index of batch ${index}`)
    const map = decode(bytes)
    const names: unknown = map instanceof Map && map.get(1) === index ? map.get(2) : undefined
    if (!Array.isArray(names) || !names.every((name) => name instanceof Uint8Array && name.length === 32)) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `the body index of batch ${index} is malformed`)
    return names
  }

  #file(kind: ObjectKind, name: Uint8Array): string {
    return path.join(this.#folder, kind, hex(name).slice(0, 2), `${hex(name)}.cborseq`)
  }

  #bodyIndexFile(index: number): string {
    return path.join(this.#folder, 'body-index', `${index}.cbor`)
  }
}

function readIfThere(file: string): Uint8Array | undefined {
  try { return readFileSync(file) } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw cause
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
