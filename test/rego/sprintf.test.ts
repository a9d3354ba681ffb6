// Go's fmt is the judge: every format is also evaluated by OPA's own evaluator.
import test from 'ava'
import { sprintf } from '../../rego/builtins/sprintf.ts'
import { parseValueText, writeValueText } from '../../rego/builtins/value.ts'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { Toolchain } from '../../rego/toolchain/process.ts'

const verbs = ['v', 'd', 's', 'q', 't', 'x', 'X', 'o', 'O', 'b', 'c', 'U', 'e', 'E', 'f', 'F', 'g', 'G', 'T', 'w', 'y']
const flags = ['', '5', '-5', '05', '.2', '8.3', '+', ' ', '.0', '12.6', '+06']
const values = ['0', '7', '-7', '65', '128512', '1.5', '0.5', '2.5', '-0.125', '100000000.0', '123456789.0', '1e21', '0.00001', '12345678901234567890', '"hi"', '"é \\"x\\"\\n"', '""', 'true', 'null', '[1,"a"]', '{"b":1,"a":[null]}', '{}', '[]', '5e-324', '1.7976931348623157e308', '0.1', '1.0']
const layouts: [string, string][] = [
  ['%', '[]'], ['%d', '[]'], ['%d %d', '[1]'], ['x', '[1,"a",2.5]'], ['%%', '[]'], ['%[2]d %[1]d', '[1,2]'], ['%[3]d', '[1]'], ['%*d', '[5,7]'], ['%-*d|', '[5,7]'], ['%.*f', '[2,3.14159]'], ['%*d', '["a",7]'], ['%[1', '[1]'],
  ['%[x]d', '[1]'], ['%!', '[1]'], ['%é', '[1]'], ['100%', '[]'], ['%#x %#o %#b %#q', '[255,8,5,"a"]'], ['%5.1f|%-8s|%08d', '[3.14159,"ab",-42]'], ['%.3s', '["héllo"]'], ['⟦%s⟧', '["x"]'], ['% x|%#x|%# X|%12.1x|%-6x|%08x|% x', '["héy","ab","ab","ab","a","a",""]'], ['%x %X %.3x %+x %020x %b %.0x', '[1.5,-0.1,3.14159,2.0,0.75,0.0,1.5]'],
]
for (const value of values) for (const verb of verbs) for (const flag of flags) layouts.push([`<%${flag}${verb}>`, `[${value}]`])

test('sprintf says what Go says, or nothing', async t => {
  using toolchain = new Toolchain()
  // As source text, so that no number is rounded on its way there.
  const data = `[${layouts.map(([format, list]) => `[${JSON.stringify(format)}, ${list}]`).join(',\n')}]`
  const rego = 'package t\n\nall := [sprintf(format, list) | some [format, list] in data.layouts]\n'
  const { findings, result } = await toolchain.request({ cmd: 'eval', files: { 'policy/t.rego': rego, 'data/data.json': `{"layouts": ${data}}` }, capabilities: shippedCapabilities(), query: 'data.t.all', inputs: [{}] })
  t.deepEqual(findings, [])
  const [answer] = result as { value: string[] }[]
  const wrong: string[] = []
  let unsupported = 0
  for (const [at, [format, list]] of layouts.entries()) {
    const ours = sprintf(format, parseValueText(list))
    if (ours === undefined) unsupported++
    else if (ours !== answer?.value[at]) wrong.push(`${format} ${list}: ${JSON.stringify(ours)}, Go says ${JSON.stringify(answer?.value[at])}`)
  }
  t.deepEqual(wrong.slice(0, 40), [], `${wrong.length} of ${layouts.length}`)
  t.log(`${layouts.length} formats, ${unsupported} not supported`)
  t.true(unsupported < layouts.length / 100)
})

test('a width that would fill memory leaves the call undefined', t => {
  t.is(sprintf('%99999999d', { array: [{ number: '1' }] }), undefined)
  t.is(sprintf('%s', { array: ['x'.repeat(70_000)] }), undefined)
  t.is(sprintf('%s', 'no list'), undefined)
})

test('values keep sets, order and digits on their way through', t => {
  for (const text of ['set()', '{1,2}', '{{"a"},{"b"}}', '{"a":{1},"b":[true,null]}', '12345678901234567890', '"\\u0000\\""', '[[],{},set()]']) t.is(writeValueText(parseValueText(text)), text)
  for (const text of ['', '{', '[1', '"x', 'tru', '1 2', '{"a":}']) t.throws(() => parseValueText(text), undefined, text)
  let deep = '1'
  for (let i = 0; i < 60; i++) deep = `{${deep}}`
  t.is(writeValueText(parseValueText(deep)), deep)
})
