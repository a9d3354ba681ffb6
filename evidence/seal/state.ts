// What the sealer has signed, durable before anybody sees it: the one place that makes a fork impossible (compare-and-swap on the log's size),
// and the lock that keeps a second sealer out. SQLite in the sealer's folder; open sessions are kept in the same transaction.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { EvidenceError } from '../errors.ts'
import { syncFolder } from '../repository/durable-fs.ts'
import { CompactTree } from '../tlog/compact.ts'
import { hashBytes } from '../tlog/hash.ts'
import type { Place } from './journal.ts'
import type { SessionState } from './sessions.ts'

/** A sealer whose gateway was killed still seals what it knows, so the next one waits for it. */
const lockWaitMs = 5_000

/** The last signed head. With it alone a commit that never came to pass can be made. */
export interface SignedHead {
  readonly size: number
  /** The signed note; empty at size 0. */
  readonly note: string
  readonly leaf: Uint8Array
  readonly leafHash: Uint8Array
  readonly frontier: readonly Uint8Array[]
  /** Of the journal, behind the cut; undefined when it is not known. */
  readonly place: Place | undefined
}

export class SealerState {
  readonly #database: DatabaseSync

  /** Takes the lock, for as long as the process lives. @throws EvidenceError ERR_EVIDENCE_LOCKED */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#database = new DatabaseSync(path.join(folder, 'state.db'), { timeout: lockWaitMs })
    try {
      // An exclusive lock taken by the first transaction and never let go; the kernel drops it with the process.
      this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT')
    } catch (cause) {
      this.#database.close()
      if (cause instanceof Error && cause.message.includes('locked')) throw new EvidenceError('ERR_EVIDENCE_LOCKED', 'another sealer holds this log', { cause })
      throw cause
    }
    this.#database.exec(schema)
    syncFolder(folder)
  }

  head(): SignedHead {
    const row = this.#database.prepare('SELECT size, note, leaf, leaf_hash, frontier, segment, position FROM log').get()
    if (row === undefined) return emptyHead
    const { size, note, leaf, leaf_hash: leafHash, frontier, segment, position } = row
    return {
      size: Number(size), note: String(note), leaf: leaf as Uint8Array, leafHash: leafHash as Uint8Array, frontier: splitHashes(frontier as Uint8Array),
      place: segment === null ? undefined : { segment: Number(segment), offset: Number(position) },
    }
  }

  sessions(): SessionState[] {
    return this.#database.prepare('SELECT id, epoch, ordinal, is_node, count, frontier, last, ordinals, open_intents FROM session').all().map((row) => ({
      id: row['id'] as Uint8Array, epoch: Number(row['epoch']), ordinal: Number(row['ordinal']), isNode: row['is_node'] === 1,
      tree: CompactTree.from(Number(row['count']), splitHashes(row['frontier'] as Uint8Array)), last: Buffer.from(row['last'] as Uint8Array).toString('latin1'), ordinals: Number(row['ordinals']),
      openIntents: new Set((JSON.parse(String(row['open_intents'])) as unknown[]).map(Number)), isClosed: false, first: -1,
    }))
  }

  /** From the head of one size to the next, with the sessions it touched; durable on return. @throws EvidenceError ERR_EVIDENCE_FORK when the head is not of that size */
  advance(from: number, to: SignedHead, touched: Iterable<SessionState>): void {
    this.#transaction(() => {
      if (this.head().size !== from) throw new EvidenceError('ERR_EVIDENCE_FORK', `the last signed size is ${this.head().size}, not ${from}: two heads of one size are never signed`)
      this.#putHead(to)
      this.#putSessions(touched)
    })
  }

  /** Takes over a longer log from the repository, with all its open sessions. */
  adopt(head: SignedHead, sessions: Iterable<SessionState>): void {
    this.#transaction(() => {
      this.#putHead(head)
      this.#database.exec('DELETE FROM session')
      this.#putSessions(sessions)
    })
  }

  close(): void { this.#database.close() }

  #transaction(write: () => void): void {
    this.#database.exec('BEGIN EXCLUSIVE')
    try {
      write()
      this.#database.exec('COMMIT')
    } catch (cause) {
      this.#database.exec('ROLLBACK')
      throw cause
    }
  }

  #putHead({ size, note, leaf, leafHash, frontier, place }: SignedHead): void {
    this.#database.prepare('INSERT OR REPLACE INTO log (one, size, note, leaf, leaf_hash, frontier, segment, position) VALUES (1, ?, ?, ?, ?, ?, ?, ?)')
      .run(size, note, leaf, leafHash, Buffer.concat(frontier), place?.segment ?? null, place?.offset ?? null)
  }

  #putSessions(sessions: Iterable<SessionState>): void {
    const put = this.#database.prepare('INSERT OR REPLACE INTO session (id, epoch, ordinal, is_node, count, frontier, last, ordinals, open_intents) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)')
    const drop = this.#database.prepare('DELETE FROM session WHERE id = ?')
    for (const session of sessions) {
      if (session.isClosed) drop.run(session.id)
      else put.run(session.id, session.epoch, session.ordinal, session.isNode ? 1 : 0, session.tree.size, Buffer.concat(session.tree.frontier), Buffer.from(session.last, 'latin1'), session.ordinals, JSON.stringify([...session.openIntents]))
    }
  }
}

export const emptyHead: SignedHead = { size: 0, note: '', leaf: new Uint8Array(0), leafHash: new Uint8Array(hashBytes), frontier: [], place: undefined }

const schema = `
  CREATE TABLE IF NOT EXISTS log (one INTEGER PRIMARY KEY CHECK (one = 1), size INTEGER NOT NULL, note TEXT NOT NULL, leaf BLOB NOT NULL, leaf_hash BLOB NOT NULL,
    frontier BLOB NOT NULL, segment INTEGER, position INTEGER) STRICT;
  CREATE TABLE IF NOT EXISTS session (id BLOB PRIMARY KEY, epoch INTEGER NOT NULL, ordinal INTEGER NOT NULL, is_node INTEGER NOT NULL, count INTEGER NOT NULL,
    frontier BLOB NOT NULL, last BLOB NOT NULL, ordinals INTEGER NOT NULL, open_intents TEXT NOT NULL) STRICT`

function splitHashes(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / hashBytes }, (_, i) => bytes.subarray(i * hashBytes, (i + 1) * hashBytes))
}
