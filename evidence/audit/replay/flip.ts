// What changes for a caller between two decisions on the same call. Pure: the decisions are canonical, and nothing of the call is known here.
import type { ApprovalRequirement, Decision, Limits } from '../../../rego/index.ts'
import type { Flip, FlipKind } from './flip-kind.ts'
import { compareMasks } from './mask-flip.ts'

const none = 'none'

/** In a fixed order; empty when a caller would notice nothing, and a reader of the record nothing either. */
export function compareDecisions(base: Decision, head: Decision): readonly Flip[] {
  const effect = compareEffects(base, head)
  const flips: Flip[] = effect === undefined ? [] : [effect]
  if (base.approval !== null && head.approval !== null) flips.push(...compareApprovals(base.approval, head.approval, enforcing(head)))
  // A refused call has neither result nor record of one: its masks and limits say nothing.
  if (base.effect !== 'deny' && head.effect !== 'deny') flips.push(...compareMasks(base.mask, head.mask), ...compareLimits(base.limits, head.limits, enforcing(head)))
  if (base.effect !== 'deny' && head.effect !== 'deny') flips.push(...compareRecords(base, head))
  if (effect === undefined) flips.push(...compareReasons(base, head))
  return flips
}

const effectFlips: Readonly<Record<string, FlipKind>> = {
  'allow deny': 'allow_to_deny', 'require deny': 'approval_to_deny', 'allow require': 'approval_added',
  'deny allow': 'deny_to_allow', 'deny require': 'deny_to_approval', 'require allow': 'approval_removed',
}
const strictness = { allow: 0, require: 1, deny: 2 } as const

function compareEffects(base: Decision, head: Decision): Flip | undefined {
  const kind = effectFlips[`${base.effect} ${head.effect}`]
  if (kind === undefined) return undefined
  // The stricter side says why: what stops the call now, or what stopped it and is gone.
  const [strict, lax] = strictness[base.effect] > strictness[head.effect] ? [base, head] : [head, base]
  const still = new Set(enforcing(lax))
  const own = enforcing(strict).filter((id) => !still.has(id))
  return { kind, rules: own.length > 0 ? own : enforcing(strict), subjects: [], before: base.effect, after: head.effect }
}

/** Ids of the reasons that count, in order. */
function enforcing({ reasons }: Decision): string[] {
  return reasons.filter(({ mode }) => mode === 'enforce').map(({ id }) => id).toSorted()
}

function compareApprovals(base: ApprovalRequirement, head: ApprovalRequirement, rules: readonly string[]): Flip[] {
  const flips: Flip[] = []
  const add = (kind: FlipKind, before: string | number | boolean, after: string | number | boolean, subjects: readonly string[] = []) => {
    flips.push({ kind, rules, subjects, before: String(before), after: String(after) })
  }
  if (base.quorum !== head.quorum) add(head.quorum < base.quorum ? 'quorum_lowered' : 'quorum_raised', base.quorum, head.quorum)
  if (base.ttl_s !== head.ttl_s) add(head.ttl_s > base.ttl_s ? 'ttl_raised' : 'ttl_lowered', base.ttl_s, head.ttl_s)
  const isNoLaxer = implies(head, base)
  if (!isNoLaxer || !implies(base, head)) {
    const [before, after] = [approvers(base), approvers(head)]
    const subjects = [...after.filter((name) => !before.includes(name)), ...before.filter((name) => !after.includes(name))]
    // The same people, more or fewer of them: their names alone would say nothing.
    const [from, to] = before.join() === after.join() ? [seats(base), seats(head)] : [before, after]
    // Neither implies the other: somebody may approve who could not, so it counts as wider.
    add(isNoLaxer ? 'approvers_narrowed' : 'approvers_widened', from.join(', '), to.join(', '), subjects)
  }
  if (base.justification !== head.justification) add(head.justification === 'optional' ? 'justification_dropped' : 'justification_added', base.justification, head.justification)
  if (base.break_glass !== head.break_glass) add(head.break_glass ? 'break_glass_opened' : 'break_glass_closed', base.break_glass, head.break_glass)
  if (base.template !== head.template) add('approval_template', base.template, head.template)
  return flips
}

const approvers = ({ groups }: ApprovalRequirement): string[] => [...new Set(groups.flatMap(({ any_of }) => any_of))].toSorted()

const seats = ({ groups }: ApprovalRequirement): string[] => groups.map(({ any_of, min }) => [min, ...any_of.toSorted()].join(' ')).toSorted()

/**
 * Whether everybody who can meet `strict` meets `lax` as well: each seat that is asked for is asked for, no wider, by another seat of the other.
 * One seat never stands for two, as one person never does (gateway, approval/quorum.ts): Kuhn's augmenting paths, 64 seats at most on each side.
 */
function implies(strict: ApprovalRequirement, lax: ApprovalRequirement): boolean {
  const [given, wanted] = [seatsOf(strict), seatsOf(lax)]
  const taken = new Map<number, number>()
  const seat = (index: number, tried: Set<number>): boolean => given.some((names, at) => {
    if (tried.has(at) || !names.every((name) => wanted[index]?.includes(name))) return false
    tried.add(at)
    const holder = taken.get(at)
    if (holder !== undefined && !seat(holder, tried)) return false
    taken.set(at, index)
    return true
  })
  return wanted.every((_, index) => seat(index, new Set()))
}

/** A seat for each person that a group has to send. */
function seatsOf({ groups }: ApprovalRequirement): (readonly string[])[] {
  return groups.flatMap(({ any_of, min }) => Array.from({ length: min }, () => any_of))
}

function compareLimits(base: Limits, head: Limits, rules: readonly string[]): Flip[] {
  const flips: Flip[] = []
  const add = (isLooser: boolean, subject: string, before: string, after: string) => {
    flips.push({ kind: isLooser ? 'limit_loosened' : 'limit_tightened', rules, subjects: [subject], before, after })
  }
  for (const name of ['rows', 'bytes', 'timeout_ms'] as const) {
    const [before, after] = [base[name], head[name]]
    if (before !== after) add((after ?? Infinity) > (before ?? Infinity), name, String(before ?? none), String(after ?? none))
  }
  const [before, after] = [base.rate, head.rate]
  // Counted by another key, more may pass than before: nobody can tell from one decision, so it counts as looser.
  const isLooser = after === undefined || (before !== undefined && (after.key !== before.key || after.per_min > before.per_min))
  if (before?.key !== after?.key || before?.per_min !== after?.per_min) add(isLooser, 'rate', before === undefined ? none : `${before.per_min}/min by ${before.key}`, after === undefined ? none : `${after.per_min}/min by ${after.key}`)
  return flips
}

const recordLevels = { meta: 0, digest: 1, body: 2 } as const

function compareRecords(base: Decision, head: Decision): Flip[] {
  const flips: Flip[] = []
  const [before, after] = [base.record, head.record]
  if (before.level !== after.level) flips.push({ kind: recordLevels[after.level] < recordLevels[before.level] ? 'record_reduced' : 'record_extended', rules: [], subjects: ['record'], before: before.level, after: after.level })
  // What is forgotten sooner is kept less. A record without a time was made by no policy.
  if (before.retention !== after.retention) flips.push({ kind: daysOf(after.retention) < daysOf(before.retention) ? 'record_reduced' : 'retention_changed', rules: [], subjects: ['retention'], before: before.retention, after: after.retention })
  return flips
}

const days: Readonly<Record<string, number>> = { d: 1, m: 30, y: 365 }

/** `7y`, of the decision's schema. */
function daysOf(retention: string): number {
  return Number.parseInt(retention, 10) * (days[retention.slice(-1)] ?? Number.NaN)
}

/** Texts are compared and never told: what a message says may be anything that its rule can read. */
function compareReasons(base: Decision, head: Decision): Flip[] {
  const said = ({ reasons }: Decision) => reasons.map(({ id, mode }) => `${id} ${mode}`)
  const gone = said(base).filter((reason) => !said(head).includes(reason))
  const come = said(head).filter((reason) => !said(base).includes(reason))
  if (gone.length + come.length > 0) {
    const name = (reason: string) => reason.replace(/ enforce$/, '').replace(' ', ' as ')
    const rules = [...new Set([...come, ...gone].map((reason) => reason.slice(0, reason.indexOf(' '))))]
    return [{ kind: 'reasons_changed', rules, subjects: [], before: gone.map(name).join(', ') || none, after: come.map(name).join(', ') || none }]
  }
  return (['controls_changed', 'severity_changed', 'reason_text'] as const).flatMap((kind) => {
    const tell = ({ reasons }: Decision) => new Map(reasons.map((reason) => [`${reason.id} ${reason.mode}`, kind === 'controls_changed' ? reason.controls.join(', ') : kind === 'severity_changed' ? reason.severity ?? none : reason.msg]))
    const [before, after] = [tell(base), tell(head)]
    return [...before].filter(([reason, text]) => after.get(reason) !== text).map(([reason, text]): Flip => ({
      kind, rules: [reason.slice(0, reason.indexOf(' '))], subjects: [], ...(kind === 'reason_text' ? { before: '', after: '' } : { before: text || none, after: after.get(reason) || none }),
    }))
  })
}
