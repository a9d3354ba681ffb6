import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { hostBuiltins } from '../../rego/builtins/index.ts'
import { generateCapabilities, writeCapabilities } from '../../rego/capabilities.ts'

const committed = readFileSync(path.join(import.meta.dirname, '../../rego/capabilities.json'), 'utf8')

test('the committed capabilities are those of wasm and the host, no more and no fewer', async t => {
  // Mended by: countersign policy capabilities --json > rego/capabilities.json
  t.is(committed, writeCapabilities(await generateCapabilities(hostBuiltins.keys())))
})

test('nothing that reaches out, or differs from run to run, is a capability', t => {
  const { builtins, allow_net } = JSON.parse(committed) as { builtins: { name: string; nondeterministic?: boolean }[]; allow_net: string[] }
  // OPA's own look at the clock where they are given no time, draw a random number for some algorithms, or fetch a schema that is
  // referred to; ours are undefined there.
  t.deepEqual(builtins.filter(({ nondeterministic }) => nondeterministic).map(({ name }) => name), ['io.jwt.decode_verify', 'io.jwt.encode_sign', 'io.jwt.encode_sign_raw', 'json.match_schema', 'json.verify_schema'])
  t.deepEqual(builtins.filter(({ name }) => /^(http\.|net\.lookup|rand\.|opa\.runtime|time\.now|providers\.|format_int$)/.test(name)), [])
  t.deepEqual(allow_net, [])
})
