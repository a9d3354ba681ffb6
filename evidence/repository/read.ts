// Reads the evidence log back out of `log.git`, through isomorphic-git: head, checkpoint, batch leaves. For the sealer and for exports; the verifier has a reader of its own.
import { promises } from 'node:fs'
import path from 'node:path'
import git, { type TreeEntry } from 'isomorphic-git'
import { EvidenceError } from '../errors.ts'
import { parseCheckpoint, type Checkpoint } from '../tlog/checkpoint.ts'
import { parseNote } from '../tlog/note.ts'
import { branch, checkpointPath, leafFolder } from './layout.ts'

export interface Head { readonly commit: string; readonly tree: string; readonly note: string; readonly checkpoint: Checkpoint }

export class LogReader {
  readonly #source: { readonly fs: { readonly promises: typeof promises }; readonly gitdir: string; readonly cache: object }
  // Folders of leaves by name: reading a log in order would parse each of them size / 256 times.
  readonly #folders = new Map<string, { readonly tree: string; readonly entries: ReadonlyMap<string, string> }>()

  constructor(evidence: string) {
    this.#source = { fs: { promises }, gitdir: path.join(evidence, 'log.git'), cache: {} }
  }

  /** Undefined before the first commit. @throws EvidenceError ERR_TLOG_NOTE, ERR_TLOG_CHECKPOINT, ERR_EVIDENCE_CORRUPT */
  async head(): Promise<Head | undefined> {
    let commit: string
    try { commit = await git.resolveRef({ ...this.#source, ref: branch }) } catch (cause) {
      if (cause instanceof git.Errors.NotFoundError) return undefined
      throw new EvidenceError('ERR_EVIDENCE_CORRUPT', 'the branch of the evidence repository cannot be read', { cause })
    }
    const { oid: tree } = await this.#read('head', () => git.readTree({ ...this.#source, oid: commit }))
    const note = Buffer.from(await this.file(tree, checkpointPath)).toString()
    return { commit, tree, note, checkpoint: parseCheckpoint(parseNote(note).text) }
  }

  /** @throws EvidenceError ERR_EVIDENCE_CORRUPT */
  async file(tree: string, filepath: string): Promise<Uint8Array> {
    const { blob } = await this.#read(filepath, () => git.readBlob({ ...this.#source, oid: tree, filepath }))
    return blob
  }

  /** @throws EvidenceError ERR_EVIDENCE_CORRUPT when the log should have it and has not */
  async leaf(tree: string, index: number): Promise<Uint8Array> {
    const folder = leafFolder(index)
    const known = this.#folders.get(folder)
    const entries = known?.tree === tree ? known.entries : new Map((await this.folder(tree, `leaf/${folder}`)).map((entry) => [entry.path, entry.oid]))
    if (entries !== known?.entries) this.#folders.set(folder, { tree, entries })
    const oid = entries.get(String(index))
    if (oid === undefined) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `the evidence repository lacks batch leaf ${index}`)
    const { blob } = await this.#read(`batch leaf ${index}`, () => git.readBlob({ ...this.#source, oid }))
    return blob
  }

  /** All batch leaves up to the head's size, in order. */
  async *leaves(head: Head): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < head.checkpoint.size; i++) yield await this.leaf(head.tree, i)
  }

  /** Entries of a folder; none when it is not there. */
  async folder(tree: string, filepath?: string): Promise<TreeEntry[]> {
    try {
      const { tree: entries } = await git.readTree({ ...this.#source, oid: tree, ...(filepath === undefined ? {} : { filepath }) })
      return entries
    } catch (cause) {
      if (cause instanceof git.Errors.NotFoundError) return []
      throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `${filepath ?? 'the root'} of the evidence repository cannot be read`, { cause })
    }
  }

  async #read<T>(what: string, read: () => Promise<T>): Promise<T> {
    try { return await read() } catch (cause) { throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `${what} of the evidence repository cannot be read`, { cause }) }
  }
}
