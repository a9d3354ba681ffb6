// The two that are asked: our host, and `@open-policy-agent/opa-wasm` as it comes.
import { createRequire } from 'node:module'
import type { loadPolicySync } from '@open-policy-agent/opa-wasm'
import { hostBuiltins } from '../../../rego/builtins/index.ts'
import { parseValueText, writeValueText } from '../../../rego/builtins/value.ts'
import type { BuiltinMaker, Value } from '../../../rego/builtins/value.ts'
import { createEvaluator } from '../../../rego/evaluator.ts'
import { canonical } from './judge.ts'

export interface Question { readonly wasm: Uint8Array; readonly data: string; readonly entrypoint: string; readonly input: string | undefined }

export interface Engine {
  /** Whether a set in an answer is one; else it is a list in some order. */
  readonly knowsSets: boolean
  /** Bindings, one object an answer. @throws whatever the engine throws */
  ask(question: Question): readonly Value[]
}

/** Rego text of a value: how a set leaves the module as a set. Of these tests alone; a policy cannot have it. */
export const textBuiltin = 'conformance.text'
export const textDeclaration = { name: textBuiltin, decl: { type: 'function', args: [{ type: 'any' }], result: { type: 'string' } } } as const

const builtins: ReadonlyMap<string, BuiltinMaker> = new Map([...hostBuiltins, [textBuiltin, () => writeValueText]])

export const ours: Engine = {
  knowsSets: true,
  ask({ wasm, data, entrypoint, input }) {
    const evaluator = createEvaluator({ wasm, data, builtins, maxMemoryPages: 1_024, fuel: 50_000_000 })
    return pairsIn(evaluator.evaluate(entrypoint, input)).map(([read, text]) => {
      const written = parseValueText(String(text))
      // Two ways out of one module: as an answer, where a set is a list, and as an argument, where it is a set.
      if (canonical(withTextNames(read), true) !== canonical(withTextNames(written), true)) throw new Error(`the host reads ${writeValueText(read)} where the module has ${String(text)}`)
      return written
    })
  },
}

function withTextNames(value: Value): Value {
  if (typeof value !== 'object' || value === null || 'number' in value) return value
  if ('array' in value) return { array: value.array.map(withTextNames) }
  if ('set' in value) return { array: value.set.map(withTextNames) }
  return { object: value.object.map(([name, member]) => [typeof name === 'string' ? name : writeValueText(withTextNames(name)), withTextNames(member)] as const) }
}

const plainWasm = createRequire(import.meta.url)('@open-policy-agent/opa-wasm') as { readonly loadPolicySync: typeof loadPolicySync }

export const plain: Engine = {
  knowsSets: false,
  ask({ wasm, data, entrypoint, input }) {
    const policy = plainWasm.loadPolicySync(wasm, {}, { [textBuiltin]: (value: unknown) => JSON.stringify(value) })
    policy.setData(JSON.parse(data) as object)
    const answer = policy.evaluate(input === undefined ? undefined : JSON.parse(input), entrypoint) as unknown
    return pairsIn(JSON.stringify(answer)).map(([read]) => read)
  },
}

// `[{"result": [[bindings, text], …]}]`
function pairsIn(answer: string): readonly (readonly [Value, Value])[] {
  const results = parseValueText(answer)
  const [first] = typeof results === 'object' && results !== null && 'array' in results ? results.array : []
  const set = typeof first === 'object' && first !== null && 'object' in first ? first.object.find(([name]) => name === 'result')?.[1] : undefined
  if (typeof set !== 'object' || set === null || !('array' in set)) throw new Error(`no results in ${answer.slice(0, 200)}`)
  return set.array.map(pair => (pair as { readonly array: readonly [Value, Value] }).array)
}
