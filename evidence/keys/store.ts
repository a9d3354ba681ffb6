// The key store: session keys, wrapped, in a mutable database that is never part of the evidence. A key is durable before the first frame it
// protects, belongs to one session of one epoch, and is never handed out twice: a start makes new ones, and leaves what an earlier one left over.
import { mkdirSync, existsSync } from 'node:fs'
import { createSecretKey, randomBytes } from 'node:crypto'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import path from 'node:path'
import { EvidenceError } from '../errors.ts'
import type { SessionKey } from '../session/box.ts'
import { createKek, keyBytes, loadKek, unwrapKey, wrapKey } from './wrap.ts'

const keyIdBytes = 16
const defaultPoolSize = 128
const schema = 'CREATE TABLE IF NOT EXISTS session_keys (key_id BLOB PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID'

export class KeyStore implements Disposable {
  readonly #kek: Uint8Array
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #poolSize: number
  readonly #pool: SessionKey[] = []
  #refill: NodeJS.Immediate | undefined

  /** Opens or makes the store in `directory` (0700) and makes a first pool of keys durable. @throws EvidenceError `ERR_EVIDENCE_KEY` */
  constructor(directory: string, poolSize: number = defaultPoolSize) {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const file = path.join(directory, 'keys.sqlite')
    // A store without its key-encryption key is lost; a new one beside it would only hide that.
    const isNew = !existsSync(file) && !existsSync(path.join(directory, 'kek'))
    this.#kek = isNew ? createKek(directory) : loadKek(directory)
    this.#database = new DatabaseSync(file)
    this.#database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 5000; ${schema}`)
    this.#insert = this.#database.prepare('INSERT INTO session_keys (key_id, wrapped) VALUES (?, ?)')
    this.#poolSize = poolSize
    this.#fill()
  }

  /** A key that is durable and that nobody had before. @throws EvidenceError `ERR_EVIDENCE_KEY` when the pool is empty and no key can be made durable */
  take(): SessionKey {
    if (this.#pool.length === 0) this.#fill()
    const key = this.#pool.pop()
    if (key === undefined) throw new EvidenceError('ERR_EVIDENCE_KEY', 'no session key could be made durable')
    if (this.#pool.length < this.#poolSize / 2) this.#refill ??= setImmediate(() => { this.#refillQuietly() })
    return key
  }

  [Symbol.dispose](): void {
    clearImmediate(this.#refill)
    this.#pool.length = 0
    this.#database.close()
  }

  #refillQuietly(): void {
    this.#refill = undefined
    try {
      this.#fill()
    } catch {
      // Half a pool is left; `take` says so when it is empty.
    }
  }

  #fill(): void {
    const fresh: SessionKey[] = []
    try {
      this.#database.exec('BEGIN IMMEDIATE')
      while (fresh.length + this.#pool.length < this.#poolSize) {
        const id = randomBytes(keyIdBytes)
        const key = randomBytes(keyBytes)
        this.#insert.run(id, wrapKey(this.#kek, key))
        fresh.push({ id, key: createSecretKey(key) })
        key.fill(0)
      }
      this.#database.exec('COMMIT')
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw new EvidenceError('ERR_EVIDENCE_KEY', 'session keys cannot be made durable', { cause })
    }
    this.#pool.push(...fresh)
  }
}

/** Every session key of the store, for `evidence verify --keys`: one JSON object a line, `{"key_id": hex, "key": hex}`. Whoever holds it reads every body. */
export function* exportSessionKeys(directory: string): Generator<string> {
  const kek = loadKek(directory)
  const database = new DatabaseSync(path.join(directory, 'keys.sqlite'), { readOnly: true })
  try {
    for (const row of database.prepare('SELECT key_id, wrapped FROM session_keys ORDER BY key_id').iterate()) {
      const { key_id: id, wrapped } = row
      if (!(id instanceof Uint8Array) || !(wrapped instanceof Uint8Array)) throw new EvidenceError('ERR_EVIDENCE_KEY', 'a row of the key store is malformed')
      yield `${JSON.stringify({ key_id: hex(id), key: hex(unwrapKey(kek, wrapped)) })}\n`
    }
  } finally {
    database.close()
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
