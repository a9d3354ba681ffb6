// Metrics in Prometheus' form. Counters of the hot path are plain numbers; prom-client reads them when it is asked.
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Recorder } from '../evidence/index.ts'
import type { PolicyStatus } from './policy/index.ts'
import type { DecisionLog } from './decision-log/index.ts'
import type { Record } from './record/index.ts'

export interface Metrics {
  readonly registry: Registry
  decided(target: string, effect: string): void
  ended(target: string, end: string): void
  /** Nobody is known to stand behind it, or who is may not come in. `target` is empty where none was reached. */
  turnedAway(target: string, code: string): void
  /** An event of activation, by its name. */
  policy(event: string): void
}

export function createMetrics(recorder: Recorder, record: Record, policy: () => PolicyStatus, decisionLog?: DecisionLog): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, read: () => number) => new Gauge({ name, help, registers: [registry], collect() { this.set(read()) } })
  gauge('countersign_sessions_open', 'Sessions that are open', () => record.sessions.size)
  gauge('countersign_targets_fenced', 'Targets that take no calls after an ambiguous outcome', () => record.fence.targets.length)
  gauge('countersign_evidence_unsealed_bytes', 'Journal bytes that are not in a sealed batch', () => recorder.status().unsealedBytes)
  gauge('countersign_evidence_log_size', 'Batches in the evidence log', () => recorder.status().lastBatch?.size ?? 0)
  gauge('countersign_evidence_ready', '1 when frames can be recorded and the sealer keeps up', () => recorder.status().ready ? 1 : 0)
  gauge('countersign_policy_serial', 'Serial of the policy in force; 0: none is', () => policy().active?.serial ?? 0)
  gauge('countersign_policy_stale_seconds', 'Seconds since the policy repository could be looked at', () => policy().staleS)
  gauge('countersign_policy_head_refused', '1 while the head of the policy repository is refused', () => policy().refused === undefined || policy().pending !== undefined ? 0 : 1)
  gauge('countersign_policy_head_signatures_missing', 'Signatures that the head of the policy repository waits for', () => { const { pending } = policy(); return pending === undefined ? 0 : pending.needed - pending.signed })
  gauge('countersign_policy_reviews_open', 'Emergency changes of policy that nobody has reviewed yet', () => policy().reviews.length)
  gauge('countersign_policy_reviews_overdue', 'Of those, the ones whose time has passed', () => policy().reviews.filter(({ state }) => state === 'overdue').length)
  const events = new Counter({ name: 'countersign_policy_events_total', help: 'Activations, refusals, waits for signatures, roll-backs, emergencies and reviews', labelNames: ['event'], registers: [registry] })
  if (decisionLog !== undefined) {
    gauge('countersign_decision_log_queued', 'Events that wait to be delivered', () => decisionLog.status().queued)
    gauge('countersign_decision_log_lost', 'Events lost since the start because the queue was full', () => decisionLog.status().lost)
    gauge('countersign_decision_log_failing', '1 while the last delivery failed', () => decisionLog.status().isFailing ? 1 : 0)
  }
  return {
    registry,
    policy: (event) => events.inc({ event }),
    decided: tally(registry, 'countersign_decisions_total', 'Decisions by target and effect', 'effect'),
    turnedAway: tally(registry, 'countersign_turned_away_total', 'Connections and requests turned away before a session, by target and why', 'code'),
    ended: tally(registry, 'countersign_connections_total', 'Connections and exchanges by target and how they ended', 'end'),
  }
}

function tally(registry: Registry, name: string, help: string, label: string): (target: string, value: string) => void {
  const counts = new Map<string, { target: string; value: string; count: number }>()
  new Counter({
    name, help, labelNames: ['target', label], registers: [registry],
    collect() {
      this.reset()
      for (const { target, value, count } of counts.values()) this.inc({ target, [label]: value }, count)
    },
  })
  return (target, value) => {
    const key = `${target}\n${value}`
    const entry = counts.get(key)
    if (entry === undefined) counts.set(key, { target, value, count: 1 })
    else entry.count++
  }
}
