import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import anyTest from 'ava'
import { PolicyError } from '../../../rego/errors.ts'
import { Toolchain } from '../../../rego/toolchain/process.ts'

// One after the other: each compiler is a process of some 200 MB.
const test = anyTest.serial

const loop = `package a_test
test_forever if {
	every x in numbers.range(1, 100000) { every y in numbers.range(1, 100000) { every z in numbers.range(1, 100000) { x + y + z > 0 } } }
}`
const doublings = Array.from({ length: 30 }, (_, i) => `s${i + 1} := concat("", [s${i}, s${i}])`).join('; ')
const greedy = `package a_test
test_greedy if { s0 := "0123456789abcdef"; ${doublings}; count(s30) > 0 }`

test('a test that loops is ended at the deadline by its name, and the next one finds a compiler', async t => {
  using toolchain = new Toolchain()
  await toolchain.request({ cmd: 'version' })
  const error = await t.throwsAsync(toolchain.request({ cmd: 'test', files: { 'a_test.rego': loop } }, 2000), { instanceOf: PolicyError })
  t.is(error?.code, 'ERR_TOOLCHAIN_DEADLINE')
  t.is(error?.message, 'the policy compiler did not answer within 2000 ms: it was at a_test.test_forever')
  const { result } = await toolchain.request({ cmd: 'version' })
  t.deepEqual(result, { go: 'go1.26.8', opa: '1.22.0' })
})

test('a policy that wants all memory meets the ceiling, and the next one finds a compiler', async t => {
  using toolchain = new Toolchain()
  const error = await t.throwsAsync(toolchain.request({ cmd: 'test', files: { 'a_test.rego': greedy } }), { instanceOf: PolicyError })
  t.is(error?.code, 'ERR_TOOLCHAIN_MEMORY')
  t.is(error?.message, 'the policy needs more memory than the compiler may use (512 MiB): it was at a_test.test_greedy')
  t.deepEqual((await toolchain.request({ cmd: 'version' })).findings, [])
})

test('a policy nested too deeply for the compiler is a clean error', async t => {
  using toolchain = new Toolchain()
  const deep = `package a\np := ${'['.repeat(200_000)}${']'.repeat(200_000)}\n`
  const error = await t.throwsAsync(toolchain.request({ cmd: 'check', files: { 'a.rego': deep } }), { instanceOf: PolicyError })
  t.is(error?.code, 'ERR_TOOLCHAIN_FAULT')
  t.is(error?.message, 'the policy is nested too deeply for the compiler: it was at a.rego')
  t.deepEqual((await toolchain.request({ cmd: 'version' })).findings, [])
})

test('requests to one compiler are answered in order, each by itself', async t => {
  using toolchain = new Toolchain()
  const answers = await Promise.all(['1', '2', '3'].map(n => toolchain.request({ cmd: 'eval', files: {}, query: `${n} + input`, inputs: [1, 2] })))
  t.deepEqual(answers.map(({ result }) => result), [1, 2, 3].map(n => [1, 2].map(input => ({ defined: true, value: n + input }))))
})

test('a compiler that died between two requests is replaced', async t => {
  using toolchain = new Toolchain()
  await toolchain.request({ cmd: 'version' })
  const { pid } = toolchain
  process.kill(pid ?? 0, 'SIGKILL')
  while (toolchain.pid === pid) await new Promise(resolve => setTimeout(resolve, 10))
  t.deepEqual((await toolchain.request({ cmd: 'version' })).findings, [])
})

test('a request that is no request is refused without harm', async t => {
  using toolchain = new Toolchain()
  const error = await t.throwsAsync(toolchain.request({ cmd: 'check', files: {}, capabilities: 'x' }), { instanceOf: PolicyError })
  t.is(error?.code, 'ERR_TOOLCHAIN_FAULT')
  t.regex(error?.message ?? '', /^the policy compiler refused the request: capabilities: /)
  t.deepEqual((await toolchain.request({ cmd: 'version' })).findings, [])
})

test('a policy has no network, no clock and no environment', async t => {
  using toolchain = new Toolchain()
  const query = '[time.now_ns(), object.get(opa.runtime(), "env", {}), http.send({"method": "get", "url": "http://127.0.0.1:1/", "raise_error": false}).error.message]'
  const { result } = await toolchain.request({ cmd: 'eval', files: {}, query, inputs: [{}] })
  const [{ value }] = result as [{ value: [number, unknown, string] }]
  t.is(value[0], 0)
  t.deepEqual(value[1], {})
  t.regex(value[2], /refused|not implemented/i)
})

test('a compiler whose owner was killed ends by itself, even in a loop', async t => {
  const url = new URL('../../../rego/toolchain/process.ts', import.meta.url).href
  const script = `const { Toolchain } = await import(${JSON.stringify(url)}); const t = new Toolchain(); await t.request({ cmd: 'version' }); const p = t.request({ cmd: 'test', files: { 'a_test.rego': ${JSON.stringify(loop)} } }, 600000); console.log(t.pid); await p`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'], cwd: path.dirname(fileURLToPath(url)) })
  const [chunk] = await once(owner.stdout, 'data') as [Uint8Array]
  const pid = Number(new TextDecoder().decode(chunk))
  t.true(isAlive(pid))
  owner.kill('SIGKILL')
  await once(owner, 'exit')
  for (let tries = 0; tries < 100 && isAlive(pid); tries++) await new Promise(resolve => setTimeout(resolve, 100))
  t.false(isAlive(pid))
})

test('a compiler whose owner was a thread that was ended ends by itself, even in a loop, while the process goes on', async t => {
  const url = new URL('../../../rego/toolchain/process.ts', import.meta.url).href
  const script = `import(${JSON.stringify(url)}).then(async ({ Toolchain }) => { const t = new Toolchain(); await t.request({ cmd: 'version' }); const p = t.request({ cmd: 'test', files: { 'a_test.rego': ${JSON.stringify(loop)} } }, 600000); setTimeout(() => require('node:worker_threads').parentPort.postMessage(t.pid), 1_000); await p })`
  // It says so once the loop runs: earlier, the end of its input is all that a compiler needs.
  const owner = new Worker(script, { eval: true })
  const [pid] = await once(owner, 'message') as [number]
  t.true(isAlive(pid))
  await owner.terminate()
  for (let tries = 0; tries < 100 && isAlive(pid); tries++) await new Promise(resolve => setTimeout(resolve, 100))
  const isLeft = isAlive(pid)
  if (isLeft) process.kill(pid, 'SIGKILL')
  t.false(isLeft)
})

function isAlive(pid: number): boolean {
  try {
    // A process that has ended stays visible until somebody reaps it.
    return process.kill(pid, 0) && !/^State:\s+Z/m.test(existsSync('/proc') ? readFileSync(`/proc/${pid}/status`, 'utf8') : '')
  } catch {
    return false
  }
}
