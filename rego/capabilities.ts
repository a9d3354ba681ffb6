// What a policy may use, in OPA's capabilities format: what wasm has natively and what our host supplies, and nothing else. A
// policy that needs more fails at `check`, with a position, and not in the middle of a call.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Toolchain } from './toolchain/process.ts'

// The compiler removes these before there is any code.
const compiledAway: readonly string[] = ['assign', 'eq', 'print', 'internal.print', 'rego.metadata.chain', 'rego.metadata.rule']
// Native, but aborts the evaluation for any number from 2^31 up. `sprintf("%d", …)` answers.
const defective: readonly string[] = ['format_int']

export interface Capabilities { readonly builtins: readonly { readonly name: string }[]; readonly [name: string]: unknown }

/** @param host names of the built-ins that the host implements */
export async function generateCapabilities(host: Iterable<string>): Promise<Capabilities> {
  using toolchain = new Toolchain()
  const { result } = await toolchain.request({ cmd: 'capabilities' })
  const { capabilities, native } = result as { capabilities: Capabilities; native: string[] }
  const usable = new Set([...native, ...host, ...compiledAway])
  for (const name of defective) usable.delete(name)
  return {
    ...capabilities,
    builtins: capabilities.builtins.filter(({ name }) => usable.has(name)),
    // A schema may not be fetched from anywhere.
    allow_net: [],
  }
}

/** The text of `capabilities.json`. */
export function writeCapabilities(capabilities: Capabilities): string {
  return `${JSON.stringify(capabilities, undefined, 1)}\n`
}

/** The committed document, which a test holds equal to the generated one. */
export function shippedCapabilities(): unknown {
  return JSON.parse(readFileSync(fileURLToPath(new URL('capabilities.json', import.meta.url)), 'utf8'))
}
