// Through a real gateway. Values planted in an argument so that projection replaces part of it: the rule about that argument must still hold, and the
// record must not learn the value. Last, what once went past the door.
import test from 'ava'
import { bankOf } from '../e2e/gateway-kit.ts'
import { startProcess } from '../e2e/running.ts'
import type { Running } from '../e2e/running.ts'

const bank = bankOf(test)
let gateway: Running
test.serial.before(async () => { gateway = await startProcess(await bank().home()) })

const keyBlock = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg7s3hC0yPZQ0\n-----END PRIVATE KEY-----'
const rows: readonly (readonly [string, object, string, string])[] = [
  ['an SSN in front of a path that climbs', { path: '219-09-9999/../../etc/passwd' }, 'mcp.path', '219-09-9999'],
  ['an SSN behind an absolute path', { path: '/etc/219-09-9999' }, 'mcp.path', '219-09-9999'],
  ['an e-mail address around a climb', { path: 'jane.ashworth@bank.example/../..' }, 'mcp.path', 'jane.ashworth@bank.example'],
  ['a private key in front of a climb', { path: `${keyBlock}/../..` }, 'mcp.path', 'MIGHAgEAMBMGByqGSM49'],
  ['an SSN in a report\'s name', { report: 'daily 219-09-9999; drop' }, 'mcp.report_name', '219-09-9999'],
  ['a report that is nothing but an SSN', { report: '219-09-9999' }, 'mcp.report_name', '219-09-9999'],
  ['a report that is nothing but an e-mail address', { report: 'jane.ashworth@bank.example' }, 'mcp.report_name', 'jane.ashworth@bank.example'],
  ['a report that is an object with the name inside', { report: { class: 'US_SSN', token: 'daily' } }, 'mcp.report_name', 'no value'],
  ['an SSN as a number where a name belongs', { report: 219099999 }, 'mcp.report_name', 'no value'],
]
for (const [title, args, rule, planted] of rows) {
  test(`${title} does not silence the rule`, async (t) => {
    const refused = await gateway.tool(await bank().token(), 'run_report', { report: 'daily', ...args })
    const said = refused.json['result']?.['_meta']?.['countersign/refusal']
    t.is(said?.['code'] as unknown, 'policy.denied')
    t.true((said?.['reasons'] as unknown as { id: string }[]).some(({ id }) => id === rule))
    const frame = await gateway.frame(refused.receipt)
    t.is(frame.kind, 'refusal')
    t.is(frame.structure?.['1'], 'policy.denied')
    t.true(frame.decision?.reasons.some(({ id }) => id === rule))
    t.false(bank().upstream.seen.some(({ body }) => body.includes(JSON.stringify(args).slice(1, -1))))
    t.false(JSON.stringify(gateway.frames()).includes(planted) || gateway.log().includes(planted) || refused.text.includes(planted))
  })
}
test('refused: a token for another target of the same gateway', async (t) => {
  const refused = await gateway.tool(await bank().token({ audience: 'ledger' }), 'run_report', { report: 'beside' })
  t.is(refused.status, 401)
  t.is(refused.json['error']?.['code'] as unknown, 4013)
  t.false(bank().upstream.seen.some(({ body }) => body.includes('beside')))
})

test('the same arguments without anything planted go through', async (t) => {
  const before = bank().upstream.seen.length
  t.is((await gateway.tool(await bank().token({ sub: 'plain' }), 'run_report', { report: 'daily', path: 'reports/2026' })).json['result']?.['isError'] as unknown, undefined)
  t.true(bank().upstream.seen.length > before)
})
