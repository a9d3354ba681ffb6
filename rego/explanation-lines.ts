// What `policy explain` says to people: the decision, who made each part of it, and who nearly spoke.
import type { ApprovalRequirement, Decision, MaskRule } from './decision.ts'
import type { ExplainedPart, ExplainedRule, Explanation, MissedRule } from './explain.ts'
import type { Style } from './report.ts'

type Show = (file: string) => string

// More would be a listing of the policy.
const shownMissed = 8

export function explanationLines({ decided, why, parts, missed }: Explanation, show: Show, style: Style): string[] {
  if (decided === undefined) return [`${style.bad('deny')}  no decision: ${why}`, ...missedLines(missed, true, show, style)].map(plain)
  const { decision } = decided
  const by = (member: ExplainedPart['member'], id: string) => parts.filter(part => part.member === member && part.id === id).map(part => ruleLine(part.by, show, style))
  return [
    decision.effect === 'allow' ? style.good('allow') : style.bad(decision.effect),
    ...section('reasons', decision.reasons.flatMap(({ id, msg, mode }) => [`  ${id}${mode === 'enforce' ? '' : ` (${mode})`}  ${msg}`, ...by('reasons', id), ...by('allow', id)])),
    ...decision.approval === null ? [] : section('approval', [`  ${approvalText(decision.approval)}`]),
    ...section('masks', grouped(decision.mask.map(rule => [`  ${rule.id}  ${maskText(rule)}`, by('mask', rule.id)]))),
    ...section('limits', grouped(Object.entries(decision.limits).map(([name, bound]) => [`  ${name}  ${typeof bound === 'object' ? `${bound.per_min} a minute, by ${bound.key}` : String(bound)}`, by('limits', name)]))),
    ...missedLines(missed, isSilent(decision), show, style),
  ].map(plain)
}

/** Nobody allowed it: then every allow that was asked is worth showing. */
function isSilent({ reasons }: Decision): boolean {
  return reasons.some(({ id }) => id === 'countersign.silence' || id === 'countersign.access')
}

function missedLines(missed: readonly MissedRule[], wantsAllows: boolean, show: Show, style: Style): string[] {
  const permits = ['allow', 'may_call']
  const near = missed.filter(({ held, rule }) => held > 0 || wantsAllows && permits.includes(rule))
  // Who looks for a missing permission wants the rules that could have given it first.
  const ordered = wantsAllows ? near.toSorted((a, b) => Number(permits.includes(b.rule)) - Number(permits.includes(a.rule))) : near
  return section('nearly', ordered.slice(0, shownMissed).flatMap(one => [
    ruleLine(one, show, style).replace(/^ {4}/, '  '),
    `      not true at ${show(one.file)}:${one.fail_row}`,
    ...one.text.split('\n').map(line => `        ${line}`),
  ]))
}

function ruleLine({ package: name, rule, file, row, title, controls = [] }: ExplainedRule, show: Show, style: Style): string {
  return `    ${show(file)}:${row}  ${name}.${rule}${title === undefined ? '' : `: ${title}`}${controls.length === 0 ? '' : style.faint(`  ${controls.join(', ')}`)}`
}

/** What one rule says is listed above it, once. */
function grouped(entries: readonly (readonly [string, readonly string[]])[]): string[] {
  return [...Map.groupBy(entries, ([, by]) => by.join('\n')).values()].flatMap(same => [...same.map(([line]) => line), ...same[0]?.[1] ?? []])
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines]
}

function approvalText({ template, groups, quorum, ttl_s: seconds, justification }: ApprovalRequirement): string {
  const who = groups.map(({ any_of: names, min }) => `${min} of ${names.join(' or ')}`).join(', and ')
  return `${template}: ${who}; ${quorum} in all, within ${seconds} s, justification ${justification}`
}

function maskText({ match, op, keep_last: kept }: MaskRule): string {
  const what = [
    ...match.columns === undefined ? [] : [`columns ${match.columns.join(', ')}`],
    ...match.json_path === undefined ? [] : [match.json_path],
    ...match.class === undefined ? [] : [match.class],
    ...match.classes === undefined ? [] : [match.classes.join(', ')],
  ]
  return `${op}${kept === undefined ? '' : `, the last ${kept} kept`}: ${what.join('; ')}`
}

// A message or a value may hold what steers a terminal; the escapes that `style` put there are ours.
function plain(line: string): string {
  return line.replace(/[^\P{Cc}\u001b]|\u001b(?!\[\d{1,2}m)|[\p{Cf}\p{Zl}\p{Zp}]/gu, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
