// Tests that run in two processes are all run, and each once.
import test from 'ava'
import { testPolicies } from '../../rego/compiler.ts'
import { shippedCapabilities } from '../../rego/index.ts'
import { testHalves } from '../../rego/test-halves.ts'
import { shipped } from './sources.ts'

test('the shipped policies\' tests give the same results in two halves as in one', async (t) => {
  t.timeout(110_000)
  const options = { files: shipped, capabilities: shippedCapabilities() }
  const [whole, halves] = [await testPolicies(options), await testPolicies({ ...options, inHalves: true })]
  const named = ({ tests }: typeof whole) => tests.map((one) => `${one.package}.${one.name} ${one.outcome}`).sort()
  t.true(whole.tests.length > 50)
  t.deepEqual(named(halves), named(whole))
})

test('a file whose package cannot be told for certain is tested in one process', (t) => {
  const one = 'package a_test\ntest_x if true'
  t.deepEqual(testHalves({ 'a.rego': one, 'b.rego': 'package b_test # tests\ntest_y if true\ntest_z if true' }), ['^(?:data[.])?(?:b_test)[.][^.]*$', '^(?:data[.])?(?:a_test)[.][^.]*$'])
  t.is(testHalves({ 'a.rego': one, 'b.rego': 'package b["c d"]\ntest_y if true' }), undefined)
  t.is(testHalves({ 'a.rego': one }), undefined)
})
