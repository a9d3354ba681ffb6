import test from 'ava'
import type { Statement } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { createAnalyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import { createParser } from '../../../../../gateway/protocols/postgres/sql/parser.ts'
import { resolveExecute } from '../../../../../gateway/protocols/postgres/sql/prepared.ts'
import { naming } from './town.ts'
import { untraced } from './untraced.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, untraced)
const analyse = async (text: string) => analyser.analyse(text, naming)
const only = async (text: string) => { const analysis = await analyse(text); return (analysis.status === 'ok' ? analysis.statements[0] : undefined) as Statement }

test('EXECUTE does what its PREPARE said', async (t) => {
  const executed = resolveExecute(await only('execute p'), await only('prepare p as delete from customers'))
  t.like(executed, { kind: 'execute', effects: ['execute', 'write'], hasWhere: false, unknown: [] })
  t.deepEqual(executed.relations.map(({ name, access }) => [name, access]), [['customers', ['delete']]])
})

test('EXECUTE of a name that nobody prepared is unknown', async (t) => {
  t.deepEqual(resolveExecute(await only('execute q'), undefined).unknown, ['unresolved_prepared'])
})
