import test from 'ava'
import type { TestResult } from '../../rego/compiler.ts'
import { formatFindings, formatTests } from '../../rego/formats/index.ts'
import { unifiedDiff } from '../../rego/line-diff.ts'

const show = (file: string) => `policies/${file}`
const findings = [
  { code: 'rego_type_error', message: 'undefined ref: input.resorce,\n100 % wrong', file: 'policy/x.rego', row: 3, col: 10 },
  { code: 'uncached', message: 'warning: evaluated <anew> & "again"', file: 'policy/y.rego', row: 0, col: 0 },
]
const results: readonly TestResult[] = [
  { package: 'x_test', name: 'test_a', file: 'x_test.rego', row: 3, col: 1, outcome: 'pass', ns: 2_000_000 },
  { package: 'x_test', name: 'test_b', file: 'x_test.rego', row: 5, col: 1, outcome: 'fail', message: 'n == 2\n|\n1', fail_row: 7, fail_file: 'x_test.rego', output: 'said \u0007<this>\n', ns: 1_000_000 },
  { package: 'y_test', name: 'test_c', file: 'y_test.rego', row: 1, col: 1, outcome: 'error', message: 'x_test.rego:1: conflict', ns: 0 },
  { package: 'y_test', name: 'todo_test_d', file: 'y_test.rego', row: 9, col: 1, outcome: 'skip', ns: 0 },
]

test('a pull request shows a finding beside its line, whatever the message holds', t => {
  t.is(formatFindings('github', findings, show), [
    '::error file=policies/policy/x.rego,line=3,col=10,title=rego_type_error::undefined ref: input.resorce,%0A100 %25 wrong',
    '::warning file=policies/policy/y.rego,title=uncached::evaluated <anew> & "again"',
  ].join('\n'))
  t.is(formatTests('github', results, show), [
    '::error file=policies/x_test.rego,line=7,title=x_test.test_b::n == 2%0A|%0A1%0Asaid \u0007<this>%0A',
    '::error file=policies/y_test.rego,line=1,title=y_test.test_c::x_test.rego%3A1%3A conflict',
  ].join('\n').replaceAll('x_test.rego%3A1%3A', 'x_test.rego:1:'))
})

test('code scanning reads findings and failed tests as SARIF 2.1.0', t => {
  t.deepEqual(JSON.parse(formatFindings('sarif', findings, show)), {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json', version: '2.1.0',
    runs: [{
      tool: { driver: { name: 'countersign policy', rules: [{ id: 'rego_type_error' }, { id: 'uncached' }] } },
      results: [
        { ruleId: 'rego_type_error', level: 'error', message: { text: 'undefined ref: input.resorce,\n100 % wrong' }, locations: [{ physicalLocation: { artifactLocation: { uri: 'policies/policy/x.rego' }, region: { startLine: 3, startColumn: 10 } } }] },
        { ruleId: 'uncached', level: 'warning', message: { text: 'evaluated <anew> & "again"' }, locations: [{ physicalLocation: { artifactLocation: { uri: 'policies/policy/y.rego' } } }] },
      ],
    }],
  })
  const [run] = (JSON.parse(formatTests('sarif', results, show)) as { runs: { results: { message: { text: string } }[] }[] }).runs
  t.deepEqual(run?.results.map(({ message }) => message.text), ['x_test.test_b: n == 2\n|\n1', 'y_test.test_c: x_test.rego:1: conflict'])
})

test('a CI server reads tests and findings as JUnit, in well-formed XML', t => {
  t.is(formatTests('junit', results, show), `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="x_test" tests="2" failures="1" errors="0" skipped="0" time="0.003000">
    <testcase classname="x_test" name="test_a" file="policies/x_test.rego" line="3" time="0.002000">
    </testcase>
    <testcase classname="x_test" name="test_b" file="policies/x_test.rego" line="5" time="0.001000">
      <failure message="n == 2">policies/x_test.rego:7: not true
n == 2
|
1</failure>
      <system-out>said \ufffd&lt;this&gt;
</system-out>
    </testcase>
  </testsuite>
  <testsuite name="y_test" tests="2" failures="0" errors="1" skipped="1" time="0.000000">
    <testcase classname="y_test" name="test_c" file="policies/y_test.rego" line="1" time="0.000000">
      <error message="x_test.rego:1: conflict">x_test.rego:1: conflict</error>
    </testcase>
    <testcase classname="y_test" name="todo_test_d" file="policies/y_test.rego" line="9" time="0.000000">
      <skipped/>
    </testcase>
  </testsuite>
</testsuites>`)
  const checked = formatFindings('junit', findings, show)
  t.regex(checked, /tests="2" failures="1"/)
  t.true(checked.includes('<failure message="undefined ref: input.resorce,&#10;100 % wrong">policies/policy/x.rego:3:10: undefined ref'))
  t.true(checked.includes('<system-out>warning: policies/policy/y.rego: evaluated &lt;anew&gt; &amp; &quot;again&quot;</system-out>'))
  t.regex(formatFindings('junit', [], show), /tests="1" failures="0"/)
})

test('a difference is a patch: hunks with context, a missing last newline, an empty side', t => {
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i + 1}\n`)
  const other = lines.with(1, 'other\n').toSpliced(15, 1).with(-1, 'line 20')
  t.deepEqual(unifiedDiff(lines.join(''), other.join(''), 'a.rego'), [
    '--- a/a.rego', '+++ b/a.rego',
    '@@ -1,5 +1,5 @@', ' line 1', '-line 2', '+other', ' line 3', ' line 4', ' line 5',
    '@@ -13,8 +13,7 @@', ' line 13', ' line 14', ' line 15', '-line 16', ' line 17', ' line 18', ' line 19', '-line 20', '+line 20', '\\ No newline at end of file',
  ])
  t.deepEqual(unifiedDiff('', 'a\n', 'a'), ['--- a/a', '+++ b/a', '@@ -0,0 +1,1 @@', '+a'])
  t.deepEqual(unifiedDiff('a\n', 'a\n', 'a'), [])
})
