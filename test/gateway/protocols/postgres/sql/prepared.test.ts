import test from 'ava'
import type { Statement } from '../../../../../gateway/protocols/postgres/sql/analysis.ts'
import { createAnalyser } from '../../../../../gateway/protocols/postgres/sql/analyse.ts'
import { createParser } from '../../../../../gateway/protocols/postgres/sql/parser.ts'
import { resolvePrepared } from '../../../../../gateway/protocols/postgres/sql/prepared.ts'
import { naming } from './town.ts'
import { untraced } from './untraced.ts'

const parser = await createParser()
test.after.always(async () => { await parser[Symbol.asyncDispose]() })
const analyser = createAnalyser(parser, untraced)
const analyse = async (text: string) => analyser.analyse(text, naming)
const only = async (text: string) => { const analysis = await analyse(text); return analysis.status === 'ok' ? analysis.statements[0] as Statement : undefined }

test('EXECUTE does what its PREPARE said', async (t) => {
  const made = await only('prepare p as delete from customers')
  const analysis = resolvePrepared(await analyse('execute p'), (name) => name === 'p' ? made : undefined)
  t.like(analysis.status === 'ok' ? analysis.statements[0] : undefined, { kind: 'execute', effects: ['execute', 'write'], hasWhere: false, unknown: [] })
  t.deepEqual(analysis.status === 'ok' ? analysis.statements[0]?.relations.map(({ name, access }) => [name, access]) : [], [['customers', ['delete']]])
})

test('EXECUTE of a name that nobody prepared is unknown', async (t) => {
  const analysis = resolvePrepared(await analyse('execute q'), () => undefined)
  t.deepEqual(analysis.status === 'ok' ? analysis.statements[0]?.unknown : [], ['unresolved_prepared'])
})

test('texts without EXECUTE stay as they are', async (t) => {
  const analysis = await analyse('select 1')
  t.is(resolvePrepared(analysis, () => undefined), analysis)
})
