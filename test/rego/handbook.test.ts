import { readFileSync } from 'node:fs'
import test from 'ava'
import { inspectPolicies } from '../../rego/compiler.ts'
import { makeHandbook, type Handbook } from '../../rego/handbook/handbook.ts'
import { libraryRules } from '../../rego/handbook/library-rules.ts'
import { handbookMarkdown } from '../../rego/handbook/markdown.ts'
import { packNames, starterFiles, type PolicySource } from '../../rego/index.ts'
import { Toolchain } from '../../rego/toolchain/process.ts'
import { shipped } from './sources.ts'

const toolchain = new Toolchain()
test.after.always(() => { toolchain[Symbol.dispose]() })

const encoded = (files: Readonly<Record<string, string>>): PolicySource => new Map(Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)]))
const handbookOf = async (files: PolicySource, counts?: Handbook['counts']) => makeHandbook(files, await inspectPolicies({ files, toolchain }), counts)
const rulesOf = ({ packages }: Handbook) => packages.flatMap(({ rules }) => rules)

/** Every text in Rego and data that stands where an id stands. */
function writtenIds(files: PolicySource): Set<string> {
  return new Set([...files].filter(([name]) => !name.endsWith('_test.rego') && /\.rego$|data\.json$/.test(name))
    .flatMap(([, bytes]) => [...new TextDecoder().decode(bytes).matchAll(/"id": "([a-z0-9_.]+)"/g)].map(([, id]) => id ?? '')))
}

test('the handbook has every reason and every mask that the shipped policies and the packs can give', async t => {
  for (const files of [shipped, encoded(Object.fromEntries(starterFiles(packNames)))]) {
    const told = new Set(rulesOf(await handbookOf(files)).map(({ id }) => id))
    const written = writtenIds(files)
    t.true(written.size >= 45)
    t.deepEqual([...written].filter(id => !told.has(id)), [])
    for (const name of ['baseline', 'http', 'mcp', 'postgres']) t.true(told.has(`${name}.allow`), name)
  }
})

test("the library's own reasons are those that its source gives", t => {
  const source = readFileSync(new URL('../../rego/policy/lib/decision.rego', import.meta.url), 'utf8')
  const given = new Set([...source.matchAll(/"(countersign\.[a-z]+)"/g)].map(([, id]) => id))
  t.deepEqual([...given].toSorted(), libraryRules.map(({ id }) => id).filter(id => id !== 'policy.error').toSorted())
})

test('each reason of the shipped policies says what for, how severe it is, and is named by a test', async t => {
  const reasons = rulesOf(await handbookOf(shipped)).filter(({ verb }) => verb === 'deny' || verb === 'require')
  t.true(reasons.length >= 31)
  t.deepEqual(reasons.filter(({ title, severity, controls, tests }) => title === '' || severity === '' || controls.length === 0 || tests.length === 0).map(({ id }) => id), [])
})

const source = {
  'policy/it/it.rego': '# METADATA\n# title: It\n# description: |\n#   What it | is\n#   about.\n# custom:\n#   controls: [C-1]\npackage policies.it\n\n# METADATA\n# title: No <b>entry</b>\n# custom:\n#   controls: [C-2]\ndeny contains {"id": "it.no", "msg": "No.", "severity": "high", "controls": ["C-3"], "mode": "warn"} if input.v == 1\n\n# METADATA\n# title: Yes\nallow if input.v == 2\n\n# METADATA\n# title: Slowly\nlimit contains {"rows": 1} if input.v == 2\n',
  'policy/it/it_test.rego': 'package it_test\n\nimport data.policies.it\n\ntest_by_its_id if "it.no" in ids(1)\n\ntest_by_a_rule_of_the_tests if refused\n\nrefused if "it.no" in ids(1)\n\nids(v) := {reason.id | some reason in found} if found := it.deny with input as {"v": v}\n\ntest_of_something_else if count(ids(2)) == 0\n',
  'data/data.json': '{ "rollout": { "it.no": { "prod": "dryrun" } }, "masks": [{ "id": "it.ssn", "match": { "columns": ["ssn"] }, "op": "redact" }] }',
}

test('a rule is told with its controls, its mode in each environment, its place and its tests', async t => {
  const handbook = await handbookOf(encoded(source))
  t.like(rulesOf(handbook).find(({ id }) => id === 'it.no'), {
    verb: 'deny', title: 'No <b>entry</b>', msg: 'No.', severity: 'high', controls: ['C-2', 'C-3'], modes: { '*': 'warn', prod: 'dryrun' }, file: 'policy/it/it.rego', row: 14,
    tests: [{ package: 'it_test', name: 'test_by_its_id', file: 'policy/it/it_test.rego', row: 5 }, { package: 'it_test', name: 'test_by_a_rule_of_the_tests', file: 'policy/it/it_test.rego', row: 7 }],
  })
  t.like(rulesOf(handbook).find(({ id }) => id === 'it.allow'), { verb: 'allow', controls: ['C-1'] })
  t.like(rulesOf(handbook).find(({ verb }) => verb === 'limit'), { id: '', title: 'Slowly' })
  t.like(rulesOf(handbook).find(({ id }) => id === 'it.ssn'), { verb: 'mask', title: 'redact: columns ["ssn"]', file: 'data/data.json' })
  t.deepEqual(handbook.controls, [{ control: 'C-1', rules: ['it.allow'], tests: 0 }, { control: 'C-2', rules: ['it.no'], tests: 2 }, { control: 'C-3', rules: ['it.no'], tests: 2 }])
})

test('as Markdown it is the same each time, and no text of an author becomes markup', async t => {
  const text = handbookMarkdown(await handbookOf(encoded(source)))
  t.is(text, handbookMarkdown(await handbookOf(encoded(source))))
  t.true(text.includes('| `it.no` | deny | No &lt;b>entry&lt;/b> | high | C-2, C-3 | warn, prod: dryrun | 2 | policy/it/it.rego:14 |'))
  t.true(text.includes('What it | is about.'))
  t.false(text.includes('decisions'))
})

test('given a record, it says how often each rule decided', async t => {
  const text = handbookMarkdown(await handbookOf(encoded(source), { decisions: 7, unopened: 2, rules: { 'it.no': { enforced: 0, reported: 3 } } }))
  t.true(text.includes('7 read, 2 that no key opened'))
  t.true(text.includes('| C-2 | `it.no` | 2 | 3 |'))
  t.true(text.includes('| warn, prod: dryrun | 2 | 0 | 3 | policy/it/it.rego:14 |'))
})
