// One process per journal. Node has no flock: an exclusive SQLite transaction is a lock that the kernel drops when the process dies, however it dies.
import { DatabaseSync } from 'node:sqlite'
import path from 'node:path'
import { EvidenceError } from '../errors.ts'

/** Holds `<directory>/lock` until disposed. @throws EvidenceError `ERR_EVIDENCE_LOCKED` */
export function lockDirectory(directory: string): Disposable {
  const database = new DatabaseSync(path.join(directory, 'lock'))
  try {
    database.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
  } catch (cause) {
    database.close()
    throw new EvidenceError('ERR_EVIDENCE_LOCKED', `another process holds ${directory}`, { cause })
  }
  return {
    [Symbol.dispose]() {
      database.close()
    },
  }
}
