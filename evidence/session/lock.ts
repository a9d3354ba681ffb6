// One process per journal. Node has no flock: an exclusive SQLite transaction is a lock that the kernel drops when the process dies, however it dies.
import { DatabaseSync } from 'node:sqlite'
import path from 'node:path'
import { EvidenceError } from '../errors.ts'

/** SQLITE_BUSY: of all that can fail here the only one that is another process's doing. */
const sqliteBusy = 5

/** Holds `<directory>/lock` until disposed. @throws EvidenceError `ERR_EVIDENCE_LOCKED` */
export function lockDirectory(directory: string): Disposable {
  const file = path.join(directory, 'lock')
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(file)
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    const { errcode, message } = cause as { readonly errcode?: unknown; readonly message: string }
    throw new EvidenceError('ERR_EVIDENCE_LOCKED', errcode === sqliteBusy ? `another process holds ${directory}` : `${file} cannot be locked: ${message}`, { cause })
  }
  const held = database
  return {
    [Symbol.dispose]() {
      held.close()
    },
  }
}
