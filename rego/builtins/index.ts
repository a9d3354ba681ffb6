// The built-in functions that the host supplies: pure, deterministic, bounded in time and size, with OPA's answers. One family a file.
// `capabilities.json` is made from these and what the module has itself, so a policy that needs another fails when it is checked.
import { collections } from './collections.ts'
import { digests } from './crypto/digest.ts'
import { encoding } from './encoding.ts'
import { globs } from './globs.ts'
import { jwt } from './jwt/jwt.ts'
import { marshal } from './marshal.ts'
import { cidr } from './net/cidr.ts'
import type { Family } from './operand.ts'
import { patch } from './patch.ts'
import { query } from './query.ts'
import { regex } from './regex.ts'
import { semver } from './semver.ts'
import { sprintf } from './sprintf.ts'
import { strings } from './strings.ts'
import { template } from './template/index.ts'
import { time } from './time/index.ts'
import { units } from './units.ts'
import { uri } from './uri.ts'
import { uuid } from './uuid.ts'
import type { Builtin } from './value.ts'

/** Makes a built-in function. Called when a policy that names it is loaded, so that what the function stands on is loaded then and not before. */
export type BuiltinMaker = () => Builtin

export const hostBuiltins: ReadonlyMap<string, BuiltinMaker> = new Map<string, BuiltinMaker>([
  ...ready([['sprintf', sprintf]]),
  ...ready(strings),
  ...ready(encoding),
  ...ready(query),
  ...ready(uri),
  ...ready(collections),
  ...ready(patch),
  ...ready(marshal),
  ...ready(globs),
  ...ready(semver),
  ...ready(units),
  ...ready(uuid),
  ...ready(template),
  ...regex,
  ...time,
  ...ready(cidr),
  ...ready(digests),
  ...ready(jwt),
])

// A family that stands on nothing but this folder. One that needs a library is a list of makers, which load it (`createRequire`).
function ready(family: Family): [string, BuiltinMaker][] {
  return family.map(([name, builtin]) => [name, () => builtin])
}
