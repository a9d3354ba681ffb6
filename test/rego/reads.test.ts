import test from 'ava'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { Toolchain } from '../../rego/toolchain/process.ts'

const entrypoint = 'countersign/request/decision'
const mock = { 'm.rego': 'package m\n\nmock(x) := [x, input.mocked]\n' }
const packages = {
  'p.rego': 'package policies.a\n\nallow := input.pa\n\ndeny := input.pd\n',
  'q.rego': 'package policies.b.c\n\nallow := input.pbc\n',
  'q_test.rego': 'package policies.q\n\nallow := input.only_a_test_reads_it\n',
}

/** Rego after `package countersign.request`, and the paths its decision can read; `*` is all of input. */
const cases: [string, string[], Record<string, string>?][] = [
  ['decision := 1', []],
  ['import input.subject as s\n\ndecision := s.id', ['subject.id']],
  ['decision := x if {\n\ty := input\n\tx := y.a.b\n}', ['*']],
  ['decision := x if {\n\ty := input.q\n\tx := y.a.b\n}', ['q']],
  ['decision := input.a[input.b.c].d', ['a', 'b.c']],
  ['decision := input[input.b]', ['*']],
  ['decision := input.a[0].d', ['a']],
  ['decision contains v if walk(input.z, [_, v])', ['z']],
  ['decision := object.get(input, ["a", "b"], 1)', ['*']],
  ['decision if every x in input.list { x == input.k }', ['k', 'list']],
  ['decision := {x: y | some x, y in input.m; y != input.n}', ['m', 'n']],
  ['decision := 1 if { input.a } else := 2 if { input.b } else := input.c', ['a', 'b', 'c']],
  ['decision[input.k] := v if v := input.v', ['k', 'v']],
  ['f(x) := x.a.b\n\ndecision := f(input.q)', ['q']],
  ['f(x) := x + input.h\n\ndecision := f(1)', ['h']],
  ['default f(_) := 3\n\nf(x) := 1 if input.zz == x\n\ndecision := f(2)', ['zz']],
  ['decision := y if {\n\t{"a": y} = input\n}', ['*']],
  ['decision if input.a == {input.b, [input.c]}', ['a', 'b', 'c']],
  ['decision := split(input.a, input.b)[input.c]', ['a', 'b', 'c']],
  ['decision := $"hi {input.name.first}"', ['name.first']],
  ['decision if not input.a.b', ['a.b']],
  ['decision := [input.a, input.a.b]', ['a']],
  ['decision := [input["a\\u0000b"], input.a.b]', ['a\0b', 'a.b']],
  ['g := input.w\n\ndecision := x if x := g with input.z as 3', ['w', 'z']],
  ['decision := y if y := data.foo.x with data.foo as input.sub', ['sub']],
  ['import data.m\n\nf(x) := x\n\ndecision := y if y := f(1) with f as m.mock', ['mocked'], mock],
  ['import data.m\n\ndecision := y if y := upper("a") with upper as m.mock', ['mocked'], mock],
  ['decision := [x | x := data.policies[_].allow]', ['pa'], packages],
  ['decision := [x | some p; x := data.policies[p][input.rule]]', ['pa', 'pbc', 'pd', 'rule'], packages],
  ['decision := [x | x := data.policies]', ['pa', 'pbc', 'pd'], packages],
  ['decision := [x | some input; input = 3; x := input]', []],
]

test('every part of the input that a decision can reach is listed, however it is reached', async t => {
  using toolchain = new Toolchain()
  for (const [rego, expected, more = {}] of cases) {
    const files = { 'a.rego': `package countersign.request\n\n${rego}\n`, ...more }
    const { findings, result } = await toolchain.request({ cmd: 'deps', files, entrypoints: [entrypoint], capabilities: shippedCapabilities() })
    t.deepEqual(findings, [], rego)
    const [{ input: reads } = { input: [] }] = (result as { entrypoints: { input: { path: string[] }[] }[] }).entrypoints
    t.deepEqual(reads.map(({ path }) => path.join('.') || '*').sort(), expected.toSorted(), rego)
  }
})
