// The built-in functions that the host supplies: pure, deterministic, bounded in time and size, with OPA's answers. One family a file.
// `capabilities.json` is made from these and what the module has itself, so a policy that needs another fails when it is checked.
import { digests } from './crypto/digest.ts'
import { jwt } from './jwt/jwt.ts'
import { cidr } from './net/cidr.ts'
import type { Family } from './operand.ts'
import { sprintf } from './sprintf.ts'
import { strings } from './strings.ts'
import type { Builtin } from './value.ts'

/** Makes a built-in function. Called when a policy that names it is loaded, so that what the function stands on is loaded then and not before. */
export type BuiltinMaker = () => Builtin

export const hostBuiltins: ReadonlyMap<string, BuiltinMaker> = new Map<string, BuiltinMaker>([
  ...ready([['sprintf', sprintf]]),
  ...ready(strings),
  ...ready(cidr),
  ...ready(digests),
  ...ready(jwt),
])

// A family that stands on nothing but this folder. One that needs a library is a list of makers, which load it (`createRequire`).
function ready(family: Family): [string, BuiltinMaker][] {
  return family.map(([name, builtin]) => [name, () => builtin])
}
