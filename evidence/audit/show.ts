// A recording in words: lines for a list, one frame in full, and a session told from open to close. No colour, nothing that steers a terminal.
import { countsOf, statementText, toTranscript } from '../session/transcript.ts'
import type { Json, Transcript } from '../session/transcript.ts'
import type { CborItem } from '../verify/cbor.ts'
import { kind } from '../verify/leaf.ts'
import type { ProvenFrame } from './frame-proof.ts'
import type { PolicyInForce } from './policy-of.ts'
import { contentsOf, kindNames } from './recording.ts'
import type { RecordedFrame } from './recording.ts'
import { closeReasons, type SessionSummary } from './sessions.ts'

const outcomes = ['delivered', 'failed', 'ambiguous', 'cancelled'] as const
const edges = ['pending', 'approved', 'rejected', 'expired', 'superseded', 'cancelled', 'consumed', 'revoked'] as const

export interface ToldFrame extends RecordedFrame {
  /** A call of a session that has ended, and nothing says what became of it. */
  readonly lacksOutcome?: true
}

/** Frames of one session; calls that a kill or a crash cut off say so, where all else would be an absence. @param frames asked for twice: a session may be long */
export function* markUnended(frames: () => Iterable<RecordedFrame>): Generator<ToldFrame> {
  const unended = new Set<number>()
  let isClosed = false
  for (const frame of frames()) {
    if (frame.kind === kind.intent) unended.add(frame.seq)
    else if (frame.kind === kind.outcome && frame.ref !== undefined) unended.delete(frame.ref)
    else if (frame.kind === kind.close) isClosed = true
  }
  for (const frame of frames()) yield isClosed && unended.has(frame.seq) ? { ...frame, lacksOutcome: true } : frame
}

/** One frame as data, contents in their transcript form. */
export function frameAsData(frame: ToldFrame): object {
  const { batch, session, seq, time, ref, decisionId, bundle, structure, hasContent, contents } = frame
  return {
    session, seq, batch, time: new Date(time).toISOString(), kind: kindNames[frame.kind] ?? String(frame.kind),
    ...(ref === undefined ? {} : { ref }), ...(decisionId === undefined ? {} : { decision_id: decisionId }), ...(bundle === undefined ? {} : { bundle }),
    ...(structure.size === 0 ? {} : { structure: Object.fromEntries([...structure].map(([member, value]) => [member, plain(value)])) }),
    ...(frame.lacksOutcome === undefined ? {} : { lacks_outcome: true }),
    ...(hasContent && contents.size === 0 ? { content: 'not opened' } : toTranscript(frame.kind, contentsOf(frame))),
  }
}

export function sessionLine(session: SessionSummary): string {
  const who = session.is_node ? `epoch ${session.epoch}` : session.who === null ? '(no key)' : `${session.who.subject} → ${session.who.target}`
  return printable([session.session, session.opened, session.state.padEnd(9), `${session.frames} frames`.padEnd(12), `${session.calls} calls, ${session.refusals} refused`.padEnd(22), who].join('  '))
}

/** One line: what happened. */
export function frameLine(frame: ToldFrame): string {
  return printable([String(frame.seq).padStart(6), new Date(frame.time).toISOString(), (kindNames[frame.kind] ?? String(frame.kind)).padEnd(15), summaryOf(frame)].join('  '))
}

function summaryOf(frame: ToldFrame): string {
  const number = (member: number): number => { const value = frame.structure.get(member); return typeof value === 'number' ? value : -1 }
  const transcript = toTranscript(frame.kind, contentsOf(frame))
  const said = [
    frame.ref === undefined ? '' : `of ${frame.ref}`,
    frame.kind === kind.outcome ? outcomes[number(1)] ?? '' : frame.kind === kind.approval ? edges[number(2)] ?? '' : '',
    frame.kind === kind.requestChunk || frame.kind === kind.resultChunk ? `${number(1)} bytes` : '',
    frame.kind === kind.refusal ? String(frame.structure.get(1) ?? '') : '',
    frame.kind === kind.close ? `${closeReasons[number(3)] ?? 'no known reason'} · ${number(1)} frames before it` : '',
    frame.kind === kind.unauthenticated ? `${number(1)} refused` : '',
    transcript.request?.title ?? '',
    transcript.decision === undefined ? '' : `[${[transcript.decision.effect, ...transcript.decision.reasons.map(ruleName)].join(' ')}]`,
    transcript.result?.title ?? '',
    transcript.event === undefined ? '' : eventName(transcript.event),
    frame.hasContent && frame.contents.size === 0 ? '(content not opened)' : '',
    frame.lacksOutcome === undefined ? '' : 'no outcome on record: what became of it is ambiguous',
  ]
  return said.filter((part) => part !== '').join(' · ')
}

/** What was told and not enforced must not read as if it had been. */
function ruleName({ id, mode }: { readonly id: string; readonly mode?: string }): string {
  return mode === undefined ? id : `${id} (${mode})`
}

function eventName(event: Json): string {
  if (typeof event !== 'object' || event === null || Array.isArray(event)) return ''
  if (typeof event['approval'] === 'string') return [event['approval'], event['action'], event['resource']].filter((part) => typeof part === 'string').join(' ')
  return typeof event['event'] === 'string' ? event['event'] : typeof event['subject'] === 'string' ? event['subject'] : ''
}

/** @param policy what brought the bundle into force that decided, where it is on record */
export function frameInFull(frame: ToldFrame, policy?: PolicyInForce): string {
  const { request, decision, result, event } = toTranscript(frame.kind, contentsOf(frame))
  const lines = [frameLine(frame)]
  const block = (title: string, text: string): void => { lines.push(`        ${title}`, ...text.split('\n').map((line) => printable(`          ${line}`))) }
  if (event !== undefined) block('event', pretty(event))
  if (request !== undefined) block(`request: ${request.title}`, 'json' in request ? statementText(request.json) ?? pretty(request.json) : request.text)
  if (decision !== undefined) block(`decision: ${decision.effect}`, decision.reasons.map((reason) => `${ruleName(reason)}: ${reason.msg}`).join('\n') || 'no reason was needed')
  if (policy !== undefined) block(...policyInWords(policy))
  if (result !== undefined) block(['result:', result.title, countsLine(frame)].filter((part) => part !== '').join(' '), resultText(result))
  return lines.join('\n')
}

function policyInWords({ bundle, frame, replacedBy, revision, signers }: PolicyInForce): [title: string, text: string] {
  if (frame === undefined) return ['policy: NOT IN FORCE', `bundle ${bundle}\nno activation of it is on record before this`]
  return [`policy: ${revision === undefined ? 'commit not opened' : `commit ${revision}`}`, [
    `bundle ${bundle}`, `in force by ${signers.join(' and ') || 'people whose names were not opened'}, says ${frame}`,
    ...replacedBy === undefined ? [] : [`ANOTHER POLICY CAME INTO FORCE before this was recorded: ${replacedBy}`],
  ].join('\n')]
}

export function provenLines({ session, seq, time, kind: name, decisionId, bundle, origin, batch, size }: ProvenFrame): string {
  const said = [['at', `${new Date(time).toISOString()}, ${name}`], ['decision', decisionId], ['bundle', bundle], ['log', `${origin}: batch ${batch}, under its checkpoint of size ${size}`], ['content', 'not in a proof: what was asked and answered is shown from the record, with its session keys']] as const
  return [`HOLDS: frame ${session}/${seq} is on record.`, ...said.flatMap(([what, text]) => text === undefined ? [] : [printable(`  ${what.padEnd(9)} ${text}`)])].join('\n')
}

function countsLine(frame: RecordedFrame): string {
  const { result } = contentsOf(frame)
  const counts = result === undefined || frame.kind !== kind.outcome ? '' : countsOf(result)
  return counts === '' ? '' : `(${counts})`
}

function resultText(result: NonNullable<Transcript['result']>): string {
  if ('text' in result) return result.text
  if ('digest' in result) return `only its digest is on record: ${result.digest}`
  return pretty('table' in result ? result.table : result.json)
}

function pretty(value: Json): string { return typeof value === 'string' ? value : JSON.stringify(value, undefined, 2) }

function plain(value: CborItem): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]))
  if (Array.isArray(value)) return value.map(plain)
  return typeof value === 'bigint' ? String(value) : value
}

/** Recorded text is a caller's: control and direction characters are shown, not obeyed. */
function printable(text: string): string { return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '�') }
