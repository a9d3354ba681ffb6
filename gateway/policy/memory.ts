// What must outlive a restart: which policy is in force, so that no older one returns, and which bundle a commit compiled to.
import type { DatabaseSync } from 'node:sqlite'

const schema = `
CREATE TABLE IF NOT EXISTS active_policy (one INTEGER PRIMARY KEY CHECK (one = 1), revision TEXT NOT NULL, serial INTEGER NOT NULL, signers TEXT NOT NULL, signer TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS compiled_bundle (revision TEXT NOT NULL, serial INTEGER NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (revision, serial)) STRICT;`

export interface Remembered {
  readonly revision: string
  readonly serial: number
  /** Text of the allowed_signers that judge what comes next. */
  readonly signers: string
  /** Who signed this one. */
  readonly signer: string
}

export interface PolicyMemory {
  active(): Remembered | undefined
  setActive(active: Remembered): void
  /** hex digest of the bundle that a commit compiled to, if it did here */
  bundleOf(revision: string, serial: number): string | undefined
  setBundle(revision: string, serial: number, digest: string): void
}

export function createPolicyMemory(database: DatabaseSync): PolicyMemory {
  database.exec(schema)
  const active = database.prepare('SELECT revision, serial, signers, signer FROM active_policy')
  const setActive = database.prepare('INSERT OR REPLACE INTO active_policy (one, revision, serial, signers, signer) VALUES (1, ?, ?, ?, ?)')
  const bundleOf = database.prepare('SELECT digest FROM compiled_bundle WHERE revision = ? AND serial = ?')
  const setBundle = database.prepare('INSERT OR REPLACE INTO compiled_bundle (revision, serial, digest) VALUES (?, ?, ?)')
  return {
    active() {
      const row = active.get()
      return row === undefined ? undefined : { revision: String(row['revision']), serial: Number(row['serial']), signers: String(row['signers']), signer: String(row['signer']) }
    },
    setActive({ revision, serial, signers, signer }) { setActive.run(revision, serial, signers, signer) },
    bundleOf(revision, serial) {
      const digest = bundleOf.get(revision, serial)?.['digest']
      return typeof digest === 'string' ? digest : undefined
    },
    setBundle(revision, serial, digest) { setBundle.run(revision, serial, digest) },
  }
}
