// A bundle and the commit that it says it is of: in a real repository, by the command that an examiner would give.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import git from 'isomorphic-git'
import anyTest from 'ava'
import { shippedCapabilities } from '../../rego/capabilities.ts'
import { compileBundle, readBundle } from '../../rego/index.ts'
import { compareBundles, reproduceBundle } from '../../rego/reproduce.ts'
import { changed, changedManifest, pack, pair, pem, publicPem, text, unpack } from './archive.ts'
import { hostile, visible } from './sources.ts'

// One after the other: each compiler is a process of some 200 MB.
const test = anyTest.serial
const root = fs.mkdtempSync(path.join(tmpdir(), 'reproduce-'))
const capabilities = shippedCapabilities()
const source = (more: Record<string, string> = {}) => new Map(Object.entries({ 'policy/visible.rego': visible, 'policy/decision.rego': hostile, 'data/data.json': '{"rows": 500}', ...more }).map(([name, value]) => [name, text(value)]))
const good = await compileBundle({ files: source(), revision: 'a'.repeat(40), serial: 3, capabilities, reports: { tests: 'c'.repeat(64) } })
// Behind the last await: ava runs what is declared once it sees the first.
test.after.always(() => { fs.rmSync(root, { recursive: true, force: true }) })

const differences = (bytes: Uint8Array) => compareBundles(bytes, good).map(({ message }) => message)

test('a bundle is the commit\'s if the commit compiles to its very bytes, files that no compiler reads left out as they were', async t => {
  const commit = { revision: 'a'.repeat(40), files: source({ 'policy/README.md': 'read me' }) }
  t.deepEqual(await reproduceBundle(good, commit, capabilities), { differences: [], rebuilt: readBundle(good).hex })
})

test('a commit that does not compile is no bundle\'s', async t => {
  const { differences: found, rebuilt } = await reproduceBundle(good, { revision: 'a'.repeat(40), files: source({ 'policy/broken.rego': 'package broken\n\nallow if {' }) }, capabilities)
  t.is(rebuilt, undefined)
  t.regex(found[0]?.message ?? '', /^the commit does not compile: policy\/broken\.rego:3:\d+: /)
})

test('what differs between a bundle and a commit is named, and no value of its data', t => {
  const digest = readBundle(good).sourceDigest
  const other = pack(changedManifest(changed(unpack(good), '/data.json', () => text('{"rows": 501}')), manifest => { manifest['revision'] = 'main'; manifest.metadata['source_digest'] = 'e'.repeat(64) }))
  t.deepEqual(differences(other), [
    `the commit: the bundle says main, here it is ${'a'.repeat(40)}`,
    `the source (its digest): the bundle says ${'e'.repeat(64)}, here it is ${digest}`,
    'data.json differs: at /rows',
  ])
  t.deepEqual(differences(pack(changed(unpack(good), '/data.json', () => text('{"rows": 500, "secret": "x"}')))), ['data.json differs: /secret is in the bundle only'])
  t.deepEqual(differences(pack(changed(unpack(good), '/data.json', () => text('{}')))), ['data.json differs: /rows is in the commit only'])
  t.deepEqual(differences(pack(changed(unpack(good), '/data.json', () => text('{"rows":  500}')))), ['data.json differs: in how it is written, not in what it says'])
})

test('a module that no commit compiles to is found, whatever the manifest says', t => {
  const wasm = unpack(good).find(({ name }) => name === '/policy.wasm')?.bytes ?? new Uint8Array(0)
  const tampered = pack(changed(unpack(good), '/policy.wasm', bytes => bytes.map((byte, at) => (at === 5_000 ? byte ^ 1 : byte))))
  t.deepEqual(differences(tampered), [`policy.wasm differs: ${wasm.length} bytes against ${wasm.length}, from byte 5000 on`])
  const boasting = pack(changedManifest(unpack(good), manifest => { manifest.metadata['compiler_digest'] = 'd'.repeat(64) }))
  t.deepEqual(differences(boasting), [`the compiler (its digest): the bundle says ${'d'.repeat(64)}, here it is ${readBundle(good).compilerDigest}`])
  const silent = pack(changedManifest(unpack(good), manifest => { delete manifest.metadata['capabilities_digest'] }))
  t.deepEqual(differences(silent), [`the capabilities (their digest): the bundle says none, here it is ${readBundle(good).capabilitiesDigest}`])
  const more = pack(changedManifest(unpack(good), manifest => { (manifest.metadata['inputs'] as Record<string, unknown[]>)['countersign/list/visible'] = [] }))
  t.deepEqual(differences(more), ['.manifest differs: /metadata/inputs/countersign/list/visible/0 is in the commit only'])
})

test('the same files in another archive, or packed otherwise, are not the same bundle', t => {
  t.deepEqual(differences(good), [])
  t.deepEqual(differences(gzipSync(gunzipSync(good), { level: 1 })), ['the same archive, packed otherwise: it did not come from this compiler as it is'])
  t.deepEqual(differences(pack(unpack(good))), ['the same files, in another archive: it did not come from this compiler as it is'])
})

const cli = path.resolve(import.meta.dirname, '../../gateway/countersign.js')
function countersign(...args: string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, 'policy', ...args], { cwd: root, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } })
  return { status, out: stdout, err: stderr }
}

test('an examiner verifies a bundle from a repository whose work tree was changed, and one changed byte in the next commit is told', async t => {
  const dir = path.join(root, 'repository')
  const write = (name: string, content: string | Uint8Array) => { fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true }); fs.writeFileSync(path.join(dir, name), content) }
  const commit = async () => {
    for (const name of [...source().keys(), 'config.yaml']) await git.add({ fs, dir, filepath: name })
    return await git.commit({ fs, dir, message: 'policy', author: { name: 'Eli', email: 'eli@bank.example', timestamp: 1_700_000_000 } })
  }
  await git.init({ fs, dir, defaultBranch: 'main' })
  for (const [name, bytes] of source()) write(name, bytes)
  write('config.yaml', 'targets: []\n')
  const revision = await commit()
  fs.writeFileSync(path.join(root, 'key.pem'), pem(pair.privateKey))
  fs.writeFileSync(path.join(root, 'key.pub'), publicPem)

  t.is(countersign('build', '--revision', revision, '--serial', '1', '--output', 'bundle.tar.gz', 'repository').status, 0)
  const unsigned = readBundle(fs.readFileSync(path.join(root, 'bundle.tar.gz'))).hex
  t.is(countersign('sign', '--key', 'key.pem', '--keyid', 'k1', '--scope', 'prod', 'bundle.tar.gz').status, 0)
  write('policy/decision.rego', 'package countersign.request\n\ndecision := "anything"\n')

  const by = ['--key', 'key.pub', '--keyid', 'k1', '--scope', 'prod']
  const same = countersign('verify', ...by, '--commit', revision, '--repository', 'repository', 'bundle.tar.gz')
  t.is(same.status, 0, same.err)
  t.deepEqual(same.out.split('\n').slice(1), ['signed by k1 for prod', `revision ${revision}, serial 1`, `reproduced: commit ${revision} compiles to it, unsigned sha256 ${unsigned}`, ''])

  for (const [name, bytes] of source({ 'data/data.json': '{"rows": 501}' })) write(name, bytes)
  const next = await commit()
  const differs = countersign('verify', ...by, '--commit', 'main', '--repository', 'repository', '--json', 'bundle.tar.gz')
  t.is(differs.status, 1)
  const told = JSON.parse(differs.out) as { commit: string; differences: { code: string }[] }
  t.deepEqual([told.commit, told.differences.map(({ code }) => code)], [next, ['revision', 'source', 'data.json']])

  t.deepEqual(countersign('verify', ...by, '--minimum-serial', '2', 'bundle.tar.gz'), { status: 1, out: '', err: 'the bundle is rolled back: serial 1, where 2 is the lowest accepted\n' })
  t.deepEqual(countersign('verify', 'bundle.tar.gz'), { status: 2, out: '', err: 'countersign: ERR_BUNDLE_KEY: give either --key with --keyid, or --unsigned\n' })
  const image = countersign('package', 'bundle.tar.gz', 'image').out.trim()
  t.regex(image, /^image@sha256:[0-9a-f]{64}$/)
  t.is(countersign('verify', ...by, image).status, 0)
})
