// The built-in functions that the host supplies: pure, deterministic, bounded in time and size, with OPA's answers. One family a file.
// `capabilities.json` is made from these and what the module has itself, so a policy that needs another fails when it is checked.
import { collections, growing } from './collections.ts'
import { digests } from './crypto/digest.ts'
import { encoding } from './encoding.ts'
import { globs } from './globs.ts'
import { graphql } from './graphql/graphql.ts'
import { jwt } from './jwt/jwt.ts'
import { marshal } from './marshal.ts'
import { cidr } from './net/cidr.ts'
import type { Family } from './operand.ts'
import { patch } from './patch.ts'
import { priceOf } from './price.ts'
import { query } from './query.ts'
import { regex } from './regex.ts'
import { semver } from './semver.ts'
import { sprintf } from './sprintf.ts'
import { affixes, strings } from './strings.ts'
import { template } from './template/index.ts'
import { time } from './time/index.ts'
import { units } from './units.ts'
import { uri } from './uri.ts'
import { uuid } from './uuid.ts'
import type { Builtin, BuiltinMaker } from './value.ts'
import { yaml } from './yaml/index.ts'

export const hostBuiltins: ReadonlyMap<string, BuiltinMaker> = new Map<string, BuiltinMaker>([
  ...ready([['sprintf', sprintf]]),
  ...ready(strings),
  ...affixes,
  ...ready(encoding),
  ...ready(query),
  ...ready(uri),
  ...ready(collections),
  ...growing,
  ...patch,
  ...ready(marshal),
  ...globs,
  ...ready(semver),
  ...ready(units),
  ...ready(uuid),
  ...template,
  ...regex,
  ...time,
  ...yaml,
  ...ready(cidr),
  ...ready(digests),
  ...ready(jwt),
  ...priced(graphql),
])

// A family that stands on nothing but this folder. One that needs a library, or prices its own work, is a list of makers.
function ready(family: Family): [string, BuiltinMaker][] {
  return priced(family.map(([name, builtin]) => [name, () => builtin]))
}

function priced(family: readonly (readonly [string, () => Builtin])[]): [string, BuiltinMaker][] {
  return family.map(([name, make]) => [name, spend => {
    const builtin = make()
    const price = priceOf(name)
    return price === 0 ? builtin : (...values) => { spend(price); return builtin(...values) }
  }])
}
