// What must outlive a restart: which policy is in force and who judges the next, so that no older one returns; what commits compiled to;
// which trees were in force before; and which emergency changes nobody has reviewed yet.
import type { DatabaseSync } from 'node:sqlite'
import type { ActivationRules } from '../config.ts'

const schema = `
CREATE TABLE IF NOT EXISTS policy_in_force (one INTEGER PRIMARY KEY CHECK (one = 1), revision TEXT NOT NULL, serial INTEGER NOT NULL, tree TEXT NOT NULL, allowed_signers TEXT NOT NULL, rules TEXT NOT NULL, signers TEXT NOT NULL, epoch INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS policy_history (serial INTEGER PRIMARY KEY, revision TEXT NOT NULL, tree TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS policy_build (revision TEXT NOT NULL, serial INTEGER NOT NULL, bundle TEXT NOT NULL, tests TEXT NOT NULL, PRIMARY KEY (revision, serial)) STRICT;
CREATE TABLE IF NOT EXISTS policy_review (serial INTEGER PRIMARY KEY, revision TEXT NOT NULL, tree TEXT NOT NULL, bundle TEXT NOT NULL, tests TEXT NOT NULL, due_at INTEGER NOT NULL, state TEXT NOT NULL CHECK (state IN ('open', 'overdue', 'closed'))) STRICT;`

export interface Remembered {
  readonly revision: string
  readonly serial: number
  /** hex, of the whole source tree */
  readonly tree: string
  /** Text of the allowed_signers that judge what comes next, and the rules it is judged by. */
  readonly allowedSigners: string
  readonly rules: ActivationRules
  /** Who signed this one. */
  readonly signers: readonly string[]
  /** The newest epoch of the record that this state has seen to its end. */
  readonly epoch: number
}

/** What one commit under one serial compiled to here. */
export interface Build { readonly bundle: string; readonly tests: string }

/** An emergency change that the ordinary quorum has not signed for yet. */
export interface Review {
  readonly serial: number
  readonly revision: string
  readonly tree: string
  readonly bundle: string
  readonly tests: string
  /** ms */
  readonly dueAt: number
  readonly state: 'open' | 'overdue'
}

export interface PolicyMemory {
  active(): Remembered | undefined
  /** All or nothing, and durable when it returns. `review` is opened with it. */
  setActive(active: Remembered, review?: Omit<Review, 'state'>): void
  /** An epoch more was seen to its end. */
  setEpoch(epoch: number): void
  /** The newest serial under which this tree was in force. */
  serialOf(tree: string): number | undefined
  buildOf(revision: string, serial: number): Build | undefined
  setBuild(revision: string, serial: number, build: Build): void
  /** Open and overdue ones, oldest first. */
  reviews(): readonly Review[]
  setReview(serial: number, state: 'overdue' | 'closed'): void
}

export function createPolicyMemory(database: DatabaseSync): PolicyMemory {
  database.exec(schema)
  const active = database.prepare('SELECT revision, serial, tree, allowed_signers, rules, signers, epoch FROM policy_in_force')
  const setActive = database.prepare('INSERT OR REPLACE INTO policy_in_force (one, revision, serial, tree, allowed_signers, rules, signers, epoch) VALUES (1, ?, ?, ?, ?, ?, ?, ?)')
  const setEpoch = database.prepare('UPDATE policy_in_force SET epoch = ?')
  const setHistory = database.prepare('INSERT OR REPLACE INTO policy_history (serial, revision, tree) VALUES (?, ?, ?)')
  const serialOf = database.prepare('SELECT max(serial) AS serial FROM policy_history WHERE tree = ?')
  const buildOf = database.prepare('SELECT bundle, tests FROM policy_build WHERE revision = ? AND serial = ?')
  const setBuild = database.prepare('INSERT OR REPLACE INTO policy_build (revision, serial, bundle, tests) VALUES (?, ?, ?, ?)')
  const reviews = database.prepare("SELECT serial, revision, tree, bundle, tests, due_at, state FROM policy_review WHERE state <> 'closed' ORDER BY serial")
  const openReview = database.prepare("INSERT OR REPLACE INTO policy_review (serial, revision, tree, bundle, tests, due_at, state) VALUES (?, ?, ?, ?, ?, ?, 'open')")
  const setReview = database.prepare('UPDATE policy_review SET state = ? WHERE serial = ?')
  return {
    active() {
      const row = active.get()
      if (row === undefined) return undefined
      return {
        revision: String(row['revision']), serial: Number(row['serial']), tree: String(row['tree']), allowedSigners: String(row['allowed_signers']),
        rules: JSON.parse(String(row['rules'])) as ActivationRules, signers: JSON.parse(String(row['signers'])) as string[], epoch: Number(row['epoch']),
      }
    },
    setActive({ revision, serial, tree, allowedSigners, rules, signers, epoch }, review) {
      database.exec('BEGIN IMMEDIATE')
      try {
        setActive.run(revision, serial, tree, allowedSigners, JSON.stringify(rules), JSON.stringify(signers), epoch)
        setHistory.run(serial, revision, tree)
        if (review !== undefined) openReview.run(review.serial, review.revision, review.tree, review.bundle, review.tests, review.dueAt)
        database.exec('COMMIT')
      } catch (error) {
        database.exec('ROLLBACK')
        throw error
      }
    },
    setEpoch(epoch) { setEpoch.run(epoch) },
    serialOf(tree) {
      const serial = serialOf.get(tree)?.['serial']
      return typeof serial === 'number' ? serial : undefined
    },
    buildOf(revision, serial) {
      const row = buildOf.get(revision, serial)
      return row === undefined ? undefined : { bundle: String(row['bundle']), tests: String(row['tests']) }
    },
    setBuild(revision, serial, { bundle, tests }) { setBuild.run(revision, serial, bundle, tests) },
    reviews: () => reviews.all().map((row): Review => ({
      serial: Number(row['serial']), revision: String(row['revision']), tree: String(row['tree']), bundle: String(row['bundle']), tests: String(row['tests']),
      dueAt: Number(row['due_at']), state: row['state'] === 'overdue' ? 'overdue' : 'open',
    })),
    setReview(serial, state) { setReview.run(state, serial) },
  }
}
