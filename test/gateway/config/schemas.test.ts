// Schemas that are compiled at each start without being asked whether they are schemas: they are.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv } from 'ajv'
import { Ajv2020 } from 'ajv/dist/2020.js'
import test from 'ava'

const root = path.join(import.meta.dirname, '..', '..', '..')
const schemas = { 'gateway/schema/bootstrap.schema.json': Ajv2020, 'gateway/schema/governed.schema.json': Ajv2020, 'rego/schema/decision.schema.json': Ajv } as const

for (const [name, Reader] of Object.entries(schemas)) {
  test(`${name} is a schema of the kind it says`, (t) => {
    const reader = new Reader({ strict: true, allowUnionTypes: true, keywords: ['x-set'] })
    const schema = JSON.parse(readFileSync(path.join(root, name), 'utf8')) as { readonly type: string; readonly additionalProperties?: boolean }
    t.true(reader.validateSchema(schema), reader.errorsText())
    t.notThrows(() => reader.compile(schema))
    t.false(reader.validateSchema({ ...schema, type: 'nothing' }), 'the question has an answer')
  })
}
