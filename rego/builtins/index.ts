// The built-in functions that the host supplies: pure, deterministic, linear in their arguments, with OPA's answers.
// `capabilities.json` is made from these and what the module has itself, so a policy that needs another fails when it is checked.
import { sprintf } from './sprintf.ts'
import type { Builtin } from './value.ts'

export const hostBuiltins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ['sprintf', sprintf],
])
