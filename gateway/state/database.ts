// The node's own state (approvals, the policy in force): SQLite, durable at every commit.
// The record is elsewhere: what is lost here stops calls, it never loses evidence.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { GatewayError } from '../errors.ts'

/** Another process (a backup, a second gateway by mistake) may hold the write lock this long. */
const busyTimeoutMs = 5_000

/**
 * Opens or makes the database.
 * @throws GatewayError ERR_STATE
 */
export function openDatabase(path: string): DatabaseSync {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const database = new DatabaseSync(path, { timeout: busyTimeoutMs })
    // FULL: a consumed approval must stay consumed after a power loss, so each commit waits for the disk.
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF')
    return database
  } catch (cause) {
    // SQLite's own words ("attempt to write a readonly database"), which quote nothing of what is in it.
    throw new GatewayError('ERR_STATE', `the state database ${path} cannot be opened: ${cause instanceof Error ? cause.message : 'no reason given'}`, { cause })
  }
}
