// The projection: the operation as policy sees it and the record keeps it. Declared fields become `{class, token}`; what detectors
// find inside a string becomes `⟦class:token⟧` and the value stays a string, so planted data cannot silence a string rule.
// Rego decides on exactly `inputText`, and exactly `inputText` is recorded (blueprint §3, "The projection").
import type { Call, Operation, PolicyInput, Principal, ProjectedCall } from '../call.ts'
import type { TargetConfig } from '../config.ts'
import { compileFields } from '../sensitive/catalogue.ts'
import type { Fields } from '../sensitive/catalogue.ts'
import { Names } from '../sensitive/names.ts'
import type { Tokens } from '../sensitive/tokens.ts'
import { Instants } from './instants.ts'
import { createFindings, placeOf, projectPlace, projectText } from './slot.ts'
import type { ProjectionContext } from './context.ts'
import type { Findings } from './slot.ts'
import { createTemplate, fillTemplate, isTemplateFor } from './template.ts'
import type { ProjectOne, Template } from './template.ts'

export type Projector = <O extends Operation>(call: Call<O>, context: ProjectionContext) => ProjectedCall<O>

/** @throws GatewayError `ERR_CONFIG_INVALID` when a catalogue entry declares a malformed field */
export function createProjector(target: Pick<TargetConfig, 'catalogue'>, tokens: Tokens): Projector {
  const declared = new Map<string, Fields>()
  for (const [key, entry] of Object.entries(target.catalogue)) declared.set(key, compileFields(entry.request))
  const undeclared = compileFields({})
  const members = new Names()
  const templates = new WeakMap<object, Template>()
  const instants = new Instants()
  return (call, context) => {
    const { repeats, ticket } = call.operation
    if (repeats === undefined || ticket !== undefined || !isPlain(context)) return whole(call, context)
    const known = templates.get(repeats)
    const fields = declared.get(call.operation.catalogueKey) ?? undeclared
    const project: ProjectOne = (request, place, findings) => projectPlace(request, place, fields, members, tokens, findings)
    if (known !== undefined && isTemplateFor(known, context)) return fillTemplate(known, call, context, project, instants)
    const projected = whole(call, context)
    const template = createTemplate(projected, context, project)
    if (template !== undefined) templates.set(repeats, template)
    return projected
  }

  function whole<O extends Operation>(call: Call<O>, context: ProjectionContext): ProjectedCall<O> {
    return projectCall(call, context, declared.get(call.operation.catalogueKey), undeclared, members, tokens)
  }
}

/** Nothing in it but who calls, and when. */
function isPlain({ phase, approval, grants, breakGlass }: ProjectionContext): boolean {
  return (phase ?? 'request') === 'request' && (approval ?? null) === null && grants === undefined && breakGlass === undefined
}

function projectCall<O extends Operation>(call: Call<O>, context: ProjectionContext, declared: Fields | undefined, undeclared: Fields, members: Names, tokens: Tokens): ProjectedCall<O> {
  const { operation } = call
  const findings = createFindings()
  const fields = declared ?? undeclared
  let request = operation.request
  for (const slot of operation.slots) request = projectPlace(request, placeOf(slot), fields, members, tokens, findings)
  // Detectors read it as they read a name that nobody declared: it stands in every frame of the call.
  const ticket = operation.ticket === undefined ? '' : projectText(operation.ticket, tokens, findings)
  const resource = declared === undefined ? projectResource(operation.resource, tokens, findings) : operation.resource
  const input: PolicyInput = {
    v: 1,
    phase: context.phase ?? 'request',
    decision_id: Buffer.from(context.decisionId.buffer, context.decisionId.byteOffset, context.decisionId.length).toString('hex'),
    session: { id: context.session.id, seq: context.session.seq, started_at: context.session.startedAt },
    subject: subjectOf(context.principal),
    action: operation.action,
    resource,
    request,
    findings: { pii: { status: 'ok', classes: [...findings.classes].sort() }, ...operation.findings, projected: findings.projected },
    context: {
      time: new Date(context.now).toISOString(), ip: context.peer.ip, ticket, ...ticket === '' ? {} : { ticket_by: 'caller' as const },
      approval: context.approval ?? null, grants: context.grants ?? [], break_glass: context.breakGlass ?? false,
    },
  }
  return { operation, from: call.from, input, inputText: JSON.stringify(input), decisionId: context.decisionId }
}

/** A name that nobody declared is the caller's text: a resource's URI, a tool's name made up. It stands in every frame of the call. */
function projectResource(resource: Operation['resource'], tokens: Tokens, findings: Findings): Operation['resource'] {
  const id = projectText(resource.id, tokens, findings)
  return id === resource.id ? resource : { ...resource, id }
}

function subjectOf(principal: Principal): PolicyInput['subject'] {
  const { groups, acr, amr, claims, actor, sponsor } = principal
  return {
    type: principal.type, id: principal.id, properties: { client_id: principal.clientId, groups, acr, amr, claims },
    ...(actor === undefined ? {} : { actor: { type: actor.type, id: actor.id, chain: [...actor.chain] } }),
    ...(sponsor === undefined ? {} : { sponsor }),
  }
}
