// OPA's own evaluator is asked the same, so what stands here is only what is asked.
import test from 'ava'
import { Toolchain } from '../../../rego/toolchain/process.ts'
import { answerOf, disagreements } from './agree.ts'
import { families } from './calls.ts'

// One compiler for all of them, one after the other.
const toolchain = new Toolchain()
test.after.always(() => { toolchain[Symbol.dispose]() })

// OPA 1.22.0 never returns from the first; of the others it has an answer and the host has none, which a policy sees as undefined.
test('where the host does not follow OPA', t => {
  t.deepEqual(answerOf('semver.compare("1.0.0-99999999999999999999","1.0.0-99999999999999999998")'), { number: '0' })
  t.is(answerOf('time.format([0,"America/St_Johns","MST"])'), undefined)
  t.is(answerOf('strings.render_template("{{define \\"x\\"}}{{end}}",{})'), undefined)
})

test('a layout in a template that shows what is wrong with it is no answer', t => {
  t.is(answerOf('strings.render_template("{{printf \\"%\\" 3}}",{})'), undefined)
})

test('what a call may cost is bounded by its own limits', t => {
  const long = JSON.stringify('x'.repeat(900_000))
  t.is(answerOf(`regex.find_n("(x+x+)+y",${long},-1)`), undefined)
  t.is(answerOf(`regex.replace(${long},"x","${'y'.repeat(1_000)}")`), undefined)
  t.is(answerOf(`regex.split("${'x'.repeat(3_000)}","x")`), undefined)
  t.is(answerOf('numbers.range_step(1,1e9,1)'), undefined)
  t.is(answerOf('units.parse("1e999999")'), undefined)
  t.is(answerOf(`regex.globs_match("${'a*'.repeat(200)}","${'a*'.repeat(200)}b")`), undefined)
  const layers = Array.from({ length: 20 }, (_layer, at) => `"${at}a":["${at + 1}a","${at + 1}b"],"${at}b":["${at + 1}a","${at + 1}b"]`)
  t.is(answerOf(`graph.reachable_paths({${layers.join()}},["0a"])`), undefined)
  t.is(answerOf(`strings.render_template("{{range $}}{{range $}}{{range $}}{{range $}}x{{end}}{{end}}{{end}}{{end}}",{${layers.join()}})`), undefined)
  t.is(answerOf(`json.patch([${'1,'.repeat(60_000)}1],[${'{"op":"remove","path":"/0"},'.repeat(100)}{"op":"remove","path":"/0"}])`), undefined)
  t.deepEqual(answerOf(`indexof_n("${'a'.repeat(20_000)}","${'a'.repeat(10_000)}b")`), { array: [] })
})

for (const [name, calls] of Object.entries(families)) {
  test.serial(`${name}: the host says what OPA says`, async t => {
    const differing = await disagreements(toolchain, calls)
    t.deepEqual(differing.slice(0, 20), [], `${differing.length} of ${calls.length}`)
    t.log(`${calls.length} calls`)
  })
}
