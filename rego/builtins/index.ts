// The built-in functions that the host supplies: pure, deterministic, bounded in time and size, with OPA's answers. One family a file.
// `capabilities.json` is made from these and what the module has itself, so a policy that needs another fails when it is checked.
import { sprintf } from './sprintf.ts'
import type { Builtin } from './value.ts'

/** Makes a built-in function. Called when a policy that names it is loaded, so that what the function stands on is loaded then and not before. */
export type BuiltinMaker = () => Builtin

export const hostBuiltins: ReadonlyMap<string, BuiltinMaker> = new Map<string, BuiltinMaker>([
  ...ready({ sprintf }),
])

// A family that stands on nothing but this folder. One that needs a library is a record of makers, which load it (`createRequire`).
function ready(family: Readonly<Record<string, Builtin>>): [string, BuiltinMaker][] {
  return Object.entries(family).map(([name, builtin]) => [name, () => builtin])
}
