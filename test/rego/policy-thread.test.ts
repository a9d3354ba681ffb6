// A policy that was made in a thread of its own is the one that would have been made here; and a thread that goes wrong is an error, nothing else.
import test from 'ava'
import { loadPolicy, makePolicy, PolicyError, readBundle, shippedCapabilities } from '../../rego/index.ts'
import { policyThreadLimits } from '../../rego/policy-thread.ts'
import { changed, pack, text, unpack } from './archive.ts'
import { compileSources, hostile, visible } from './sources.ts'

const counting = `${hostile}
decision := object.union(good, {"limits": {"rows": count(data.rows)}}) if mode == "rows"

decision := object.union(good, {"limits": {"rows": to_number(sprintf("%d", [41 + 1]))}}) if mode == "host"
`
const good = await compileSources({ 'policy/decision.rego': counting, 'data/data.json': JSON.stringify({ rows: Array.from({ length: 20_000 }, (_, id) => ({ id })) }) })
const job = { bytes: good, minimumSerial: 0 }
const options = { cacheEntries: 0, evaluationFuel: 1_000_000 }
const inputOf = (mode: string, more: object = {}) => ({ request: { arguments: { mode, ...more } } })

test.serial('a policy made in a thread decides as one that was loaded here', async t => {
  const here = loadPolicy(readBundle(good), options)
  const { policy, bytes, tests } = await makePolicy(job, options)
  t.deepEqual([bytes, tests], [Uint8Array.from(good), []])
  t.deepEqual([policy.digest, policy.revision, policy.serial, policy.builtins], [here.digest, here.revision, here.serial, here.builtins])
  const outcome = (of: typeof policy, mode: string) => {
    const input = inputOf(mode, { text: 'x'.repeat(1_000) })
    try {
      return Buffer.from(of.decide(input, JSON.stringify(input)).canonical).toString()
    } catch (cause) {
      return cause instanceof PolicyError ? [cause.code, cause.message] : cause
    }
  }
  for (const mode of ['good', 'rows', 'host', 'malformed', 'conflict', 'loop', 'memory', 'rows', 'text', 'host', 'good']) t.deepEqual(outcome(policy, mode), outcome(here, mode), mode)
  // After a loop and a full memory the data are what they were.
  t.regex(String(outcome(policy, 'rows')), /"rows":20000/)
  t.regex(String(outcome(policy, 'host')), /"rows":42/)
  t.deepEqual(policy.visible({ items: [{}], subject: { id: 'all' } } as never), [true])
  policy.close()
})

test.serial('a source is tested, compiled and loaded in one go', async t => {
  const files = (more: Record<string, string>) => new Map(Object.entries({ 'policy/visible.rego': visible, 'policy/decision.rego': hostile, ...more }).map(([name, content]) => [name, text(content)] as const))
  const source = { files: files({ 'policy/a_test.rego': 'package a_test\n\ntest_one if 1 == 1\n' }), revision: 'abc', serial: 3, capabilities: shippedCapabilities(), isTested: true }
  const { policy, bytes, tests } = await makePolicy(source, options)
  t.deepEqual(tests, [{ package: 'a_test', name: 'test_one', outcome: 'pass' }])
  t.deepEqual([policy.revision, policy.serial, readBundle(bytes).hex], ['abc', 3, Buffer.from(policy.digest).toString('hex')])
  await t.throwsAsync(makePolicy({ ...source, files: files({ 'policy/a_test.rego': 'package a_test\n\ntest_one if 1 == 2\n' }) }, options), { instanceOf: PolicyError, code: 'ERR_POLICY_TEST', message: '1 policy test fails: a_test.test_one' })
  const error = await t.throwsAsync<PolicyError>(makePolicy({ ...source, files: files({ 'policy/decision.rego': 'package countersign.request\n\ndecision := nowhere\n' }) }, options), { instanceOf: PolicyError, code: 'ERR_POLICY_CHECK' })
  t.deepEqual(error?.findings.map(({ file, row, col }) => [file, row, col]), [['policy/decision.rego', 3, 13]])
})

test.serial('an older bundle is refused in a thread, too', async t => {
  await t.throwsAsync(makePolicy({ ...job, minimumSerial: 8 }, options), { code: 'ERR_BUNDLE_ROLLBACK', message: 'the bundle is rolled back: serial 7, where 8 is the lowest accepted' })
})

test.serial('a thread that is ended, hangs or takes too much memory is an error', async t => {
  process.once('worker', worker => { void worker.terminate() })
  await t.throwsAsync(makePolicy(job, options), { instanceOf: PolicyError, code: 'ERR_TOOLCHAIN_FAULT', message: 'the thread that loads the policy ended without an answer' })
  await t.throwsAsync(makePolicy(job, options, { ...policyThreadLimits, deadlineMs: 1 }), { instanceOf: PolicyError, code: 'ERR_TOOLCHAIN_DEADLINE', message: 'the thread that loads the policy did not answer within 1 ms' })
  const large = pack(changed(unpack(good), '/data.json', () => text(`{"rows": [${'{},'.repeat(1_000_000)}1]}`)))
  await t.throwsAsync(makePolicy({ bytes: large, minimumSerial: 0 }, options, { ...policyThreadLimits, maxHeapMb: 32 }), { instanceOf: PolicyError, code: 'ERR_TOOLCHAIN_MEMORY', message: 'the thread that loads the policy needs more than 32 MiB of memory' })
})
