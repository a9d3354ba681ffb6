// A bundle in force: asks it about calls. A decision is a function of the bundle and of the part of the input it can read,
// so one that was made for the same part may be given again.
import { createMade } from './answer-mark.ts'
import { hostBuiltins } from './builtins/index.ts'
import type { Bundle } from './bundle.ts'
import { createCache } from './cache.ts'
import type { Decision } from './decision.ts'
import { PolicyError } from './errors.ts'
import { createEvaluator, openEvaluator } from './evaluator.ts'
import type { Evaluator, EvaluatorOptions } from './evaluator.ts'
import { makeImage } from './image.ts'
import type { Image } from './image.ts'
import { createPruner } from './prune.ts'
import type { Pruner } from './prune.ts'
import { createDecisionReader, readResult } from './read-decision.ts'
import type { DecisionReader, ReadDecision } from './read-decision.ts'

/** The two questions a bundle must be able to answer. */
export const entrypoints = { decision: 'countersign/request/decision', visible: 'countersign/list/visible' } as const

/** 64 MiB. */
const defaultMemoryPages = 1_024
const defaultCacheEntries = 8_192
const maxCacheBytes = 33_554_432
/** Loop turns and calls in one evaluation: 60 ms to 250 ms, a thousand times what the shipped policies take. */
const defaultFuel = 50_000_000
/** Distinct answers kept so that equal ones are one object. */
const maxAnswers = 1_024
const maxAnswerBytes = 4_194_304
/** Items of one list that can be filtered. */
const maxItems = 4_096

export interface PolicyOptions {
  /** Decisions kept; 0 keeps none. */
  readonly cacheEntries?: number
  /** Pages of 64 KiB that one evaluation may use. */
  readonly maxMemoryPages?: number
  /** Loop turns and calls that one evaluation may take. */
  readonly fuel?: number
  /** Of one evaluation, where it may take less than loading may. */
  readonly evaluationFuel?: number
  /** Of `createDecisionReader`: whoever swaps policies while calls are going on has made it before, since it takes longer than all else of a load. */
  readonly readDecision?: DecisionReader
}

export interface Decided {
  /** Frozen and shared: equal answers are the same object. */
  readonly decision: Decision
  /** RFC 8785 bytes of `decision`; shared, not to be written to. */
  readonly canonical: Uint8Array
  /** True when it was made for an earlier call. */
  readonly isCached: boolean
}

export interface Policy {
  readonly digest: Uint8Array
  readonly revision: string
  readonly serial: number
  /** Built-in functions of the host that its module calls. */
  readonly builtins: readonly string[]
  /**
   * Decides one call. `inputText` is the JSON text of `input`.
   * @param alike one object for inputs that differ in nothing but time, sequence, decision id and these members of the request: whoever gives it has made sure
   * @throws PolicyError: whatever its code, the call is denied
   */
  decide(input: object, inputText: string, alike?: { readonly members: readonly string[] }): Decided
  /** For each of `items`, in order: may the subject know of it? @throws PolicyError: none of them is shown */
  visible(input: { readonly items: readonly object[] }): readonly boolean[]
  close(): void
}

/** What is told of a bundle that decides. */
type Facts = Pick<Bundle, 'digest' | 'revision' | 'serial' | 'inputs'>

/** All that is made of a bundle before the first call, as values that one thread can post to another. */
export interface PreparedPolicy { readonly facts: Facts; readonly image: Image }

/** In one go, for whoever has no calls to answer meanwhile; a gateway has `makePolicy`. @throws PolicyError when the bundle cannot answer: wrong module, missing built-in or entrypoint */
export function loadPolicy(bundle: Bundle, options: PolicyOptions = {}): Policy {
  const evaluator = createEvaluator({ ...limitsOf(options), wasm: bundle.wasm, data: bundle.data })
  checkAnswers(bundle, evaluator.entrypoints)
  return createPolicy(bundle, evaluator, options)
}

/** The first half, nearly all of the time. @throws PolicyError as `loadPolicy` */
export function preparePolicy(bundle: Bundle): PreparedPolicy {
  const { digest, revision, serial, inputs, wasm, data } = bundle
  const image = makeImage({ ...limitsOf({}), wasm, data })
  checkAnswers(bundle, new Set(image.entrypoints.map(([name]) => name)))
  return { facts: { digest, revision, serial, inputs }, image }
}

/** It can answer what it says it answers. */
function checkAnswers(bundle: Bundle, found: ReadonlySet<string>): void {
  for (const name of Object.values(entrypoints)) prunerOf(bundle.inputs, name)
  for (const name of [...Object.values(entrypoints), ...bundle.entrypoints]) if (!found.has(name)) throw new PolicyError('ERR_BUNDLE_MALFORMED', `the bundle has no entrypoint ${name}`)
}

/** The other half, in turns of the event loop that calls do not notice. @throws PolicyError as `loadPolicy` */
export async function openPolicy({ facts, image }: PreparedPolicy, options: PolicyOptions): Promise<Policy> {
  return createPolicy(facts, await openEvaluator(image, limitsOf(options)), options)
}

function createPolicy(facts: Facts, loaded: Evaluator, options: PolicyOptions): Policy {
  let evaluator = loaded
  const readDecision = options.readDecision ?? createDecisionReader()
  const decisionPruner = prunerOf(facts.inputs, entrypoints.decision)
  const visiblePruner = prunerOf(facts.inputs, entrypoints.visible)
  /** What was looked up once for inputs that are alike is not written, and looked up, again. */
  let likes = new WeakMap<object, Decided>()
  const decisions = createCache<Decided>(options.cacheEntries ?? defaultCacheEntries, maxCacheBytes)
  const answers = createCache<ReadDecision>(maxAnswers, maxAnswerBytes)
  const made = createMade(answer => {
    let read = answers.get(answer)
    if (!read) {
      read = readDecision(answer)
      answers.set(answer, read, answer.length * 8)
    }
    return read
  }, maxAnswers, maxAnswerBytes)

  return {
    digest: facts.digest,
    revision: facts.revision,
    serial: facts.serial,
    builtins: evaluator.builtins,
    decide(input, inputText, alike) {
      const known = alike && likes.get(alike)
      if (known) return known
      const text = decisionPruner.isWhole ? inputText : decisionPruner.write(input)
      if (!decisionPruner.isVolatile) {
        const earlier = decisions.get(text)
        if (earlier && alike && decisionPruner.isBlindTo(alike.members)) likes.set(alike, earlier)
        if (earlier) return earlier
      }
      const read = evaluator.evaluateTo(entrypoints.decision, text, made)
      if (!decisionPruner.isVolatile) decisions.set(text, { ...read, isCached: true }, text.length * 2 + 256)
      return { ...read, isCached: false }
    },
    visible(input) {
      if (input.items.length > maxItems) throw new PolicyError('ERR_POLICY_INPUT', `the list has more than ${maxItems} items`)
      const seen = readResult(evaluator.evaluate(entrypoints.visible, visiblePruner.write(input)))
      // One answer an item, in order: neither repeats nor a rule that is undefined for one can shift the others.
      if (!Array.isArray(seen) || seen.length !== input.items.length || !seen.every(item => typeof item === 'boolean')) throw new PolicyError('ERR_POLICY_MALFORMED', 'the policy did not say of each item whether it is visible')
      return seen
    },
    close() {
      decisions.clear()
      likes = new WeakMap()
      answers.clear()
      made.clear()
      const refuse = () => { throw new PolicyError('ERR_POLICY_TRAP', 'the policy is closed') }
      evaluator = { entrypoints: new Set(), builtins: [], evaluate: refuse, evaluateTo: refuse }
    },
  }
}

/** @internal */
export function limitsOf(options: PolicyOptions): EvaluatorOptions {
  return {
    builtins: hostBuiltins,
    maxMemoryPages: options.maxMemoryPages ?? defaultMemoryPages,
    fuel: options.fuel ?? defaultFuel,
    ...options.evaluationFuel === undefined ? {} : { evaluationFuel: options.evaluationFuel },
  }
}

function prunerOf(inputs: Bundle['inputs'], entrypoint: string): Pruner {
  const paths = inputs[entrypoint]
  if (!paths) throw new PolicyError('ERR_BUNDLE_MALFORMED', `the bundle does not say what ${entrypoint} reads`)
  return createPruner(paths)
}
