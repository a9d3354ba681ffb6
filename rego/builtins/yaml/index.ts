// `yaml.*`, as OPA has them over go.yaml.in/yaml/v3. Reading stands on the `yaml` package, loaded with the first policy that needs it:
// what is YAML at all is its word, what a scalar stands for is ours.
import { createRequire } from 'node:module'
import { jsonOf } from '../marshal.ts'
import type { MakerFamily } from '../operand.ts'
import type { Spend, Value } from '../value.ts'
import { readYaml } from './read.ts'
import type { Library } from './read.ts'
import { NoYaml } from './scalar.ts'
import { writeYaml } from './write.ts'

/** Steps of an evaluation for a character that is read. */
const readPrice = 256

export const yaml: MakerFamily = [
  ['yaml.marshal', () => value => value === undefined ? undefined : orNone(() => writeYaml(jsonOf(value)))],
  ['yaml.unmarshal', spend => reader(spend)],
  ['yaml.is_valid', spend => { const read = reader(spend); return text => read(text) !== undefined }],
]

function reader(spend: Spend): (text: Value | undefined) => Value | undefined {
  const library = createRequire(import.meta.url)('yaml') as Library
  return text => {
    if (typeof text !== 'string') return undefined
    spend(text.length * readPrice)
    return orNone(() => readYaml(library, text))
  }
}

function orNone(work: () => Value): Value | undefined {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof NoYaml) return undefined
    throw cause
  }
}
