// The decision log of a running gateway: a line for every decision on record, in OPA's shape, with nothing in it that masking removed.
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { bankOf } from './gateway-kit.ts'
import { eventually } from './recorded.ts'
import { startHere } from './running.ts'

const bank = bankOf(test)
interface Event { readonly decision_id: string; readonly path: string; readonly input: { readonly resource: { readonly id: string } }; readonly result: { readonly effect: string }; readonly custom: { readonly countersign: { readonly frame: string; readonly outcome: string; readonly serial: number } } }

test('every decision is one line, tells what became of the call, and names its frame', async (t) => {
  const home = await bank().home()
  const file = path.join(home.dir, 'decisions.jsonl')
  fs.appendFileSync(home.config, `decision_log:\n  file: { path: decisions.jsonl }\n`)
  const gateway = await startHere(home)
  const ssn = '536-22-8841'
  const answered = await gateway.tool(await bank().token(), 'lookup_customer', { ssn })
  const refused = await gateway.tool(await bank().token(), 'run_report', { report: 'All Of It' })
  t.is(answered.status, 200)
  t.true(refused.text.includes('mcp.report_name'), refused.text)
  const events = await eventually(() => {
    const lines = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Event) : []
    return lines.length >= 2 ? lines : undefined
  }, 'two lines')
  t.deepEqual(events.map(({ path, input, result, custom: { countersign: { frame, outcome, serial } } }) => ({ path, id: input.resource.id, effect: result.effect, frame, outcome, serial })), [
    { path: 'countersign/request/decision', id: 'bank/lookup_customer', effect: 'allow', frame: answered.receipt, outcome: 'permitted', serial: 1 },
    { path: 'countersign/request/decision', id: 'bank/run_report', effect: 'deny', frame: refused.receipt, outcome: 'policy.denied', serial: 1 },
  ])
  t.false(fs.readFileSync(file, 'utf8').includes(ssn))
  const { status, text } = await fetch(`${home.admin}/metrics`, { headers: { host: new URL(home.admin).host } }).then(async (response) => ({ status: response.status, text: await response.text() }))
  t.is(status, 200)
  t.regex(text, /^countersign_decision_log_lost 0$/m)
  await gateway.stop()
})
