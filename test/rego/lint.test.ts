import test from 'ava'
import { packNames, starterFiles } from '../../rego/index.ts'
import { lintPolicies } from '../../rego/lint/lint.ts'
import { Toolchain } from '../../rego/toolchain/process.ts'
import { shipped } from './sources.ts'

const toolchain = new Toolchain()
test.after.always(() => { toolchain[Symbol.dispose]() })

const encoded = (files: Readonly<Record<string, string>>) => new Map(Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)]))

/** A package that nothing is wrong with, and what a case puts beside it or in its place. */
const metadata = '# METADATA\n# title: It\n# custom:\n#   controls: [C-1]\n'
const good = { 'policy/it/it.rego': `${metadata}package policies.it\n\ndeny contains {"id": "it.no", "msg": "m", "controls": []} if input.v == 1\n`, 'policy/it/it_test.rego': 'package it_test\n\ntest_it if true\n' }

async function found(files: Readonly<Record<string, string>>): Promise<string[]> {
  const findings = await lintPolicies(encoded({ ...good, ...files }), toolchain)
  return findings.map(({ file, row, col, code, message }) => `${file}:${row}:${col}: ${message} [${code}]`)
}

test('the shipped policies and all packs keep the house rules', async t => {
  t.deepEqual(await lintPolicies(shipped, toolchain), [])
  t.deepEqual(await lintPolicies(encoded(Object.fromEntries(starterFiles(packNames))), toolchain), [])
  t.deepEqual(await found({}), [])
})

const it = (rules: string) => ({ 'policy/it/it.rego': `${metadata}package policies.it\n\n${rules}\n` })
const reason = (members: string) => `{"id": "it.no", "msg": "m", "controls": []${members}}`

const cases: Readonly<Record<string, readonly [files: Readonly<Record<string, string>>, ...findings: string[]]>> = {
  'a rule named in camel case': [it(`isLate := true\n\ndeny contains ${reason('')} if isLate`),
    'policy/it/it.rego:7:1: rule isLate: name it in lower case with underscores [snake_case]'],
  'a package that is named so': [{ 'policy/it/x.rego': `${metadata}package policies.itsOwn\n\nallow if input.v == 1\n` },
    'policy/it/x.rego:1:1: package policies.itsOwn: name it in lower case with underscores [snake_case]'],
  'a package too deep to be asked': [{ 'policy/it/x.rego': `${metadata}package policies.it.sub\n\nallow if input.v == 1\n` },
    'policy/it/x.rego:7:1: allow of package policies.it.sub is never asked: call the package policies.<name>, with one name [package_place]'],
  'a second answer to who sees what': [it('visible := true'),
    'policy/it/it.rego:7:1: what a list shows follows from may_call: write a clause of countersign.access.may_call instead of a rule called visible [visible_is_derived]'],
  'may_call where nobody asks it': [it('may_call(subject, resource) if subject.id == resource.id'),
    'policy/it/it.rego:7:1: may_call is asked in package countersign.access alone: move this clause to a file of that package [may_call_place]'],
  'no METADATA': [{ 'policy/it/it.rego': `package policies.it\n\ndeny contains ${reason('')} if input.v == 1\n` },
    'policy/it/it.rego:3:1: deny of package policies.it: give it, or its package, METADATA with a title and custom.controls, the ids of the controls it serves [metadata]'],
  'no controls': [{ 'policy/it/it.rego': `package policies.it\n\n# METADATA\n# title: No\ndeny contains ${reason('')} if input.v == 1\n` },
    'policy/it/it.rego:5:1: deny of package policies.it: give it, or its package, METADATA with custom.controls, the ids of the controls it serves [metadata]'],
  'controls as a label': [{ 'policy/it/it.rego': `package policies.it\n\n# METADATA\n# title: No\n# labels:\n#   controls: C-1\ndeny contains ${reason('')} if input.v == 1\n` }],
  'a package without a test': [{ 'policy/other/other.rego': `${metadata}package policies.other\n\nallow if input.v == 1\n` },
    'policy/other/other.rego:1:1: package policies.other has no test beside it: put a policy/other/other_test.rego there [test_beside]'],
  "another package's id": [it('deny contains {"id": "mcp.no", "msg": "m", "controls": []} if input.v == 1'),
    'policy/it/it.rego:7:15: mcp.no: an id is it.<name>, after its package, in lower case (or METADATA of the package says custom.ids) [reason_id]'],
  'ids that METADATA names': [{ 'policy/it/it.rego': `${metadata}#   ids: mine\npackage policies.it\n\ndeny contains {"id": "mine.no", "msg": "m", "controls": []} if input.v == 1\n` }],
  'one id for two rules': [it(`deny contains ${reason('')} if input.v == 1\n\ndeny contains ${reason('')} if input.v == 2`),
    'policy/it/it.rego:9:15: it.no stands at policy/it/it.rego:7, too: one rule, one id [reason_id]'],
  'a computed id': [it('deny contains {"id": input.v, "msg": "m", "controls": []} if input.v'),
    'policy/it/it.rego:7:15: write the id out: nobody finds a rule whose id is computed [reason_id]'],
  'a reason that is not written out': [it('deny contains other if other := input.v'),
    'policy/it/it.rego:7:1: write the reason out in the rule, deny contains {"id": …, "msg": …}, so that it can be found [reason_members]'],
  'a severity, a mode that are none': [it(`deny contains ${reason(', "severity": "urgent", "mode": "later"')} if input.v == 1`),
    'policy/it/it.rego:7:15: it.no: mode is one of enforce, warn, dryrun [reason_members]', 'policy/it/it.rego:7:15: it.no: severity is one of low, medium, high, critical [reason_members]'],
  'a requirement without approval': [it(`require contains ${reason('')} if input.v == 1`), 'policy/it/it.rego:7:18: it.no has no approval [reason_members]'],
  'two values that can meet': [it('level := 1 if input.v == 1\n\nlevel := 2 if input.v == 2'),
    'policy/it/it.rego:9:1: level can have another value at policy/it/it.rego:7, and two values end the evaluation: join them by else [conflict]'],
  'one value said twice, a default, an else': [it('default level := 0\n\nlevel := 1 if input.v == 1\n\nlevel := 1 if input.v == 2\n\nother := 1 if {\n\tinput.v == 1\n} else := 2')],
  'a function told apart by what it is given': [it('f("a") := 1\n\nf("b") := 2')],
  'a function that is not': [it('f("a", _) := 1\n\nf(_, "b") := 2'),
    'policy/it/it.rego:9:1: f can have another value at policy/it/it.rego:7, and two values end the evaluation: join them by else [conflict]'],
  'a yes by default': [it('default allow := true'),
    'policy/it/it.rego:7:1: allow is true by default, for every call that comes: say for whom and for what, and leave the rest undefined [silence_is_deny]'],
  'with in a policy': [it(`ok if input.v == 1\n\ndeny contains ${reason('')} if {\n\tok with input as {"v": 1}\n}`),
    'policy/it/it.rego:10:5: with belongs in tests: pass what differs to a function [no_with]'],
  'data that is read and is not there': [{ ...it('require contains {"id": "it.no", "msg": "m", "controls": [], "approval": data.approvals.leed} if input.v == data.versions[_]'), 'data/data.json': '{ "approvals": { "lead": {} }, "versions": [1] }' },
    'policy/it/it.rego:7:74: data.approvals.leed is nowhere in data: the rule that reads it says nothing, as if it did not hold [data_missing]'],
  'a rollout of no rule, and of no mode': [{ 'data/data.json': '{\n  "rollout": {\n    "it.no": { "prod": "warm" },\n    "it.gone": "warn"\n  }\n}\n' },
    'data/data.json:3:5: it.no in prod: a mode is enforce, warn or dryrun; anything else enforces [rollout]', 'data/data.json:4:5: no rule has the id it.gone [rollout]'],
  'a rollout in a file of its own': [{ 'data/rollout/data.yaml': 'it.no: {test: enforce, "*": dryrun}\nit.gone: warn\n' }, 'data/rollout/data.yaml:2:1: no rule has the id it.gone [rollout]'],
}

for (const [name, [files, ...findings]] of Object.entries(cases)) {
  test(`lint: ${name}`, async t => { t.deepEqual(await found(files), findings) })
}

test('beside the library, a rule that no decision asks is told: a verb with a typo, a package that is not below policies', async t => {
  const library = Object.fromEntries([...starterFiles([])].filter(([name]) => /^(policy\/(lib|baseline)|schema|data)\//.test(name)))
  const asks = (name: string) => `no decision asks ${name}: the library asks allow, deny, require, mask, limit, unmasked of packages policies.<name>, and what those ask in turn [never_asked]`
  t.deepEqual(await found({ ...library, ...it(`denny contains ${reason('')} if is_late\n\nis_late if input.v == 1\n\nallow if is_early\n\nis_early if input.v == 2`) }), [
    `policy/it/it.rego:7:1: ${asks('denny of package policies.it')}`, `policy/it/it.rego:9:1: ${asks('is_late of package policies.it')}`,
  ])
  t.deepEqual(await found({ ...library, 'policy/it/it.rego': `${metadata}package it\n\ndeny contains ${reason('')} if input.v == 1\n` }), [`policy/it/it.rego:7:1: ${asks('deny of package it')}`])
})

test('a library that was changed, or is not whole, is a warning', async t => {
  const library = Object.fromEntries([...starterFiles([])].filter(([name]) => /^(policy\/(lib|baseline)|schema|data)\//.test(name)))
  t.deepEqual(await found(library), [])
  const { 'policy/lib/visible.rego': _, ...without } = library
  t.deepEqual(await found({ ...without, 'policy/lib/access.rego': `${library['policy/lib/access.rego'] ?? ''}\n` }), [
    ':0:0: warning: policy/lib/visible.rego is not there: take the one that this version of Countersign ships, from a fresh policy new, or have others look at the difference [library]',
    'policy/lib/access.rego:1:1: warning: policy/lib/access.rego differs: take the one that this version of Countersign ships, from a fresh policy new, or have others look at the difference [library]',
  ])
})
