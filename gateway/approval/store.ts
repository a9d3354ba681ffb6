// Approvals on disk. Each change of state is one compare-and-set, so that two processes, or two people, cannot both win.
// An edge is claimed, put on record, then made: `claimed_until` keeps others out meanwhile and frees itself after a crash.
import { randomBytes } from 'node:crypto'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { Approval, ApprovalState, Verdict } from './approval.ts'

/** Longer than any frame takes to become durable; after it a claim is a crash's. */
const claimMs = 30_000
/** Rows that a list shows at once. */
export const maxListed = 200
/** Rows that are looked at to find those that somebody may see. */
const maxLookedAt = 20_000
/** Ended approvals stay readable here this long; the record keeps them for good. */
const keepEndedMs = 30 * 86_400_000
/** `claimed_until` of a row whose `pending` edge is not yet on record: nobody sees it. */
const unborn = Number.MAX_SAFE_INTEGER

const schema = `
CREATE TABLE IF NOT EXISTS approval (
  id TEXT PRIMARY KEY, state TEXT NOT NULL, subject TEXT NOT NULL, client TEXT NOT NULL, sponsor TEXT NOT NULL, target TEXT NOT NULL,
  action TEXT NOT NULL, resource TEXT NOT NULL, session TEXT NOT NULL, salt BLOB NOT NULL, operation BLOB NOT NULL, decision BLOB NOT NULL,
  requirement TEXT NOT NULL, reasons TEXT NOT NULL, request TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  claim TEXT, claimed_until INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS approval_of ON approval (subject, client, target, action, resource, state);
CREATE INDEX IF NOT EXISTS approval_due ON approval (state, expires_at);
CREATE INDEX IF NOT EXISTS approval_newest ON approval (created_at);
CREATE INDEX IF NOT EXISTS approval_newest_of ON approval (state, created_at);
CREATE TABLE IF NOT EXISTS verdict (
  approval TEXT NOT NULL REFERENCES approval (id), subject TEXT NOT NULL, groups TEXT NOT NULL, verdict TEXT NOT NULL, comment TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (approval, subject, verdict)
) STRICT;`

type Row = Record<string, SQLOutputValue>
export type Seeker = Pick<Approval, 'target' | 'action' | 'resource'> & { readonly subject: string; readonly client: string }

/** What says who may see it. */
export interface Listed { readonly requester: Pick<Approval['requester'], 'subject' | 'sponsor'>; readonly groups: Approval['groups'] }

export interface ApprovalStore {
  /** Stored but claimed: nobody sees it before its edge is on record and `release` was called. */
  insert(approval: Approval, now: number): Claim
  get(id: string): Approval | undefined
  /** Live (pending, approved, rejected; not past `now`) approvals that the same caller asked for, newest first. */
  of(seeker: Seeker, now: number): Approval[]
  countPending(subject: string, now: number): number
  /** Newest first, of those that are shown: others' requests, however many, push none of them out. */
  list(state: ApprovalState | 'all', now: number, isShown: (approval: Listed) => boolean): Approval[]
  /** Pending or approved, past their end. */
  due(now: number): Approval[]
  /** Keeps everyone else from changing this approval while an edge goes on record. undefined: it is not in that state, or someone else is at it. */
  claim(id: string, from: ApprovalState, now: number): Claim | undefined
  /** The compare-and-set. @returns false when the claim was lost */
  release(claim: Claim, to: ApprovalState, verdict?: Verdict): boolean
  /** Takes an unborn approval back: its edge could not be recorded. */
  withdraw(claim: Claim): void
  /** Deletes what ended long ago, and unborn rows that a crash left. */
  forget(now: number): void
  /** One use: approved → consumed in one statement, no claim between. @returns false when someone else consumed it, or it ended */
  consume(id: string, now: number): boolean
}

export interface Claim { readonly id: string; readonly token: string }

export function createApprovalStore(database: DatabaseSync): ApprovalStore {
  database.exec(schema)
  const insert = database.prepare(`INSERT INTO approval (id, state, subject, client, sponsor, target, action, resource, session, salt, operation, decision, requirement, reasons, request, created_at, expires_at, claim, claimed_until)
    VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${unborn})`)
  const visible = `NOT (state = 'pending' AND claimed_until = ${unborn})`
  const get = database.prepare(`SELECT * FROM approval WHERE id = ? AND ${visible}`)
  const of = database.prepare(`SELECT * FROM approval WHERE subject = ? AND client = ? AND target = ? AND action = ? AND resource = ? AND state IN ('pending', 'approved', 'rejected') AND expires_at > ? AND ${visible} ORDER BY created_at DESC LIMIT ${maxListed}`)
  const countPending = database.prepare(`SELECT count(*) AS n FROM approval WHERE subject = ? AND state = 'pending' AND expires_at > ?`)
  // Not the requests themselves: they are long, and most of them somebody else's.
  const listed = 'SELECT id, subject, sponsor, requirement FROM approval'
  const newest = `ORDER BY created_at DESC LIMIT ${maxLookedAt}`
  const listAll = database.prepare(`${listed} WHERE ${visible} ${newest}`)
  const listState = database.prepare(`${listed} WHERE state = ? AND expires_at > ? AND ${visible} ${newest}`)
  const listEnded = database.prepare(`${listed} WHERE state = ? ${newest}`)
  const due = database.prepare(`SELECT * FROM approval WHERE state IN ('pending', 'approved') AND expires_at <= ? AND ${visible} LIMIT ${maxListed}`)
  const verdicts = database.prepare('SELECT * FROM verdict WHERE approval = ? ORDER BY at')
  const claim = database.prepare('UPDATE approval SET claim = ?, claimed_until = ? WHERE id = ? AND state = ? AND claimed_until <= ?')
  const release = database.prepare('UPDATE approval SET state = ?, claim = NULL, claimed_until = 0 WHERE id = ? AND claim = ?')
  const addVerdict = database.prepare('INSERT INTO verdict (approval, subject, groups, verdict, comment, at) VALUES (?, ?, ?, ?, ?, ?)')
  const consume = database.prepare(`UPDATE approval SET state = 'consumed' WHERE id = ? AND state = 'approved' AND expires_at > ? AND claimed_until <= ?`)
  const withdraw = database.prepare(`DELETE FROM approval WHERE id = ? AND claim = ? AND claimed_until = ${unborn}`)
  const forgetUnborn = database.prepare(`DELETE FROM approval WHERE claimed_until = ${unborn} AND created_at < ?`)
  const forgetVerdicts = database.prepare(`DELETE FROM verdict WHERE approval IN (SELECT id FROM approval WHERE state NOT IN ('pending', 'approved') AND expires_at < ?)`)
  const forgetEnded = database.prepare(`DELETE FROM approval WHERE state NOT IN ('pending', 'approved') AND expires_at < ?`)
  const read = (row: Row): Approval => approvalOf(row, verdicts.all(String(row['id'])))

  function* shown(rows: Iterable<Row>, isShown: (approval: Listed) => boolean): Generator<Approval> {
    for (const row of rows) {
      if (!isShown({ requester: { subject: text(row, 'subject'), sponsor: text(row, 'sponsor') }, groups: requirementOf(row).groups })) continue
      const whole = get.get(text(row, 'id'))
      if (whole !== undefined) yield read(whole)
    }
  }

  return {
    insert(a, now) {
      const token = newToken()
      insert.run(a.id, a.requester.subject, a.requester.client, a.requester.sponsor, a.target, a.action, a.resource, a.session, a.salt, a.operation, a.decision,
        JSON.stringify({ groups: a.groups, quorum: a.quorum, justification: a.isJustificationRequired, actors: a.requester.actors, workload: a.requester.isWorkload }), JSON.stringify(a.reasons), JSON.stringify(a.request), now, a.expiresAt, token)
      return { id: a.id, token }
    },
    get(id) {
      const row = get.get(id)
      return row === undefined ? undefined : read(row)
    },
    of: (s, now) => of.all(s.subject, s.client, s.target, s.action, s.resource, now).map(read),
    countPending: (subject, now) => Number(countPending.get(subject, now)?.['n'] ?? 0),
    list(state, now, isShown) {
      const rows = state === 'all' ? listAll.iterate() : state === 'pending' || state === 'approved' ? listState.iterate(state, now) : listEnded.iterate(state)
      return [...shown(rows, isShown).take(maxListed)]
    },
    due: (now) => due.all(now).map(read),
    claim(id, from, now) {
      const token = newToken()
      return Number(claim.run(token, now + claimMs, id, from, now).changes) === 1 ? { id, token } : undefined
    },
    release({ id, token }, to, verdict) {
      database.exec('BEGIN IMMEDIATE')
      try {
        const isHeld = Number(release.run(to, id, token).changes) === 1
        if (isHeld && verdict !== undefined) addVerdict.run(id, verdict.subject, JSON.stringify(verdict.groups), verdict.verdict, verdict.comment, verdict.at)
        database.exec('COMMIT')
        return isHeld
      } catch (cause) {
        database.exec('ROLLBACK')
        throw cause
      }
    },
    withdraw({ id, token }) { withdraw.run(id, token) },
    forget(now) {
      forgetUnborn.run(now - claimMs)
      forgetVerdicts.run(now - keepEndedMs)
      forgetEnded.run(now - keepEndedMs)
    },
    consume: (id, now) => Number(consume.run(id, now, now).changes) === 1,
  }
}

function newToken(): string {
  return randomBytes(16).toString('hex')
}

function requirementOf(row: Row): Pick<Approval, 'groups' | 'quorum'> & { readonly justification: boolean; readonly actors?: string[]; readonly workload?: boolean } {
  return JSON.parse(text(row, 'requirement')) as ReturnType<typeof requirementOf>
}

function approvalOf(row: Row, verdicts: readonly Row[]): Approval {
  const requirement = requirementOf(row)
  return {
    id: text(row, 'id'), state: text(row, 'state') as ApprovalState,
    requester: { subject: text(row, 'subject'), client: text(row, 'client'), sponsor: text(row, 'sponsor'), actors: requirement.actors ?? [], isWorkload: requirement.workload ?? false },
    target: text(row, 'target'), action: text(row, 'action'), resource: text(row, 'resource'), session: text(row, 'session'),
    salt: bytes(row, 'salt'), operation: bytes(row, 'operation'), decision: bytes(row, 'decision'),
    groups: requirement.groups, quorum: requirement.quorum, isJustificationRequired: requirement.justification,
    reasons: JSON.parse(text(row, 'reasons')) as Approval['reasons'], request: JSON.parse(text(row, 'request')) as Approval['request'],
    createdAt: Number(row['created_at']), expiresAt: Number(row['expires_at']),
    verdicts: verdicts.map((v): Verdict => ({ subject: text(v, 'subject'), groups: JSON.parse(text(v, 'groups')) as string[], verdict: text(v, 'verdict') as Verdict['verdict'], comment: text(v, 'comment'), at: Number(v['at']) })),
  }
}

function text(row: Row, column: string): string {
  return String(row[column])
}

function bytes(row: Row, column: string): Uint8Array {
  const value = row[column]
  return value instanceof Uint8Array ? value : new Uint8Array()
}
