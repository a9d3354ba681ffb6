import { gunzipSync, gzipSync } from 'node:zlib'
import test from 'ava'
import { loadPolicy, PolicyError, readBundle } from '../../rego/index.ts'
import { hostile, compileSources } from './sources.ts'

const good = await compileSources({ 'policy/decision.rego': hostile })
const files = unpack(gunzipSync(good))

interface Entry { name: string; bytes: Uint8Array; type?: string }

function unpack(tar: Uint8Array): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; tar[at] !== 0;) {
    const text = (from: number, size: number) => Buffer.from(tar.subarray(at + from, at + from + size)).toString('latin1').replace(/[\0 ].*$/s, '')
    const size = Number.parseInt(text(124, 12), 8)
    entries.push({ name: text(0, 100), bytes: tar.subarray(at + 512, at + 512 + size) })
    at += 512 + Math.ceil(size / 512) * 512
  }
  return entries
}

function pack(entries: readonly Entry[], end: Uint8Array = new Uint8Array(1024)): Buffer {
  const blocks: Uint8Array[] = []
  for (const { name, bytes, type = '0' } of entries) {
    const header = Buffer.alloc(512)
    header.write(name, 0, 'latin1')
    header.write('0000600\0', 100)
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124)
    header.write('        ', 148)
    header.write(type, 156)
    header.write('ustar\x0000', 257)
    header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148)
    blocks.push(header, bytes, new Uint8Array((512 - bytes.length % 512) % 512))
  }
  return gzipSync(Buffer.concat([...blocks, end]))
}

const text = (value: string) => new TextEncoder().encode(value)
const withManifest = (change: (manifest: Record<string, unknown>) => void) => pack(files.map(entry => {
  if (entry.name !== '/.manifest') return entry
  const manifest = JSON.parse(Buffer.from(entry.bytes).toString()) as Record<string, unknown>
  change(manifest)
  return { ...entry, bytes: text(JSON.stringify(manifest)) }
}))
const metadata = (change: Record<string, unknown>) => withManifest(manifest => { manifest['metadata'] = { ...manifest['metadata'] as object, ...change } })
const flipped = (at: number) => good.map((byte, index) => (index === (at < 0 ? good.length + at : at) ? byte ^ 1 : byte))

test('a bundle is named by the digest of its bytes and says where it comes from', t => {
  const bundle = readBundle(good)
  t.is(bundle.revision, 'test')
  t.is(bundle.serial, 7)
  t.is(Buffer.from(bundle.digest).toString('hex'), bundle.hex)
  t.regex(bundle.compilerDigest, /^[0-9a-f]{64}$/)
  t.regex(bundle.sourceDigest, /^[0-9a-f]{64}$/)
  t.notThrows(() => loadPolicy(readBundle(pack(files))))
})

const hostileBundles: [string, () => Uint8Array, string][] = [
  ['that is empty', () => new Uint8Array(0), 'it is not plain gzip'],
  ['with a second gzip member', () => Buffer.concat([good, gzipSync('more')]), 'there is data behind its end'],
  ['with data behind its end', () => Buffer.concat([good, Buffer.alloc(1)]), 'there is data behind its end'],
  ['that is cut short', () => good.subarray(0, -9), 'it cannot be unpacked, or not into 16777216 bytes'],
  ['with a wrong checksum', () => flipped(-6), 'its checksum is wrong'],
  ['with a name in its gzip header', () => good.map((byte, index) => (index === 3 ? 8 : byte)), 'it is not plain gzip'],
  ['that is a bomb', () => gzipSync(Buffer.alloc(17_000_000)), 'it cannot be unpacked, or not into 16777216 bytes'],
  ['with a file twice', () => pack([...files, files[0] as Entry]), 'data.json is in it twice'],
  ['with a name that differs by case only', () => pack([...files, { name: '/DATA.json', bytes: text('{}') }]), 'DATA.json is in it twice'],
  ['with a name that climbs', () => pack([...files, { name: '../policy.wasm', bytes: text('x') }]), 'a file has a name that walks'],
  ['with a dot segment', () => pack([...files, { name: './policy.wasm', bytes: text('x') }]), 'a file has a name that walks'],
  ['with an odd name', () => pack([...files, { name: 'caf\u00e9', bytes: text('x') }]), 'a file has an odd name'],
  ['with a link', () => pack([...files, { name: 'x', bytes: text(''), type: '2' }]), 'x is not a plain file'],
  ['with a pax header', () => pack([{ name: 'x', bytes: text(''), type: 'x' }, ...files]), 'x is not a plain file'],
  ['with an unknown file', () => pack([...files, { name: '/patch.json', bytes: text('{}') }]), 'patch.json does not belong in it'],
  ['with a signature nobody checks', () => pack([...files, { name: '/.signatures.json', bytes: text('{}') }]), 'it is signed, and its signature is not asked for here'],
  ['with data behind the last file', () => pack(files, Buffer.concat([new Uint8Array(1024), text('hidden')])), 'it does not end with two empty blocks'],
  ['without a module', () => pack(files.filter(({ name }) => name !== '/policy.wasm')), 'it has no policy.wasm'],
  ['without a manifest', () => pack(files.filter(({ name }) => name !== '/.manifest')), 'it has no .manifest'],
  ['without data', () => pack(files.filter(({ name }) => name !== '/data.json')), 'it has no data.json'],
  ['with data that is a list', () => pack(files.map(entry => (entry.name === '/data.json' ? { ...entry, bytes: text('[]') } : entry))), 'data.json is not an object'],
  ['with data that is not UTF-8', () => pack(files.map(entry => (entry.name === '/data.json' ? { ...entry, bytes: Uint8Array.of(0x22, 0xff, 0x22) } : entry))), 'data.json is not UTF-8'],
  ['with an unknown member in its manifest', () => withManifest(manifest => { manifest['x'] = 1 }), '.manifest has a member that is not known'],
  ['with a serial that is text', () => metadata({ serial: '7' }), 'metadata.serial is not a number'],
  ['with a short digest', () => metadata({ source_digest: 'abc' }), 'metadata.source_digest is not a SHA-256 in hex'],
  ['without input paths', () => metadata({ inputs: null }), 'metadata.inputs is not an object'],
  ['with a path that is text', () => metadata({ inputs: { e: ['request'] } }), 'metadata.inputs has a path that is not a list of names'],
]

for (const [title, make, message] of hostileBundles) {
  test(`a bundle ${title} is refused`, t => {
    const error = t.throws(() => readBundle(make()), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], ['ERR_BUNDLE_MALFORMED', `the bundle is malformed: ${message}`])
  })
}

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
