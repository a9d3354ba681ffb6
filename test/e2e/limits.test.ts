// Limits that policy sets: kept, or the call is refused. A limit that nobody keeps would be a promise in the record and a hole on the wire.
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { commit } from '../gateway/policy/policy-repository.ts'
import { bankOf } from './gateway-kit.ts'
import { eventually } from './recorded.ts'
import { startProcess } from './running.ts'
import type { Running } from './running.ts'

const bank = bankOf(test)
let gateway: Running
const limits = `# METADATA
# title: Limits under test
package policies.test_limits

limit contains {"rows": 10} if input.request.arguments.report == "rows"

limit contains {"rate": {"key": "subject", "per_min": 2}} if input.request.arguments.report == "rated"

limit contains {"bytes": 500} if input.request.query.capped == "yes"
`

test.serial.before(async () => {
  const home = await bank().home()
  fs.mkdirSync(path.join(home.policy, 'policy', 'test_limits'))
  fs.writeFileSync(path.join(home.policy, 'policy', 'test_limits', 'test_limits.rego'), limits)
  await commit(home.policy, bank().signer)
  gateway = await startProcess(home)
  if (!/"serial":2.*policy activated/.test(gateway.log())) throw new Error(gateway.log())
})

test('a limit on rows, which this protocol does not have, refuses the call instead of being forgotten', async (t) => {
  const refused = await gateway.tool(await bank().token(), 'run_report', { report: 'rows' })
  t.true(refused.text.includes('policy.unenforceable'))
  t.regex(refused.text, /Policy limits rows, which this protocol does not have/)
  t.is((await gateway.frame(refused.receipt)).kind, 'refusal')
})

test('a rate is kept by the key that policy names: the third call of one person waits, another person does not', async (t) => {
  const mara = await bank().token({ sub: 'mara' })
  for (let call = 0; call < 2; call++) t.is((await gateway.tool(mara, 'run_report', { report: 'rated' })).status, 200)
  const third = await gateway.tool(mara, 'run_report', { report: 'rated' })
  t.is(third.status, 429)
  t.regex(third.text, /A limit set by policy was reached/)
  t.regex(third.headers.get('retry-after') ?? '', /^\d+$/)
  t.is((await gateway.tool(await bank().token({ sub: 'noor' }), 'run_report', { report: 'rated' })).status, 200)
})

test('a streamed result longer than policy allows ends there, and the record says why', async (t) => {
  bank().upstream.behave('capped', (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const timer = setInterval(() => response.write(`data: {"tick":"${'x'.repeat(60)}"}\n\n`), 20)
    response.on('close', () => clearInterval(timer))
  })
  const answer = await gateway.send('/ledger/stream?capped=yes', { token: await bank().token({ audience: 'ledger' }) }).catch((error: unknown) => error)
  if (answer instanceof Error) t.pass('the stream was cut')
  else t.true((answer as { text: string }).text.length <= 500)
  const frame = await eventually(() => gateway.frames().find(({ outcome }) => outcome?.code === 'policy.limit'), 'the outcome')
  t.is(frame.outcome?.status, 'failed')
})
