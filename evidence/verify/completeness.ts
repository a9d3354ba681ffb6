// What is missing rather than false (FORMAT §11, exit 3): epochs and sessions without a close, calls without an outcome, and how far outsiders vouch.
import type { BatchLeaf } from './batch.ts'
import type { Findings } from './finding.ts'
import type { Sessions } from './sessions.ts'
import type { Trust } from './trust.ts'

/** The last batch of each node, by which "newest" and "young" are judged. */
export interface NodeEnd { readonly index: number; readonly leaf: BatchLeaf }

/**
 * The newest epoch of a node counts as open, not as a gap, while its last batch is younger than `maxAge` at `at` (both ms).
 * A batch dated after `at` by more than that is no younger: a date in the future must not keep an epoch open for ever.
 */
export function findGaps(sessions: Sessions, ends: ReadonlyMap<string, NodeEnd>, trust: Trust, at: number, findings: Findings): void {
  const isLive = (node: string, epoch: number): boolean => {
    const end = ends.get(node)
    return end !== undefined && end.leaf.epoch === epoch && Math.abs(at - end.leaf.time) < trust.maxAge && sessions.epochs.get(`${node} ${epoch}`)?.isClosed === false
  }
  for (const { node, epoch, isClosed, session } of sessions.epochs.values()) {
    if (isClosed || isLive(node, epoch)) continue
    const end = ends.get(node)
    const isNewest = end?.leaf.epoch === epoch
    findings.gap(isNewest ? 'epoch.open' : 'epoch.lost', `epoch ${epoch} of ${node}, session ${session}`, isNewest ? `it has no close, and its last batch is ${ageOf(at - (end?.leaf.time ?? at))} ${at < (end?.leaf.time ?? at) ? 'in the future' : 'old'}: what came after it is not on record` : 'it has no close and no later epoch accounts for it')
  }
  for (const state of sessions.open.values()) {
    if (state.isBroken || state.isNodeSession || isLive(state.node, state.epoch)) continue
    findings.gap('session.open', `session ${state.id}`, `it has no close, and epoch ${state.epoch} of ${state.node} is over`)
  }
  for (const { session, seq, node, epoch } of sessions.unanswered()) {
    if (!isLive(node, epoch)) findings.gap('intent.open', `session ${session}/${seq}`, 'the call has no outcome and no recovery names it')
  }
}

/** How far the log is vouched for by others than its operator. */
export interface Outside {
  /** Entries under the checkpoint the examiner kept. */
  readonly keptSize: number
  /** Entries under the newest checkpoint with enough cosignatures. */
  readonly witnessedSize: number
  /** Distinct witnesses on the pinned checkpoint. */
  readonly witnesses: readonly string[]
}

/** `timeOf(i)`: time of the cut of batch i, ms. */
export function findUnwitnessed(outside: Outside, hasKept: boolean, size: number, timeOf: (index: number) => number, trust: Trust, at: number, findings: Findings): void {
  const quorum = trust.quorum ?? 0
  const reach = Math.max(outside.keptSize, outside.witnessedSize)
  if (!hasKept && trust.quorum === undefined) {
    findings.gap('witness.none', 'log', 'WITNESSED BY 0: whoever holds the log key could have rewritten all of it')
    return
  }
  if (quorum > 0 && reach === 0) {
    findings.gap('witness.quorum', 'log', `no checkpoint has the ${quorum} cosignatures that the trust file asks for`)
    return
  }
  // With an explicit quorum of 0 and nothing kept, the trust file asks for no outside: nothing can be late.
  if (!hasKept && quorum === 0) return
  // Counted from the last batch that nobody can date anew: whoever took out what came next would also choose the time of what is there instead.
  const age = at - timeOf(reach - 1)
  if (Math.abs(age) <= trust.maxTail) return
  if (reach < size) findings.gap('tail.old', `batches ${reach} to ${size - 1}`, `nothing has been seen outside for ${ageOf(age)}: whoever holds the log key could have rewritten or removed what was recorded since`)
  // Also where nothing follows: a clean stop is no promise that the node never started again.
  else findings.gap('tail.old', `after batch ${size - 1}`, `the record ends ${ageOf(age)} before the time of this verdict: whoever holds the log key could have removed what was recorded since (of a node that was stopped for good, ask with --at the time of its end)`)
}

export function ageOf(ms: number): string {
  const s = Math.abs(Math.round(ms / 1000))
  if (s < 120) return `${s} s`
  if (s < 7200) return `${Math.round(s / 60)} min`
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} days`
}
