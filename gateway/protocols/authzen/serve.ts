// One question after another: each is decided as a call would be, on record as one, and answered. Nothing is forwarded anywhere.
import type { Json, Operation, Permit } from '../../call.ts'
import { maskJson, type MaskPlan } from '../../mask/index.ts'
import type { Connection, ConnectionEnd, Door, Gate, Hold } from '../../protocol.ts'
import { isRefusal, refusal, RefusalError, refusalWords, type Refusal, type RefusalCode } from '../../refusal.ts'
import type { AuthzenConfig } from '../../config.ts'
import { dataOf, denied, permitted, unread, type Answer } from './answer.ts'
import type { Answers } from './dial.ts'
import { fault, isObject, readEvaluation, readEvaluations, readObject, type Evaluation, type Evaluations, type JsonObject } from './messages.ts'
import { endpoints } from './metadata.ts'
import { operationOf, wordPlan, type PlaceOf } from './operation.ts'
import { isAnswer, refuseResponse } from './refuse.ts'

type AuthzenDoor = Door<Operation, Answers>
type AuthzenGate = Gate<Operation, Answers>
type Exchange = Extract<Connection, { framing: 'exchange' }>

const maxBodyBytes = 1024 * 1024
/** Theirs, given back (§10.1): of characters that no log or header reads otherwise. */
const requestIdForm = /^[\x20-\x7e]{1,256}$/
/** Refusals whose decision is the answer. */
const ofPolicy: ReadonlySet<RefusalCode> = new Set<RefusalCode>(['policy.denied', 'policy.error', 'approval.pending'])
/** For bytes the gateway itself wrote. */
const noMasks = { mask: [] } as const

export async function serveExchange(client: Exchange, door: AuthzenDoor, config: AuthzenConfig, publicUrl: string, placeOf: PlaceOf): Promise<ConnectionEnd> {
  const { request, response } = client
  const { target } = door
  const id = request.headers['x-request-id']
  if (typeof id === 'string' && requestIdForm.test(id)) response.setHeader('x-request-id', id)
  const gate = await door.enter(client.credential)
  if (isRefusal(gate)) return refuse(gate)
  try {
    const asking = new Asking(gate, door, config, placeOf)
    const body = await answer(client, asking)
    if (body === undefined) return 'aborted'
    const bytes = Buffer.from(JSON.stringify(body))
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length, 'cache-control': 'no-store' }).end(bytes)
    return 'ended'
  } catch (error) {
    if (!(error instanceof RefusalError)) throw error
    const { refusal: refused } = error
    return refuse(refused.frame === undefined && refused.decisionId === undefined ? await gate.refuse(refused.code, refused.message) : refused)
  }

  function refuse(refused: Refusal): ConnectionEnd {
    return refuseResponse(response, refused, target, publicUrl) ? 'refused' : 'aborted'
  }
}

/** undefined: the caller went away before all of it was here. @throws RefusalError */
async function answer({ request, path, readBody }: Exchange, asking: Asking): Promise<Json | object | undefined> {
  const known = Object.values(endpoints).find((endpoint) => endpoint === path)
  if (known === undefined) throw fault('request.unknown_method', 'Nothing is answered at this path')
  if (request.method !== 'POST') throw fault('request.not_allowed', 'Questions are asked with POST')
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) throw fault('request.invalid', 'The question must be application/json')   // 400 by the certification scenario, c-2-4-3
  const body = await readBody(maxBodyBytes)
  if (body.kind === 'aborted') return undefined
  if (body.kind === 'long') throw fault('request.too_large', 'The question is longer than is read here')
  const written = readObject(body.bytes)
  if (known === endpoints.evaluation) return await asking.one(readEvaluation(written))
  if (known === endpoints.data) return await asking.data(inputOf(written))
  const evaluations = readEvaluations(written)
  return evaluations.isSingle ? await asking.one(evaluations.items[0] as Evaluation) : { evaluations: await asking.several(evaluations) }
}

/** OPA's data API: `{"input": …}`, of which subject, action, resource, request and context are read, as an evaluation has them. */
function inputOf({ input }: JsonObject): Evaluation {
  if (!isObject(input)) throw fault('request.params', 'input: expected an object')
  const { subject, action, resource, request, context } = input
  return readEvaluation({
    ...subject === undefined ? {} : { subject }, ...action === undefined ? {} : { action }, ...resource === undefined ? {} : { resource },
    context: { ...isObject(context) ? context : {}, ...request === undefined ? {} : { request } },
  })
}

/** Questions of one caller. */
class Asking {
  readonly #gate: AuthzenGate
  readonly #door: AuthzenDoor
  readonly #config: AuthzenConfig
  readonly #words: MaskPlan
  readonly #placeOf: PlaceOf

  constructor(gate: AuthzenGate, door: AuthzenDoor, config: AuthzenConfig, placeOf: PlaceOf) {
    this.#gate = gate
    this.#door = door
    this.#config = config
    this.#words = wordPlan(door.masking)
    this.#placeOf = placeOf
  }

  async one(evaluation: Evaluation): Promise<Answer> {
    const [said = refusal('gateway.fault')] = await this.#ask([this.#operation(evaluation, true)])
    if (isRefusal(said)) throw new RefusalError(said)
    return said
  }

  /** §7.1.2: all at once, or one by one until an answer ends it. */
  async several({ items, semantics }: Evaluations): Promise<Answer[]> {
    const read = items.map((item) => 'malformed' in item ? refusal('request.params', item.malformed) : this.#readable(item))
    if (semantics === 'execute_all') {
      const said = await this.#ask(read.filter((one): one is Operation => !isRefusal(one)))
      return await Promise.all(read.map((one) => isRefusal(one) ? this.#unread(one) : answerOf(said.shift())))
    }
    const answers: Answer[] = []
    for (const one of read) {
      const said = isRefusal(one) ? await this.#unread(one) : answerOf((await this.#ask([one]))[0])
      answers.push(said)
      if (said.decision === (semantics === 'permit_on_first_permit')) break
    }
    return answers
  }

  /** The decision as Rego gave it. It asks no human and spends no approval: nothing changes by reading it. */
  async data(evaluation: Evaluation): Promise<Json> {
    const [settled] = await this.#gate.request([this.#operation(evaluation, false)], 'client', noHold)
    if (settled === undefined) throw new RefusalError(refusal('gateway.fault'))
    if (!isRefusal(settled)) {
      const decision = (await this.#gate.open()).forward(settled)
      const document = dataOf(decision, idOf(settled))
      await this.#tell([[settled, document]])
      return document
    }
    // What stopped the call may not be policy: a rate that is used up, a subject who has left. Then what policy says is no answer.
    if (settled.decision === undefined || settled.decisionId === undefined || !ofPolicy.has(settled.code)) throw new RefusalError(settled)
    return dataOf(settled.decision, settled.decisionId)
  }

  #operation(evaluation: Evaluation, canHold: boolean): Operation {
    return operationOf(evaluation, this.#door.target, this.#config, canHold, this.#words, this.#placeOf)
  }

  #readable(evaluation: Evaluation): Operation | Refusal {
    try {
      return this.#operation(evaluation, true)
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      return error.refusal
    }
  }

  /** What could not be read is on record as well. */
  async #unread({ code, message }: Refusal): Promise<Answer> {
    return answerOf(await this.#gate.refuse(code, message))
  }

  async #ask(operations: readonly Operation[]): Promise<(Answer | Refusal)[]> {
    const settled = await this.#gate.request(operations, 'client', noHold)
    const told: (readonly [Permit, Json])[] = []
    const upstream = await this.#gate.open()
    const answers = settled.map((one) => {
      if (isRefusal(one)) return isAnswer(one) ? denied(one) : one
      const said = permitted(upstream.forward(one), idOf(one), `${this.#gate.session}/${one.seq}`)
      told.push([one, said as unknown as Json])
      return said
    })
    await this.#tell(told)
    return answers
  }

  /** A yes is on record before it is heard. */
  async #tell(told: readonly (readonly [Permit, Json])[]): Promise<void> {
    const plan = this.#door.masking.planFor(noMasks, undefined)
    await this.#gate.deliver(told.map(([permit, said]) => [permit, maskJson(said, plan, { title: 'answered', status: 'delivered', isFinal: true })] as const))
  }
}

/** Of several: what could not be decided is a deny of its own (§7.2). */
function answerOf(said: Answer | Refusal = refusal('gateway.fault')): Answer {
  return isRefusal(said) ? unread(refusalWords[said.code].http, said.message, said.frame) : said
}

/** A question is answered at once, whoever may have to be asked. */
const noHold: Hold = { signal: new AbortController().signal, held: () => 'return' }

function idOf(permit: Permit): string {
  return Buffer.from(permit.call.decisionId).toString('hex')
}
