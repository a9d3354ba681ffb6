import test from 'ava'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { testPolicies } from '../../rego/index.ts'
import { loadPolicy, readBundle } from '../../rego/index.ts'
import { compileShipped, shipped } from './sources.ts'

test('the shipped policies pass their own tests, and every line of them is tested', async t => {
  // Coverage traces every step: minutes where the machine is busy, and the deadline is not what is tested here.
  const { tests, coverage } = await testPolicies({ files: shipped, capabilities: shippedCapabilities(), coverage: true, deadlineMs: 110_000 })
  t.deepEqual(tests.filter(({ outcome }) => outcome !== 'pass').map(({ name, message }) => [name, message]), [])
  t.true(tests.length >= 30)
  t.is(coverage?.not_covered_lines, 0)
})

test('the shipped policies read nothing that changes on every call', async t => {
  const { inputs } = readBundle(await compileShipped())
  const paths = inputs['countersign/request/decision']?.map(path => path.join('.')) ?? []
  t.true(paths.includes('resource'))
  for (const path of paths) t.notRegex(path, /^$|^context|^session|^decision_id/)
})

test('a list shows nothing that a call would not reach, and hides nothing that it would', async t => {
  const policy = loadPolicy(readBundle(await compileShipped()))
  const tools = ['run_report', 'lookup_customer', 'export_customers', 'delete_customer', 'deploy_model', 'drop_table', 'other']
  for (const group of ['analysts', 'leads', 'engineers', 'ci', 'contractors', 'strangers']) {
    const subject = { type: 'user', id: 'idp|u', properties: { groups: [group] } }
    const items = tools.map(tool => ({ type: 'tool', id: `bank/${tool}`, properties: { target: 'bank', env: 'test', labels: [] } }))
    const visible = policy.visible({ subject, items } as { items: object[] })
    const reachable = items.map(resource => {
      const input = { v: 1, subject, resource, action: { name: 'tools/call', properties: { effects: [] } }, request: { protocol: 'mcp', arguments: { report: 'a' } }, findings: { pii: { status: 'ok', classes: [] }, projected: [] } }
      return policy.decide(input, JSON.stringify(input)).decision.effect !== 'deny'
    })
    t.deepEqual(visible, reachable, group)
  }
})
