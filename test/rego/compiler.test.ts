import { createHash } from 'node:crypto'
import anyTest from 'ava'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { checkPolicies, compileBundle, formatPolicies, inspectPolicies, policyEntrypoints, testPolicies, type CompileOptions } from '../../rego/compiler.ts'
import { PolicyError, type PolicyErrorCode } from '../../rego/errors.ts'
import { entrypoints as hostEntrypoints } from '../../rego/policy.ts'
import { readBundle } from '../../rego/bundle.ts'
import { compilerDigest } from '../../rego/toolchain/artefact.ts'

// One after the other: each compiler is a process of some 200 MB.
const test = anyTest.serial
const capabilities = shippedCapabilities()
const base = {
  'policy/decision.rego': 'package countersign.request\n\nimport data.countersign.access\n\ndefault decision := {"effect": "deny"}\n\ndecision := {"effect": "allow"} if access.may_call(input.subject, input.resource)\n',
  'policy/access.rego': 'package countersign.access\n\nmay_call(subject, resource) if subject.id in data.owners[resource.id]\n',
  'policy/visible.rego': 'package countersign.list\n\nimport data.countersign.access\n\nvisible := [i | some i, item in input.items; access.may_call(input.subject, item)]\n',
  'data/owners/data.json': '{"a": ["ana"]}',
}
const source = (files: Record<string, string>) => new Map(Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)]))
const compile = (more: Record<string, string> = {}, options: Partial<CompileOptions> = {}) => compileBundle({ files: source({ ...base, ...more }), revision: 'c0ffee', serial: 7, capabilities, ...options })

/** Places and messages of the findings that a check of `more` on top of the base ends in. */
async function findings(more: Record<string, string>, code: PolicyErrorCode = 'ERR_POLICY_CHECK'): Promise<string[]> {
  const error = await checkPolicies({ files: source({ ...base, ...more }), capabilities }).catch((error: unknown) => error)
  if (!(error instanceof PolicyError)) return []
  if (error.code !== code) throw error
  return error.findings.map(({ file, row, col, message }) => `${file}:${row}:${col}: ${message}`)
}

test('the compiler and the host mean the same two entrypoints', t => {
  t.deepEqual([...policyEntrypoints], Object.values(hostEntrypoints))
})

test('the same source gives the same bytes, whatever the order of its files', async t => {
  const [one, two] = await Promise.all([compile(), compileBundle({ files: new Map([...source(base)].reverse()), revision: 'c0ffee', serial: 7, capabilities })])
  t.deepEqual(one, two)
  t.notDeepEqual(await compile({}, { serial: 8 }), one)
})

test('a bundle names its commit, source, compiler and serial, and what it reads of the input', async t => {
  const bundle = readBundle(await compile())
  const lines = Object.entries(base).toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, text]) => `${createHash('sha256').update(text).digest('hex')}  ${name}\n`)
  t.is(bundle.revision, 'c0ffee')
  t.is(bundle.serial, 7)
  t.is(bundle.compilerDigest, compilerDigest())
  t.is(bundle.sourceDigest, createHash('sha256').update(lines.join('')).digest('hex'), 'as sha256sum would have it')
  t.deepEqual(bundle.inputs, {
    'countersign/request/decision': [['resource'], ['subject']],
    'countersign/list/visible': [['items'], ['subject']],
  })
  t.is(bundle.data, '{"owners":{"a":["ana"]}}')
})

test('a misspelt member of the input is found, with its place', async t => {
  const [found = '', ...more] = await findings({ 'policy/x.rego': 'package policies.x\n\nallow if {\n\tinput.resorce.id == "a"\n}\n' })
  t.regex(found, /^policy\/x\.rego:4:2: undefined ref: input\.resorce\.id; have: "resorce"; want \(one of\): \[.*"resource"/)
  t.deepEqual(more, [])
})

test('a built-in that the host lacks fails at check and not in a call', async t => {
  const calls = ['http.send({"url": input.resource.id})', 'format_int(3, 10)', 'time.now_ns()', 'rand.intn("a", 3)', 'opa.runtime()', 'net.lookup_ip_addr("a")']
  t.deepEqual(
    await findings({ 'policy/x.rego': `package policies.x\n\n${calls.map(call => `allow if ${call}\n`).join('')}` }),
    calls.map((call, i) => `policy/x.rego:${3 + i}:10: undefined function ${call.slice(0, call.indexOf('('))}`),
  )
})

test('each kind of mistake is reported with file, row and column', async t => {
  const cases: [string, string][] = [
    ['allow if {\n\tinput.v ==\n}\n', 'policy/x.rego:5:1: unexpected } token'],
    ['allow if {\n\tunused := 1\n\tinput.v == 1\n}\n', 'policy/x.rego:4:2: assigned var unused unused'],
    ['allow if unsafe > 1\n', 'policy/x.rego:3:10: var unsafe is unsafe'],
    ['allow if allow\n', 'policy/x.rego:3:1: rule data.policies.x.allow is recursive: data.policies.x.allow -> data.policies.x.allow'],
    ['p := 1\n\np := 2 if true\n\np contains 3\n', 'policy/x.rego:3:1: conflicting rules data.policies.x.p found'],
  ]
  for (const [text, expected] of cases) t.is((await findings({ 'policy/x.rego': `package policies.x\n\n${text}` }))[0], expected)
})

test('every mistake in every file is told at once, in order', async t => {
  const found = await findings({ 'policy/b.rego': 'package b\n\np := x\n', 'policy/a.rego': 'package a\n\np := y\n\nq := z\n' })
  t.deepEqual(found, ['policy/a.rego:3:6: var y is unsafe', 'policy/a.rego:5:6: var z is unsafe', 'policy/b.rego:3:6: var x is unsafe'])
})

test('a policy without its entrypoints does not compile', async t => {
  const error = await t.throwsAsync(compileBundle({ files: source({ 'a.rego': 'package a\n\np := 1\n' }), revision: '', serial: 0, capabilities }), { instanceOf: PolicyError })
  t.is(error?.code, 'ERR_POLICY_CHECK')
  t.deepEqual(error?.findings.map(({ message }) => message), policyEntrypoints.map(name => `there is no rule for the entrypoint ${name}`).toSorted())
})

test('data that would not be loaded, or that hides other data, is refused', async t => {
  const found = await findings({
    'data/roles.json': '{}',
    'data/owners/data.yaml': 'a: [eve]',
    'data/list/data.json': '[1]',
    'data/cut/data.json': '{"a":',
    'data/two/data.json': '{} {}',
    'data/yaml/data.json': 'a: 1',
    'data/deep/data.json': '{"er": 3}',
    'data/deep/er/data.json': '{"x": 1}',
  })
  t.deepEqual(found.map(text => text.replace(/(unexpected|error:|invalid) .*/, '…')), [
    'data/cut/data.json:0:0: …',
    'data/deep/er/data.json:0:0: another data file has a value at deep/er',
    'data/list/data.json:0:0: the top of a data file must be an object',
    'data/owners/data.yaml:0:0: "a" is set by two data files',
    'data/roles.json:0:0: a file below data/ is named data.json or data.yaml; its folders are its path in data',
    'data/two/data.json:1:4: …',
    'data/yaml/data.json:0:0: …',
  ])
  t.regex((await findings({ 'policy/x.rego': 'package owners\n\na := 1\n' }))[0] ?? '', /conflicting rule for data path owners\/a found/)
})

test('a number in data keeps its digits', async t => {
  t.true(readBundle(await compile({ 'data/n/data.json': '{"big": 12345678901234567890, "exact": 1.10}' })).data.includes('{"big":12345678901234567890,"exact":1.10}'))
})

test('a file with a name or bytes that cannot be trusted is refused', async t => {
  for (const name of ['../a.rego', '/a.rego', 'a//b.rego', 'a\\b.rego', 'a\n.rego', './a.rego']) {
    t.deepEqual(await findings({ [name]: 'package a\n' }, 'ERR_POLICY_SOURCE'), [`${name}:0:0: not a relative path with / between its segments`])
  }
  const error = await t.throwsAsync(checkPolicies({ files: new Map([['a.rego', Uint8Array.of(0xff)]]), capabilities }), { instanceOf: PolicyError })
  t.is(error?.code, 'ERR_POLICY_SOURCE')
  t.is(error?.findings[0]?.message, 'not UTF-8')
})

test('tests are run, and a failed one shows its expression with the values in it', async t => {
  const files = source({ ...base, 'policy/x_test.rego': 'package x_test\n\ntest_good if data.countersign.request.decision.effect == "deny" with input as {}\n\ntest_bad if {\n\teffect := "deny"\n\tprint("said", effect)\n\teffect == "allow"\n}\n\ntodo_test_later if true\n' })
  const { tests } = await testPolicies({ files, capabilities })
  t.deepEqual(tests.map(({ name, outcome }) => [name, outcome]), [['test_good', 'pass'], ['test_bad', 'fail'], ['todo_test_later', 'skip']])
  t.like(tests[1], { file: 'policy/x_test.rego', row: 5, fail_file: 'policy/x_test.rego', fail_row: 8, message: 'effect == "allow"\n|\n"deny"', output: 'said deny\n' })
  t.deepEqual((await testPolicies({ files, capabilities, filter: 'test_bad' })).tests.map(({ name }) => name), ['test_bad'])
})

test('coverage counts policy and not its tests', async t => {
  const files = source({ ...base, 'policy/x_test.rego': 'package x_test\n\nimport data.countersign.access\n\ntest_owner if access.may_call({"id": "ana"}, {"id": "a"})\n' })
  const { coverage } = await testPolicies({ files, capabilities, coverage: true })
  t.deepEqual(Object.keys(coverage?.files ?? {}).sort(), ['policy/access.rego', 'policy/decision.rego', 'policy/visible.rego'])
  t.is(coverage?.files['policy/access.rego']?.coverage, 100)
  t.is(coverage?.covered_lines, 1)
})

test('formatting gives the canonical form once', async t => {
  const changed = await formatPolicies({ files: source({ 'a.rego': 'package a\nallow if   {input.x==1}\n', 'b.rego': 'package b\n\nx := 1\n' }) })
  t.deepEqual([...changed], [['a.rego', 'package a\n\nallow if input.x == 1\n']])
  t.is((await formatPolicies({ files: source(Object.fromEntries(changed)) })).size, 0)
})

test('inspection lists packages, rules and their titles', async t => {
  const packages = await inspectPolicies({ files: source({ 'a.rego': 'package a\n\n# METADATA\n# title: the answer\np := 42\n', 'a_test.rego': 'package a_test\n\ntest_p if data.a.p == 42\n' }) })
  t.like(packages[0], { package: 'a', files: ['a.rego'], rules: [{ name: 'p', file: 'a.rego', row: 5, annotations: { title: 'the answer' } }], tests: 0 })
  t.like(packages[1], { package: 'a_test', rules: [], tests: 1 })
})
