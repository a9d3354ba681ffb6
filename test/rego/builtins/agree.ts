// The judge of a built-in function is OPA's own evaluator: each call is made there and here, and the answers are compared as values.
import { hostBuiltins } from '../../../rego/builtins/index.ts'
import { keyOf } from '../../../rego/builtins/operand.ts'
import { parseValueText, writeValueText } from '../../../rego/builtins/value.ts'
import type { Value } from '../../../rego/builtins/value.ts'
import { jsonOf } from '../../../rego/builtins/marshal.ts'
import type { Toolchain } from '../../../rego/toolchain/process.ts'

const deadlineMs = 100_000

/** `name(arguments)`, the arguments as JSON, or as Rego where they hold sets. */
export type Call = string

export interface Answers { readonly call: Call; readonly ours: string | undefined; readonly theirs: string | undefined }

/** Arguments whose types the compiler cannot see, so that a wrong one is asked about and not refused. */
export function hidden(call: Call): string {
  const { name, values } = readCall(call)
  return `${name}(${values.map(value => `object.get({}, 0, ${writeValueText(value)})`).join(', ')})`
}

export function readCall(call: Call): { readonly name: string; readonly values: readonly Value[] } {
  const at = call.indexOf('(')
  const list = parseValueText(`[${call.slice(at + 1, -1)}]`)
  if (typeof list !== 'object' || list === null || !('array' in list)) throw new Error(`${call} is no call`)
  return { name: call.slice(0, at), values: list.array }
}

/** The calls about which the two differ. */
export async function disagreements(toolchain: Toolchain, calls: readonly Call[]): Promise<readonly Answers[]> {
  const answers = calls.map(call => `[x | x := ${hidden(call)}]`)
  const { findings, result } = await toolchain.request({ cmd: 'eval', files: { 'policy/calls.rego': `package calls\n\nanswers := [\n${answers.join(',\n')},\n]\n` }, query: 'json.marshal(data.calls.answers)', inputs: [{}] }, deadlineMs)
  if (findings.length > 0) throw new Error(findings.map(({ row, message }) => `${calls[row - 4] ?? ''}: ${message}`).join('\n'))
  const [{ value, error }] = result as [{ readonly value?: string; readonly error?: string }]
  if (value === undefined) throw new Error(error)
  const list = parseValueText(value) as { readonly array: readonly { readonly array: readonly Value[] }[] }
  return calls.map((call, at) => ({ call, ours: textOf(answerOf(call)), theirs: textOf(list.array[at]?.array[0]) })).filter(({ ours, theirs }) => ours !== theirs)
}

function textOf(value: Value | undefined): string | undefined {
  return value === undefined ? undefined : keyOf(jsonOf(value))
}

export function answerOf(call: Call): Value | undefined {
  const { name, values } = readCall(call)
  const make = hostBuiltins.get(name)
  if (!make) throw new Error(`there is no ${name}`)
  return make(() => undefined)(...values)
}
