import anyTest from 'ava'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { checkPolicies, testPolicies } from '../../rego/compiler.ts'
import { findDependencies } from '../../rego/dependencies.ts'
import { PolicyError } from '../../rego/errors.ts'
import { explainDecision } from '../../rego/explain.ts'
import type { PolicySource } from '../../rego/source.ts'
import { Toolchain } from '../../rego/toolchain/process.ts'
import { shipped } from './sources.ts'

// One after the other, by one compiler: each is a process of some 200 MB.
const test = anyTest.serial
const toolchain = new Toolchain()
test.after.always(() => toolchain[Symbol.dispose]())
const capabilities = shippedCapabilities()

const source = (files: Record<string, string>): PolicySource => new Map(Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)]))
const endpoints = { 'request.rego': 'package countersign.request\n\ndecision := data.policies.x.allow\n', 'list.rego': 'package countersign.list\n\nvisible := []\n' }

function call(over: { tool?: string; groups?: readonly string[]; arguments?: object } = {}) {
  const { tool = 'export_customers', groups = ['analysts'], arguments: given = {} } = over
  return {
    v: 1, phase: 'request', subject: { type: 'user', id: 'idp|ana', properties: { groups } }, action: { name: 'tools/call', properties: { effects: ['read'] } },
    resource: { type: 'tool', id: `bank/${tool}`, properties: { target: 'bank', env: 'test', labels: [] } },
    request: { protocol: 'mcp', method: 'tools/call', tool, arguments: given }, findings: { pii: { status: 'ok', classes: [] }, projected: [] },
  }
}

/** Text of the line that an explanation names. */
function line(files: PolicySource, { file, row }: { file: string; row: number }): string {
  return new TextDecoder().decode(files.get(file)).split('\n')[row - 1] ?? ''
}

test('each reason, mask and limit is explained by the rule that made it, with its title and controls', async t => {
  const { decided, parts } = await explainDecision({ toolchain, files: shipped, capabilities, input: call() })
  t.is(decided?.decision.effect, 'require')
  const of = (member: string, id: string) => parts.find(part => part.member === member && part.id === id)?.by
  t.like(of('reasons', 'mcp.bulk_export'), { package: 'policies.mcp', rule: 'require', file: 'policy/mcp/mcp.rego', title: 'Taking customers out in bulk needs a lead', controls: ['GLBA-314.4c'] })
  t.like(of('mask', 'mcp.ssn'), { package: 'policies.mcp', rule: 'mask', file: 'policy/mcp/mcp.rego' })
  t.like(of('mask', 'net'), { package: 'countersign.request', rule: 'net' })
  t.like(of('limits', 'bytes'), { package: 'policies.mcp', rule: 'limit', title: 'One answer is not an export' })
  // The second branch of a rule with `else` is named by its own line.
  t.regex(line(shipped, of('mask', 'mcp.contact') ?? { file: '', row: 0 }), /else := array\.concat/)
  t.is(parts.length, (decided?.decision.reasons.length ?? 0) + (decided?.decision.mask.length ?? 0) + Object.keys(decided?.decision.limits ?? {}).length)
})

test('an allowed call names the rule that allowed it, a denied one those that could have', async t => {
  const allowed = await explainDecision({ toolchain, files: shipped, capabilities, input: call({ tool: 'lookup_customer' }) })
  t.is(allowed.decided?.decision.effect, 'allow')
  t.like(allowed.parts.find(({ member }) => member === 'allow'), { id: 'mcp.allow', by: { package: 'policies.mcp', rule: 'allow', title: 'A tool may be called by who may know of it' } })
  const denied = await explainDecision({ toolchain, files: shipped, capabilities, input: call({ tool: 'lookup_customer', groups: ['ci'] }) })
  t.like(denied.parts.find(({ id }) => id === 'countersign.access'), { by: { package: 'countersign.request', rule: 'verdict' } })
  const near = denied.missed.find(({ package: name, rule }) => name === 'policies.mcp' && rule === 'allow')
  t.true((near?.held ?? 0) > 0)
  t.regex(near?.text ?? '', /^access\.in_any\(input\.subject, data\.mcp\.tools\[input\.resource\.id\]\.groups\)/)
})

test('a rule that nearly spoke is told with the condition that did not hold and its values', async t => {
  const { missed } = await explainDecision({ toolchain, files: shipped, capabilities, input: call({ tool: 'run_report', arguments: { report: 'largest_accounts' } }) })
  const near = missed.find(({ title }) => title === 'Deleting needs a lead')
  t.regex(near?.text ?? '', /^input\.resource\.id in data\.mcp\.deletes\n(.*\n)+"bank\/run_report"$/)
  t.is(line(shipped, { file: near?.file ?? '', row: near?.fail_row ?? 0 }).trim(), 'input.resource.id in data.mcp.deletes')
})

test('an input without a decision, and an answer that the schema does not know, are explained as denials', async t => {
  const none = await explainDecision({ toolchain, files: shipped, capabilities, input: { ...call(), v: 2 } })
  t.like(none, { decided: undefined, why: 'the policy has no answer for this input' })
  const odd = await explainDecision({ toolchain, files: source({ ...endpoints, 'x.rego': 'package policies.x\n\nallow := "yes"\n' }), capabilities, input: call() })
  t.like(odd, { decided: undefined, why: 'the decision is malformed: / breaks "type"' })
})

test('what a rule reads is followed through every rule that it asks', async t => {
  const { entrypoints, rules } = await findDependencies({ toolchain, files: shipped, capabilities })
  t.deepEqual(entrypoints.map(({ name }) => name), ['countersign/request/decision', 'countersign/list/visible'])
  const paths = (reads: readonly { path: readonly string[] }[] = []) => reads.map(({ path }) => path.join('.'))
  t.true(paths(entrypoints[0]?.data).includes('mcp.deletes'))
  t.true(entrypoints[0]?.rules.includes('policies.mcp.deny'))
  const allow = rules.find(({ name }) => name === 'policies.mcp.allow')
  t.deepEqual([paths(allow?.input), paths(allow?.data)], [['action.name', 'resource.id', 'resource.type', 'subject'], ['mcp.tools']])
  t.deepEqual(allow?.rules, ['countersign.access.in_any', 'policies.mcp.is_call'])
})

test('a function that only a test defines is no function of the policy', async t => {
  const files = source({ ...endpoints, 'x.rego': 'package policies.x\n\nallow if data.helpers.f(input.v)\n', 'h_test.rego': 'package helpers\n\nf(x) := x\n' })
  const error = await t.throwsAsync(checkPolicies({ toolchain, files, capabilities }), { instanceOf: PolicyError })
  t.like(error?.findings[0], { code: 'rego_type_error', message: 'undefined function data.helpers.f (a test defines it)', file: 'x.rego', row: 3 })
})

test('a typo in the input of a folder without a schema of its own has its place, in a test file too', async t => {
  for (const [file, text] of [['x.rego', 'package policies.x\n\nallow if input.resorce.id == "a"\n'], ['x_test.rego', 'package x_test\n\ntest_a if input.resorce.id == "a"\n']] as const) {
    const error = await t.throwsAsync(checkPolicies({ toolchain, files: source({ ...endpoints, 'x.rego': 'package policies.x\n\nallow if true\n', [file]: text }), capabilities }), { instanceOf: PolicyError })
    t.like(error?.findings[0], { code: 'rego_type_error', file, row: 3 })
    t.regex(error?.findings[0]?.message ?? '', /^undefined ref: input\.resorce\.id; have: "resorce"/)
  }
})

test('each way to end a test is told apart: false, not true, an error, a conflict, cases, print', async t => {
  const text = `package x_test

test_value := 1

test_none if false

test_error if 1 / (count(input) - count(input)) == 1

conflict := 1

conflict := 2

test_conflict if conflict == 1

test_cases[note] if {
	some note, n in {"one": 1, "two": 2}
	n == 1
}

test_twice if true

test_twice if print("second time")

todo_test_later if false

nested.test_inside if input.x == 1 with input as {"x": 1}
`
  const { tests } = await testPolicies({ toolchain, files: source({ 'x_test.rego': text.replace('count(input) - count(input)', 'to_number("0")') }), capabilities })
  t.deepEqual(tests.map(({ name, outcome }) => `${name} ${outcome}`), [
    'test_value fail', 'test_none fail', 'test_error fail', 'test_conflict error', 'test_cases fail', 'test_twice pass', 'test_twice#01 pass', 'todo_test_later skip', 'nested.test_inside pass',
  ])
  const of = (name: string) => tests.find(one => one.name === name)
  t.is(of('test_error')?.message, 'x_test.rego:7: eval_builtin_error: div: divide by zero')
  t.regex(of('test_conflict')?.message ?? '', /rule data\.x_test\.conflict produced conflicting values/)
  t.deepEqual(of('test_cases')?.failed_cases, ['two'])
  t.is(of('test_twice#01')?.output, 'second time\n')
})

test('the profile counts a rule by its own lines, and never a test', async t => {
  const files = source({ 'x.rego': 'package policies.x\n\nallow if {\n\tis_a\n\tinput.v == 1\n}\n\nis_a if {\n\tsome n in numbers.range(1, 200)\n\tn == 200\n}\n', 'x_test.rego': 'package x_test\n\ntest_a if data.policies.x.allow with input.v as 1\n' })
  const { profile = [], coverage } = await testPolicies({ toolchain, files, capabilities, profile: true, coverage: true })
  t.deepEqual(profile.map(({ package: name, name: rule, file, row }) => `${name}.${rule} ${file}:${row}`).toSorted(), ['policies.x.allow x.rego:3', 'policies.x.is_a x.rego:8'])
  const evals = (rule: string) => profile.find(({ name }) => name === rule)?.evals ?? 0
  t.true(evals('is_a') > 200 && evals('allow') < 10)
  t.is(coverage?.coverage, 100)
})

test('a file or a test that would take for ever is named when it is ended', async t => {
  using own = new Toolchain()
  await own.request({ cmd: 'version' })
  const loops = 'package x_test\n\ntest_fine if true\n\ntest_endless if {\n\tr := numbers.range(1, 100000)\n\tcount([a | some a in r; some b in r; a + b < 0]) == 0\n}\n'
  const endless = await t.throwsAsync(testPolicies({ toolchain: own, files: source({ 'x_test.rego': loops }), capabilities, deadlineMs: 2500 }), { instanceOf: PolicyError })
  t.like(endless, { code: 'ERR_TOOLCHAIN_DEADLINE', message: 'the policy compiler did not answer within 2500 ms: it was at x_test.test_endless' })
  const deep = source({ ...endpoints, 'policy/bomb.rego': `package bomb\n\np := ${'['.repeat(200_000)}${']'.repeat(200_000)}\n` })
  const bomb = await t.throwsAsync(checkPolicies({ toolchain: own, files: deep, capabilities }), { instanceOf: PolicyError })
  t.like(bomb, { code: 'ERR_TOOLCHAIN_FAULT', message: 'the policy is nested too deeply for the compiler: it was at policy/bomb.rego' })
  t.is((await checkPolicies({ toolchain: own, files: source({ ...endpoints, 'x.rego': 'package policies.x\n\nallow if true\n' }), capabilities })).modules, 3)
})
