// The projection of a statement that is run again: the text of the last one with the places that differ cut out (decision id, sequence, members of the
// request, findings, time). What is put in is projected as ever; the result is, byte for byte, what the whole projection would say.
import type { Call, Json, Operation, PolicyInput, ProjectedCall, Slot } from '../call.ts'
import type { Instants } from './instants.ts'
import type { ProjectionContext } from './context.ts'
import { createFindings, placeOf } from './slot.ts'
import type { Findings, Place } from './slot.ts'

type Request = Operation['request']
export type ProjectOne = (request: Request, place: Place, findings: Findings) => Request

export interface Template {
  readonly context: Pick<ProjectionContext, 'principal' | 'peer'> & { readonly sessionId: string }
  readonly input: PolicyInput
  /** Of the request's members, those that differ, in their order. */
  readonly members: readonly string[]
  /** Of all but those. */
  readonly classes: readonly string[]
  /** In those alone. */
  readonly places: readonly Place[]
  readonly findings: Operation['findings']
  /** JSON around what differs: one more than there are places. */
  readonly pieces: readonly string[]
  /** For those in whose members nothing was found. */
  readonly alike: NonNullable<ProjectedCall['alike']>
  /** Where the members hold nothing that was found. */
  readonly plainFindings: PolicyInput['findings']
  readonly plainFindingsText: string
}

/** Stands in a place while the text is made; a text that has it elsewhere becomes no template. */
const markOf = (name: string): string => `\u0001${name}`

const isIn = ({ path }: Slot, members: readonly string[]): boolean => members.some((member) => path === `/${member}` || path.startsWith(`/${member}/`))

/** @param projected as the whole projection made it. @returns undefined where what differs cannot be told apart */
export function createTemplate({ operation, input }: ProjectedCall, { principal, peer, session }: ProjectionContext, project: ProjectOne): Template | undefined {
  const members = operation.repeats?.members ?? []
  const findings = createFindings()
  let request = operation.request
  for (const slot of operation.slots) if (!isIn(slot, members)) request = project(request, placeOf(slot), findings)
  if (findings.projected.length > 0 || members.some((member) => !Object.hasOwn(request, member)) || input.resource !== operation.resource) return undefined
  const marked = Object.fromEntries(members.map((member) => [member, markOf(member)]))
  const text = JSON.stringify({
    ...input, decision_id: markOf('decision_id'), session: { ...input.session, seq: markOf('seq') }, request: { ...input.request, ...marked }, findings: markOf('findings'), context: { ...input.context, time: markOf('time') },
  })
  const pieces: string[] = []
  let from = 0
  for (const name of ['decision_id', 'seq', ...members, 'findings', 'time']) {
    const quoted = JSON.stringify(markOf(name))
    const at = text.indexOf(quoted)
    if (at < from || text.includes(quoted, at + 1)) return undefined
    pieces.push(text.slice(from, at))
    from = at + quoted.length
  }
  pieces.push(text.slice(from))
  const classes = [...findings.classes]
  const plainFindings = findingsOf(classes, findings, operation.findings)
  return {
    context: { principal, peer, sessionId: session.id }, input, members, classes, places: operation.slots.filter((slot) => isIn(slot, members)).map(placeOf), findings: operation.findings, pieces, alike: { members },
    plainFindings, plainFindingsText: JSON.stringify(plainFindings),
  }
}

/** The key is of one session; the same objects say that nothing about it was replaced. */
export function isTemplateFor({ context }: Template, { principal, peer, session }: ProjectionContext): boolean {
  return context.principal === principal && context.peer === peer && context.sessionId === session.id
}

export function fillTemplate<O extends Operation>({ input: last, members, classes, places, findings: known, pieces, alike, plainFindings, plainFindingsText }: Template, call: Call<O>, { decisionId: id, session, now }: ProjectionContext, project: ProjectOne, instants: Instants): ProjectedCall<O> {
  const { operation, from } = call
  const found = createFindings()
  const own: { [member: string]: Json } = {}
  for (const member of members) own[member] = operation.request[member] as Json
  let request: Request = own
  for (const place of places) request = project(request, place, found)
  const isPlain = found.classes.size === 0 && found.projected.length === 0
  const findings = isPlain ? plainFindings : findingsOf([...classes, ...found.classes], found, known)
  const decisionId = Buffer.from(id.buffer, id.byteOffset, id.length).toString('hex')
  const time = instants.text(now)
  const input: PolicyInput = {
    ...last, decision_id: decisionId, session: { ...last.session, seq: session.seq }, request: { ...last.request, ...request }, findings, context: { ...last.context, time },
  }
  let inputText = `${pieces[0]}"${decisionId}"${pieces[1]}${session.seq}${pieces[2]}`
  for (const [at, member] of members.entries()) inputText += JSON.stringify(request[member]) + pieces[3 + at]
  inputText += `${isPlain ? plainFindingsText : JSON.stringify(findings)}${pieces.at(-2)}"${time}"${pieces.at(-1)}`
  return isPlain ? { operation, from, input, inputText, decisionId: id, alike } : { operation, from, input, inputText, decisionId: id }
}

function findingsOf(classes: readonly string[], { projected }: Findings, known: Operation['findings']): PolicyInput['findings'] {
  return { pii: { status: 'ok', classes: [...new Set(classes)].sort() }, ...known, projected }
}
