// The decision log of a running gateway: a line for every decision on record, in OPA's shape, with nothing in it that masking removed.
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { commit, write } from '../gateway/policy/policy-repository.ts'
import { bankConfig, bankOf, publicUrl } from './gateway-kit.ts'
import { eventually } from './recorded.ts'
import { startHere } from './running.ts'

const bank = bankOf(test, (about) => {
  const config = bankConfig(about) as { identity: { audiences: string[] }[]; targets: object[] }
  config.identity[0]?.audiences.push(`${publicUrl}/pdp`)
  return { ...config, targets: [...config.targets, { name: 'pdp', protocol: 'authzen', prefix: '/pdp', env: 'prod', authzen: { enforcement_points: ['points'] } }] }
})
interface Event { readonly bundles: { readonly countersign: { readonly revision: string } }; readonly decision_id: string; readonly path: string; readonly input: { readonly resource: { readonly id: string } }; readonly result: { readonly effect: string }; readonly custom: { readonly countersign: { readonly frame: string; readonly outcome: string; readonly serial: number } } }

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

test('an event names the policy that decided, also where another came into force while it waited', async (t) => {
  t.timeout(120_000)
  const home = await bank().home()
  const blocked = path.join(home.dir, 'log')
  fs.writeFileSync(blocked, '')
  fs.appendFileSync(home.config, 'decision_log:\n  wait_ms: 60000\n  file: { path: log/decisions.jsonl, max_bytes: 1073741824 }\n')
  const gateway = await startHere(home)
  const token = await bank().token({ sub: 'point', groups: ['points'], audience: 'pdp' })
  const ask = async (pad: string) => await gateway.send('/pdp/access/v1/evaluation', {
    method: 'POST', token, headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ subject: { type: 'user', id: 'ana' }, action: { name: 'read' }, resource: { type: 'record', id: 'one' }, context: { pad } }),
  })
  // A question more than the queue takes, until one has to wait.
  const asked: ReturnType<typeof ask>[] = []
  let isWaiting = false
  while (!isWaiting && asked.length < 40) {
    const one = ask(asked.length < 17 ? 'ab '.repeat(340_000) : '')
    asked.push(one)
    isWaiting = await Promise.race([one.then(() => false), new Promise<boolean>((resolve) => setTimeout(() => resolve(asked.length > 17), 3_000))])
  }
  t.true(isWaiting)
  write(home.policy, { 'data/more/data.json': '{}' })
  const revision = await commit(home.policy, bank().signer)
  gateway.signal('SIGHUP')
  await eventually(() => gateway.log().includes('"serial":2') || undefined, 'the next policy')
  fs.rmSync(blocked)
  const answer = await asked.at(-1)
  const frame = (answer?.json['context'] as unknown as { frame: string }).frame
  const event = await eventually(() => fs.readFileSync(path.join(blocked, 'decisions.jsonl'), 'utf8').split('\n').filter((line) => line.includes(frame)).map((line) => JSON.parse(line) as Event)[0], 'its event')
  t.is(event.custom.countersign.serial, 1)
  t.not(event.bundles.countersign.revision, revision)
  await gateway.stop()
})
