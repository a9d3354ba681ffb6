// The verdict as data: what `--json` prints and what the report for people is written from. FORMAT §11.
import type { BodyCounts } from './bodies.ts'
import type { FalseCode, Finding, Findings, GapCode } from './finding.ts'
import { hex } from './merkle.ts'
import type { SessionCounts } from './sessions.ts'
import type { Verification, VerifyOptions } from './verification.ts'

export interface Verdict {
  readonly verdict: 'intact' | 'false' | 'incomplete'
  readonly exit: 0 | 1 | 3
  /** ISO 8601; the time the verdict is for. */
  readonly at: string
  readonly log: { readonly commit: string; readonly origin: string; readonly size: number; readonly root: string } | null
  /** Where the keys came from. */
  readonly keys: 'trust file' | 'kept checkpoint' | 'the record itself'
  readonly outside: {
    readonly kept_size: number
    readonly witnessed_size: number
    readonly quorum: number | null
    readonly witnesses: readonly string[]
  }
  readonly checked: { readonly batches: number; readonly epochs: number; readonly largest_window_us: number; readonly bodies: BodyCounts & { readonly were_opened: boolean; readonly sessions_without_key: number } } & SessionCounts
  readonly open: { readonly sessions: number }
  readonly false_count: number
  readonly falsities: readonly Finding<FalseCode>[]
  readonly gap_count: number
  readonly gaps: readonly Finding<GapCode>[]
}

export function verdictOf(run: Verification, findings: Findings, options: VerifyOptions): Verdict {
  const exit = findings.falseCount > 0 ? 1 : findings.gapCount > 0 ? 3 : 0
  const { sessions, bodies, outside, trust } = run
  const { entries, origin } = run.history
  const newest = entries.at(-1)
  return {
    verdict: exit === 1 ? 'false' : exit === 3 ? 'incomplete' : 'intact',
    exit,
    at: new Date(options.at).toISOString(),
    log: newest === undefined ? null : { commit: newest.id, origin, size: newest.size, root: hex(newest.root) },
    keys: trust !== undefined && !trust.isOwnWord ? 'trust file' : options.since === undefined ? 'the record itself' : 'kept checkpoint',
    outside: { kept_size: outside.keptSize, witnessed_size: outside.witnessedSize, quorum: trust?.quorum ?? null, witnesses: outside.witnesses },
    checked: {
      batches: run.checked, epochs: sessions.epochs.size, largest_window_us: run.largestWindow, ...sessions.counts,
      bodies: { ...bodies.counts, were_opened: options.keys !== undefined, sessions_without_key: bodies.withoutKey.size },
    },
    open: { sessions: sessions.open.size },
    false_count: findings.falseCount,
    falsities: findings.falsities,
    gap_count: findings.gapCount,
    gaps: findings.gaps,
  }
}
