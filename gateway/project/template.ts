// The projection of a statement that is run again: the text of the last one with the places that differ cut out (decision id, sequence, parameters,
// findings, time). What is put in is projected as ever; the result is, byte for byte, what the whole projection would say.
import type { Call, Json, Operation, PolicyInput, ProjectedCall, Slot } from '../call.ts'
import type { Instants } from './instants.ts'
import type { ProjectionContext } from './project.ts'
import { createFindings, placeOf } from './slot.ts'
import type { Findings, Place } from './slot.ts'

type Request = Operation['request']
export type ProjectOne = (request: Request, place: Place, findings: Findings) => Request

export interface Template {
  readonly context: Pick<ProjectionContext, 'principal' | 'peer'> & { readonly sessionId: string }
  readonly input: PolicyInput
  /** Of all but the parameters. */
  readonly classes: readonly string[]
  /** Those of the parameters alone. */
  readonly places: readonly Place[]
  readonly findings: Operation['findings']
  /** JSON around the five places. */
  readonly pieces: readonly [string, string, string, string, string, string]
  /** Where the parameters hold nothing that was found. */
  readonly plainFindings: PolicyInput['findings']
  readonly plainFindingsText: string
}

const parametersPath = '/parameters'
/** Stand in the five places while the text is made; a text that has one of them elsewhere becomes no template. */
const marks = ['decision_id', 'seq', 'parameters', 'findings', 'time'].map((name) => `\u0001${name}`)

const isOfParameters = ({ path }: Slot): boolean => path === parametersPath || path.startsWith(`${parametersPath}/`)

/** @param projected as the whole projection made it. @returns undefined where what differs cannot be told apart */
export function createTemplate({ operation, input }: ProjectedCall, { principal, peer, session }: ProjectionContext, project: ProjectOne): Template | undefined {
  const findings = createFindings()
  let request = operation.request
  for (const slot of operation.slots) if (!isOfParameters(slot)) request = project(request, placeOf(slot), findings)
  if (findings.projected.length > 0 || !Object.hasOwn(request, 'parameters') || input.resource !== operation.resource) return undefined
  const [decisionId, seq, parameters, found, time] = marks as [string, string, string, string, string]
  const text = JSON.stringify({
    ...input, decision_id: decisionId, session: { ...input.session, seq }, request: { ...input.request, parameters }, findings: found, context: { ...input.context, time },
  })
  const pieces: string[] = []
  let from = 0
  for (const mark of marks) {
    const quoted = JSON.stringify(mark)
    if (text.split(quoted).length !== 2) return undefined
    const at = text.indexOf(quoted)
    pieces.push(text.slice(from, at))
    from = at + quoted.length
  }
  pieces.push(text.slice(from))
  const classes = [...findings.classes]
  const plainFindings = findingsOf(classes, findings, operation.findings)
  return {
    context: { principal, peer, sessionId: session.id }, input, classes, places: operation.slots.filter(isOfParameters).map(placeOf), findings: operation.findings, pieces: pieces as unknown as Template['pieces'],
    plainFindings, plainFindingsText: JSON.stringify(plainFindings),
  }
}

/** The key is of one session; the same objects say that nothing about it was replaced. */
export function isTemplateFor({ context }: Template, { principal, peer, session }: ProjectionContext): boolean {
  return context.principal === principal && context.peer === peer && context.sessionId === session.id
}

export function fillTemplate<O extends Operation>({ input: last, classes, places, findings: known, pieces, plainFindings, plainFindingsText }: Template, call: Call<O>, { decisionId: id, session, now }: ProjectionContext, project: ProjectOne, instants: Instants): ProjectedCall<O> {
  const { operation, from } = call
  const found = createFindings()
  let request: Request = { parameters: operation.request['parameters'] as Json }
  for (const place of places) request = project(request, place, found)
  const parameters = request['parameters'] as Json
  const isPlain = found.classes.size === 0 && found.projected.length === 0
  const findings = isPlain ? plainFindings : findingsOf([...classes, ...found.classes], found, known)
  const decisionId = Buffer.from(id.buffer, id.byteOffset, id.length).toString('hex')
  const time = instants.text(now)
  const input: PolicyInput = {
    ...last, decision_id: decisionId, session: { ...last.session, seq: session.seq }, request: { ...last.request, parameters }, findings, context: { ...last.context, time },
  }
  const [head, afterId, afterSeq, afterParameters, afterFindings, tail] = pieces
  const inputText = `${head}"${decisionId}"${afterId}${session.seq}${afterSeq}${JSON.stringify(parameters)}${afterParameters}${isPlain ? plainFindingsText : JSON.stringify(findings)}${afterFindings}"${time}"${tail}`
  return { operation, from, input, inputText, decisionId: id }
}

function findingsOf(classes: readonly string[], { projected }: Findings, known: Operation['findings']): PolicyInput['findings'] {
  return { pii: { status: 'ok', classes: [...new Set(classes)].sort() }, ...known, projected }
}
