// The two that are asked: our host, and `@open-policy-agent/opa-wasm` as it comes.
import { createRequire } from 'node:module'
import type { loadPolicySync } from '@open-policy-agent/opa-wasm'
import { hostBuiltins } from '../../../rego/builtins/index.ts'
import { parseValueText, writeValueText } from '../../../rego/builtins/value.ts'
import type { BuiltinMaker, Value } from '../../../rego/builtins/value.ts'
import { createEvaluator } from '../../../rego/evaluator.ts'
import { canonical } from './judge.ts'

/** Asks an entry point whose value is `[value, text of the value]`, or a set of such; a list of the values, empty where it is undefined. @throws whatever the engine throws */
export type Ask = (entrypoint: string, input: string | undefined) => readonly Value[]

export interface Engine {
  /** Whether a set in an answer is one; else it is a list in some order. */
  readonly knowsSets: boolean
  open(bundle: { readonly wasm: Uint8Array; readonly data: string }): Ask
}

/** Rego text of a value: how a set leaves the module as a set. Of these tests alone; a policy cannot have it. */
export const textBuiltin = 'conformance.text'
export const textDeclaration = { name: textBuiltin, decl: { type: 'function', args: [{ type: 'any' }], result: { type: 'string' } } } as const

const builtins: ReadonlyMap<string, BuiltinMaker> = new Map([...hostBuiltins, [textBuiltin, () => writeValueText]])

export const ours: Engine = {
  knowsSets: true,
  open({ wasm, data }) {
    const evaluator = createEvaluator({ wasm, data, builtins, maxMemoryPages: 1_024, fuel: 50_000_000 })
    return (entrypoint, input) => pairsIn(evaluator.evaluate(entrypoint, input)).map(([read, text]) => {
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
  open({ wasm, data }) {
    const policy = plainWasm.loadPolicySync(wasm, {}, { [textBuiltin]: (value: unknown) => JSON.stringify(value) })
    policy.setData(JSON.parse(data) as object)
    return (entrypoint, input) => pairsIn(JSON.stringify(policy.evaluate(input === undefined ? undefined : JSON.parse(input), entrypoint) as unknown)).map(([read]) => read)
  },
}

// `[{"result": [[value, text], …]}]`, or `[]`.
function pairsIn(answer: string): readonly (readonly [Value, Value])[] {
  const results = parseValueText(answer)
  const [first] = typeof results === 'object' && results !== null && 'array' in results ? results.array : []
  if (first === undefined) return []
  const list = typeof first === 'object' && first !== null && 'object' in first ? first.object.find(([name]) => name === 'result')?.[1] : undefined
  if (typeof list !== 'object' || list === null || !('array' in list)) throw new Error(`no results in ${answer.slice(0, 200)}`)
  return list.array.map(pair => (pair as { readonly array: readonly [Value, Value] }).array)
}
