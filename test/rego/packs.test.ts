import test from 'ava'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { checkPolicies, packNames, packs, starterFiles, testPolicies } from '../../rego/index.ts'

const capabilities = shippedCapabilities()
const encoded = (files: ReadonlyMap<string, string>) => new Map([...files].map(([name, text]) => [name, new TextEncoder().encode(text)]))

test('the packs that are not shipped pass their own tests, and every line of them is tested', async t => {
  const files = encoded(starterFiles(['grpc', 'ffiec']))
  const { tests, coverage } = await testPolicies({ files, capabilities, coverage: true, filter: '(grpc|ffiec)_test[.]', deadlineMs: 110_000 })
  t.deepEqual(tests.filter(({ outcome }) => outcome !== 'pass').map(({ name, message }) => [name, message]), [])
  t.true(tests.length >= 12)
  const missed = Object.entries(coverage?.files ?? {}).filter(([file]) => /^policy\/(grpc|ffiec)\//.test(file)).map(([file, one]) => [file, one.not_covered_lines ?? 0])
  t.deepEqual(missed, [['policy/ffiec/ffiec.rego', 0], ['policy/grpc/access.rego', 0], ['policy/grpc/grpc.rego', 0]])
})

test('the shipped tests hold beside masks and limits of a house', async t => {
  const house = 'package policies.zeta\n\nmask contains {"id": "zeta.note", "match": {"columns": ["note"]}, "op": "redact"}\n\nlimit contains {"bytes": 1000}\n'
  const { tests } = await testPolicies({ files: encoded(new Map([...starterFiles(packNames), ['policy/zeta/zeta.rego', house]])), capabilities, filter: '(postgres|http|grpc|ffiec)_test[.]', deadlineMs: 110_000 })
  t.deepEqual(tests.filter(({ outcome }) => outcome !== 'pass').map(({ name, message }) => [name, message]), [])
  t.true(tests.length >= 40)
})

test('with all packs, no decision reads what differs in every call', async t => {
  const { reads } = await checkPolicies({ files: encoded(starterFiles(packNames)), capabilities })
  const paths = reads['countersign/request/decision']?.map(({ path }) => path.join('.')) ?? []
  t.true(paths.includes('context.ticket'))
  for (const path of paths) t.notRegex(path, /^$|^context$|^context\.time|^session|^decision_id/)
})

test('a pack brings its own rules, tests and data, and nothing of another', t => {
  for (const name of packNames) {
    const files = starterFiles([name])
    const { folder } = packs[name]
    t.true(files.has(`data/${folder}/data.json`), name)
    const others = packNames.filter(other => other !== name).map(other => packs[other].folder)
    t.deepEqual([...files.keys()].filter(file => others.some(other => file.split('/')[1] === other)), [], name)
    t.true([...files.keys()].includes(`policy/${folder}/${folder}_test.rego`), name)
  }
})
