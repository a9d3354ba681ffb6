import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { compileBundle, loadPolicy, PolicyError, readBundle, shippedCapabilities } from '../../rego/index.ts'
import { readTarball, writeTarball } from '../../rego/tarball.ts'
import { pack, text, unpack } from './archive.ts'
import { hostile, compileSources } from './sources.ts'

const good = await compileSources({ 'policy/decision.rego': hostile })
const flipped = (at: number) => good.map((byte, index) => (index === at ? byte ^ 1 : byte))

test('a bundle is named by the digest of its bytes and says where it comes from', t => {
  const bundle = readBundle(good)
  t.is(bundle.revision, 'test')
  t.is(bundle.serial, 7)
  t.is(Buffer.from(bundle.digest).toString('hex'), bundle.hex)
  t.is(bundle.hex, createHash('sha256').update(good).digest('hex'))
  for (const digest of [bundle.compilerDigest, bundle.sourceDigest, bundle.capabilitiesDigest ?? '']) t.regex(digest, /^[0-9a-f]{64}$/)
  t.deepEqual(bundle.entrypoints, ['countersign/request/decision', 'countersign/list/visible'])
  t.deepEqual(bundle.reports, {})
  t.notThrows(() => loadPolicy(readBundle(pack(unpack(good)))))
})

test('a bundle carries the digests of the reports on it', async t => {
  const files = new Map([['policy/a.rego', text('package countersign.request\n\ndecision := 1\n')], ['policy/b.rego', text('package countersign.list\n\nvisible := []\n')]])
  const reports = { tests: 'a'.repeat(64), replay: 'b'.repeat(64) }
  t.deepEqual(readBundle(await compileBundle({ files, revision: 'r', serial: 1, capabilities: shippedCapabilities(), reports })).reports, reports)
})

test('an archive written here is, unpacked, what OPA writes of the same files', t => {
  t.deepEqual(gunzipSync(writeTarball(readTarball(good))), gunzipSync(good))
})

test('a bundle with any byte of its archive flipped is refused or has another digest', t => {
  const { hex } = readBundle(good)
  for (let at = 0; at < good.length; at += 997) {
    try {
      t.not(readBundle(flipped(at)).hex, hex)
    } catch (error) {
      t.true(error instanceof PolicyError)
    }
  }
})
