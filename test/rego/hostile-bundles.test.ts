// Every way that we know of to hand over a bundle that is not what it seems. Each is refused with a code and a reason.
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { loadPolicy, makePolicy, PolicyError, readBundle, readSignedBundle, readVerificationKey, type Verification } from '../../rego/index.ts'
import { changed, changedManifest, forged, listed, moduleOf, other, pack, packSigned, pem, publicPem, tar, text, token, unpack, type Entry } from './archive.ts'
import { compileSources, hostile } from './sources.ts'

const good = await compileSources({ 'policy/decision.rego': hostile, 'data/data.json': '{"limits": {"rows": 500}}' })
const files = unpack(good)

const flipped = (at: number) => good.map((byte, index) => (index === (at < 0 ? good.length + at : at) ? byte ^ 1 : byte))
const withData = (value: string | Uint8Array) => pack(changed(files, '/data.json', () => (typeof value === 'string' ? text(value) : value)))
const withManifest = (change: Parameters<typeof changedManifest>[1]) => pack(changedManifest(files, change))
const withMetadata = (change: Record<string, unknown>) => withManifest(manifest => { Object.assign(manifest.metadata, change) })
const withModule = (wasm: Uint8Array) => pack(changed(files, '/policy.wasm', () => wasm))
const withHeader = (patch: (header: Buffer) => void) => pack([{ ...files[0] as Entry, patch }, ...files.slice(1)])
const withEntry = (name: string, more: Partial<Entry> = {}) => pack([...files, { name, bytes: text('{}'), ...more }])
const wasmOf = () => files.find(({ name }) => name === '/policy.wasm')?.bytes ?? new Uint8Array(0)

type Row = readonly [title: string, make: () => Uint8Array, message: string]

const archives: readonly Row[] = [
  ['that is empty', () => new Uint8Array(0), 'it is not plain gzip'],
  ['that is text', () => text('not a bundle, not at all'), 'it is not plain gzip'],
  ['larger than 16 MiB', () => Buffer.concat([good, Buffer.alloc(16_777_216)]), 'it is larger than 16777216 bytes'],
  ['with a second gzip member', () => Buffer.concat([good, gzipSync('more')]), 'there is data behind its end'],
  ['with an empty second gzip member', () => Buffer.concat([good, gzipSync('')]), 'there is data behind its end'],
  ['with data behind its end', () => Buffer.concat([good, Buffer.alloc(1)]), 'there is data behind its end'],
  ['that is cut short', () => good.subarray(0, -9), 'it cannot be unpacked, or not into 16777216 bytes'],
  ['with a wrong checksum', () => flipped(-6), 'its checksum is wrong'],
  ['with a wrong length', () => flipped(-1), 'its checksum is wrong'],
  ['with a name in its gzip header', () => good.map((byte, index) => (index === 3 ? 8 : byte)), 'it is not plain gzip'],
  ['with an extra field in its gzip header', () => good.map((byte, index) => (index === 3 ? 4 : byte)), 'it is not plain gzip'],
  ['that is a bomb', () => gzipSync(Buffer.alloc(17_000_000)), 'it cannot be unpacked, or not into 16777216 bytes'],
  ['that is a bomb of files', () => pack(Array.from({ length: 1_025 }, (_, at) => ({ name: `/${at}.json`, bytes: text('{}') }))), 'it has more than 1024 files'],
  ['with a file twice', () => pack([...files, files[0] as Entry]), 'data.json is in it twice'],
  ['with a file twice, once without its slash', () => withEntry('data.json'), 'data.json is in it twice'],
  ['with a name that differs by case only', () => withEntry('/DATA.json'), 'DATA.json is in it twice'],
  ['with a name that climbs', () => withEntry('../policy.wasm'), 'a file has a name that walks'],
  ['with a name that climbs on its way', () => withEntry('/a/../data.json'), 'a file has a name that walks'],
  ['with a dot segment', () => withEntry('./policy.wasm'), 'a file has a name that walks'],
  ['with an empty segment', () => withEntry('//data.json'), 'a file has a name that walks'],
  ['with a name that is composed', () => withEntry('caf\u00e9'), 'a file has an odd name'],
  ['with a name that is decomposed', () => withEntry('cafe\u0301'), 'a file has an odd name'],
  ['with a NUL in a name', () => withEntry('/data.json\0.sig'), 'a file has an odd name'],
  ['with a backslash in a name', () => withEntry('/a\\data.json'), 'a file has an odd name'],
  ['with a name that is not there', () => withEntry(''), 'a file has an odd name'],
  ['with a name put together of two fields', () => withEntry('/data.json', { patch: header => { header.write('..', 345) } }), 'a file has a name that walks'],
  ['with a symbolic link', () => withEntry('x', { type: '2', bytes: text('') }), 'x is not a plain file'],
  ['with a hard link', () => withEntry('x', { type: '1', bytes: text('') }), 'x is not a plain file'],
  ['with a device', () => withEntry('x', { type: '3', bytes: text('') }), 'x is not a plain file'],
  ['with a folder', () => withEntry('x', { type: '5', bytes: text('') }), 'x is not a plain file'],
  ['with a pipe', () => withEntry('x', { type: '6', bytes: text('') }), 'x is not a plain file'],
  ['with a pax header that renames the next file', () => pack([{ name: 'x', bytes: text('18 path=data.json\n'), type: 'x' }, ...files]), 'x is not a plain file'],
  ['with a global pax header', () => pack([{ name: 'x', bytes: text('18 path=data.json\n'), type: 'g' }, ...files]), 'x is not a plain file'],
  ['with a long name as GNU has it', () => pack([{ name: 'x', bytes: text('data.json'), type: 'L' }, ...files]), 'x is not a plain file'],
  ['with a sparse file', () => withEntry('x', { type: 'S' }), 'x is not a plain file'],
  ['with a file of the oldest type', () => withEntry('x', { type: '\0' }), 'x is not a plain file'],
  ['in the format of GNU', () => withHeader(header => { header.write('ustar  \0', 257) }), 'a header is not ustar'],
  ['with a size in base 256', () => withHeader(header => { header.fill(0, 124, 136); header[124] = 0x80; header[135] = 1 }), 'a header has a number that is not octal'],
  ['with a negative size', () => withHeader(header => { header.fill(0xff, 124, 136) }), 'a header has a number that is not octal'],
  ['with a size of minus one in octal', () => withHeader(header => { header.write('-0000000001\0', 124) }), 'a header has a number that is not octal'],
  ['with a size beyond its end', () => withHeader(header => { header.write('77777777777\0', 124) }), 'data.json is cut short or padded with data'],
  ['with a wrong checksum in a header', () => { const bytes = tar(files); bytes[0] = 0x2e; return gzipSync(bytes) }, 'a header has a wrong checksum'],
  ['with data in its padding', () => pack(files.map(entry => ({ ...entry, padding: 1 }))), 'data.json is cut short or padded with data'],
  ['without an end', () => pack(files, new Uint8Array(0)), 'it is cut short'],
  ['with half an end', () => pack(files, new Uint8Array(512)), 'it does not end with two empty blocks'],
  ['with a longer end', () => pack(files, new Uint8Array(1536)), 'it does not end with two empty blocks'],
  ['with data behind the last file', () => pack(files, Buffer.concat([new Uint8Array(1024), text('hidden')])), 'it does not end with two empty blocks'],
  ['with an unknown file', () => withEntry('/patch.json'), 'patch.json does not belong in it'],
  ['with a policy in Rego', () => withEntry('/policy.rego'), 'policy.rego does not belong in it'],
  ['with a second module', () => withEntry('/a/policy.wasm'), 'a/policy.wasm does not belong in it'],
  ['with signatures in a folder', () => withEntry('/a/.signatures.json'), 'a/.signatures.json does not belong in it'],
  ['with a signature nobody checks', () => withEntry('/.signatures.json'), 'it is signed, and its signature is not asked for here'],
  ['without a module', () => pack(files.filter(({ name }) => name !== '/policy.wasm')), 'it has no policy.wasm'],
  ['without a manifest', () => pack(files.filter(({ name }) => name !== '/.manifest')), 'it has no .manifest'],
  ['without data', () => pack(files.filter(({ name }) => name !== '/data.json')), 'it has no data.json'],
]

const documents: readonly Row[] = [
  ['with data that is a list', () => withData('[]'), 'data.json is not an object'],
  ['with data that is not UTF-8', () => withData(Uint8Array.of(0x22, 0xff, 0x22)), 'data.json is not UTF-8'],
  ['with a byte-order mark', () => withData('\ufeff{}'), 'data.json is not JSON: there is no value (at character 0)'],
  ['with a member of data twice', () => withData('{"a": 1, "a": 2}'), 'data.json is not JSON: a member is there twice (at character 12)'],
  ['with a member twice, once escaped', () => withData('{"a": 1, "\\u0061": 2}'), 'data.json is not JSON: a member is there twice (at character 17)'],
  ['with half a character', () => withData('{"a": "\\ud800"}'), 'data.json is not JSON: a string is not Unicode (at character 6)'],
  ['with a raw control character', () => withData('{"a": "\u0001"}'), 'data.json is not JSON: a string is malformed (at character 6)'],
  ['with data nested too deep', () => withData(`{"a": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`), 'data.json is not JSON: it is nested deeper than 128 (at character 134)'],
  ['with data in YAML', () => withData('a: 1\n'), 'data.json is not JSON: there is no value (at character 0)'],
  ['with a number nobody agrees on', () => withData('{"a": 0x10}'), 'data.json is not JSON: a list or an object does not go on (at character 7)'],
  ['with two values', () => withData('{} {}'), 'data.json is not JSON: there is something behind the value (at character 3)'],
  ['with an unknown member in its manifest', () => withManifest(manifest => { manifest['file_rego_versions'] = {} }), '.manifest has a member that is not known'],
  ['with a manifest that is a list', () => pack(changed(files, '/.manifest', () => text('[]'))), '.manifest is not an object'],
  ['with a manifest that says its revision twice', () => pack(changed(files, '/.manifest', bytes => text(Buffer.from(bytes).toString().replace('{', '{"revision":"x",')))), '.manifest is not JSON: a member is there twice (at character 26)'],
  ['without a revision', () => withManifest(manifest => { delete manifest['revision'] }), '.manifest has no revision'],
  ['with a revision without end', () => withManifest(manifest => { manifest['revision'] = 'a'.repeat(129) }), '.manifest has no revision'],
  ['in another Rego', () => withManifest(manifest => { manifest['rego_version'] = 0 }), '.manifest has a rego_version other than 1'],
  ['without metadata', () => withManifest(manifest => { delete (manifest as Record<string, unknown>)['metadata'] }), '.manifest has no metadata'],
  ['with a limit that nobody keeps', () => withMetadata({ not_after: '2020-01-01' }), 'metadata has a member that is not known'],
  ['without a serial', () => withMetadata({ serial: undefined }), 'metadata.serial is not a number'],
  ['with a serial that is text', () => withMetadata({ serial: '7' }), 'metadata.serial is not a number'],
  ['with a negative serial', () => withMetadata({ serial: -1 }), 'metadata.serial is not a number'],
  ['with a serial beyond counting', () => withMetadata({ serial: 2 ** 53 }), 'metadata.serial is not a number'],
  ['with a short digest', () => withMetadata({ source_digest: 'abc' }), 'metadata.source_digest is not a SHA-256 in hex'],
  ['without its compiler', () => withMetadata({ compiler_digest: undefined }), 'metadata.compiler_digest is not a SHA-256 in hex'],
  ['with capabilities by name', () => withMetadata({ capabilities_digest: 'v1.22.0' }), 'metadata.capabilities_digest is not a SHA-256 in hex'],
  ['with a report of an unknown kind', () => withMetadata({ reports: { lint: 'a'.repeat(64) } }), 'metadata.reports is not of tests, coverage, replay'],
  ['with a report that is no digest', () => withMetadata({ reports: { tests: 'green' } }), 'metadata.tests is not a SHA-256 in hex'],
  ['without input paths', () => withMetadata({ inputs: null }), 'metadata.inputs is not an object'],
  ['with a path that is text', () => withMetadata({ inputs: { e: ['request'] } }), 'metadata.inputs has a path that is not a list of names'],
  ['with paths of an entrypoint it does not list', () => withMetadata({ inputs: { 'countersign/request/decision': [], 'countersign/other/one': [] } }), 'metadata.inputs is not of the entrypoints that .manifest lists'],
  ['with entrypoints that have no paths', () => withManifest(manifest => { (manifest['wasm'] as unknown[]).push({ entrypoint: 'a/b', module: '/policy.wasm' }) }), 'metadata.inputs is not of the entrypoints that .manifest lists'],
  ['without entrypoints', () => withManifest(manifest => { delete manifest['wasm'] }), '.manifest lists no entrypoints'],
  ['with an entrypoint twice', () => withManifest(manifest => { const all = manifest['wasm'] as unknown[]; all.push(all[0]) }), '.manifest has entrypoint countersign/request/decision twice'],
  ['with an entrypoint in a module elsewhere', () => withManifest(manifest => { (manifest['wasm'] as Record<string, unknown>[])[0]!['module'] = '/other.wasm' }), '.manifest has entrypoint countersign/request/decision in a module that is not there'],
  ['with an entrypoint that walks', () => withManifest(manifest => { (manifest['wasm'] as Record<string, unknown>[])[0]!['entrypoint'] = '../../etc' }), '.manifest has an entrypoint that is malformed'],
  ['with an entrypoint that says more', () => withManifest(manifest => { (manifest['wasm'] as Record<string, unknown>[])[0]!['memory'] = 4096 }), '.manifest has an entrypoint that is malformed'],
  ['with roots that are text', () => withManifest(manifest => { manifest['roots'] = '' }), 'roots is not a list'],
  ['with no roots at all', () => withManifest(manifest => { manifest['roots'] = [] }), 'roots is not a list'],
  ['with a root that is a number', () => withManifest(manifest => { manifest['roots'] = [1] }), 'roots has an item that is not text'],
  ['with a root that walks', () => withManifest(manifest => { manifest['roots'] = ['/countersign'] }), 'roots has a path with an empty segment'],
  ['with roots one inside the other', () => withManifest(manifest => { manifest['roots'] = ['countersign', 'limits/a', 'limits'] }), 'two of its roots overlap'],
  ['with roots that do not own its data', () => withManifest(manifest => { manifest['roots'] = ['countersign'] }), 'its roots do not own all of data.json'],
  ['with roots that own a part of its data', () => withManifest(manifest => { manifest['roots'] = ['countersign', 'limits/columns'] }), 'its roots do not own all of data.json'],
  ['with roots that do not own its entrypoints', () => withManifest(manifest => { manifest['roots'] = ['limits'] }), 'its roots do not own entrypoint countersign/request/decision'],
]

for (const [title, make, message] of [...archives, ...documents]) {
  test(`a bundle ${title} is refused`, t => {
    const error = t.throws(() => readBundle(make()), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], ['ERR_BUNDLE_MALFORMED', `the bundle is malformed: ${message}`])
  })
}

test('roots that own exactly what is in it are accepted', t => {
  t.notThrows(() => readBundle(withManifest(manifest => { manifest['roots'] = ['countersign', 'limits/rows'] })))
  t.notThrows(() => readBundle(withManifest(manifest => { delete manifest['roots'] })))
})

const verification: Verification = { keys: [readVerificationKey(publicPem, 'k1')], scope: 'prod' }
const list = listed(files)
const first = list[0] as (typeof list)[number]
const without = (name: string) => list.filter(file => file.name !== name)
const renamed = (name: string) => forged(files, { payload: { files: [{ ...first, name }, ...list.slice(1)] } })
const hashedBy = (algorithm: string) => forged(files, { payload: { files: [{ ...first, algorithm }, ...list.slice(1)] } })
const inSignatures = (signatures: unknown) => packSigned(files, JSON.stringify(signatures))
const strong = 'SHA-256, SHA-384, SHA-512, SHA-512-256'

const signatures: readonly Row[] = [
  ['whose list of signatures is empty', () => inSignatures({ signatures: [] }), '.signatures.json has 0 signatures, not one'],
  ['with two signatures', () => inSignatures({ signatures: [token(files), token(files)] }), '.signatures.json has 2 signatures, not one'],
  ['with a signature that is no text', () => inSignatures({ signatures: [{ token: token(files) }] }), '.signatures.json has 1 signatures, not one'],
  ['with a verifier of its own choice', () => inSignatures({ signatures: [token(files)], plugin: '_none' }), '.signatures.json has something else than signatures in it'],
  ['with its signatures twice', () => packSigned(files, `{"signatures": ["${token(files)}"], "signatures": []}`), '.signatures.json is not JSON'],
  ['with signatures that are a list', () => inSignatures([token(files)]), '.signatures.json is not an object'],
  ['with signatures larger than any', () => packSigned(files, `{"signatures": ["${token(files)}"]}${' '.repeat(65_536)}`), '.signatures.json is larger than 65536 bytes'],
  ['with half a token', () => inSignatures({ signatures: [token(files).split('.').slice(0, 2).join('.')] }), 'it is not a JWT'],
  ['with a token of five parts', () => inSignatures({ signatures: [`${token(files)}.a.b`] }), 'it is not a JWT'],
  ['with a token in other letters', () => inSignatures({ signatures: [`${token(files)}==`] }), 'it is not a JWT'],
  ['with algorithm none', () => inSignatures({ signatures: [`${token(files, { header: { alg: 'none' }, key: 'none' })}AA`] }), 'its algorithm is not that of its key, EdDSA'],
  ['with algorithm none and no signature', () => forged(files, { header: { alg: 'none' }, key: 'none' }), 'it is not a JWT'],
  ['signed with the public key as a secret', () => forged(files, { header: { alg: 'HS256' }, key: 'hmac' }), 'its algorithm is not that of its key, EdDSA'],
  ['signed with the public key as a secret, under the right name', () => forged(files, { key: 'hmac' }), 'its signature is not by its key'],
  ['that claims another algorithm', () => forged(files, { header: { alg: 'ES256' } }), 'its algorithm is not that of its key, EdDSA'],
  ['signed by a stranger under a known name', () => forged(files, { key: other.privateKey }), 'its signature is not by its key'],
  ['signed by a key that is not known', () => forged(files, { header: { kid: 'k2' }, key: other.privateKey }), 'it is by a key that is not known'],
  ['that brings its own key', () => forged(files, { header: { jwk: other.publicKey.export({ format: 'jwk' }) }, key: other.privateKey }), 'its header has a member that is not known'],
  ['with an extension that must be understood', () => forged(files, { header: { crit: ['b64'], b64: false } }), 'its header has a member that is not known'],
  ['whose payload names another key', () => forged(files, { payload: { keyid: 'k2' } }), 'its payload names another key than its header'],
  ['with an expiry that nobody asks about', () => forged(files, { payload: { exp: 4_000_000_000 } }), 'its payload has a claim that is not known'],
  ['for another scope', () => forged(files, { payload: { scope: 'test' } }), 'it is for another scope'],
  ['for no scope', () => forged(files, { payload: { scope: undefined } }), 'it is for another scope'],
  ['for a list of scopes', () => forged(files, { payload: { scope: ['prod'] } }), 'it is for another scope'],
  ['whose payload says its scope twice', () => forged(files, { payloadText: `{"scope":"test","files":${JSON.stringify(list)},"scope":"prod"}` }), 'its payload is not JSON'],
  ['whose payload is a list', () => forged(files, { payloadText: JSON.stringify(list) }), 'its payload is not an object'],
  ['that lists no files', () => forged(files, { payload: { files: undefined } }), 'its payload lists no files'],
  ['that lists an empty set', () => forged(files, { payload: { files: [] } }), 'data.json is not signed'],
  ['whose module is not signed', () => forged(files, { payload: { files: without('policy.wasm') } }), 'policy.wasm is not signed'],
  ['whose manifest is not signed', () => forged(files, { payload: { files: without('.manifest') } }), '.manifest is not signed'],
  ['that lacks a file that was signed', () => forged(files, { payload: { files: [...list, { ...first, name: 'policy.rego' }] } }), 'it lists a file that is not in the bundle'],
  ['that signs its own signatures', () => forged(files, { payload: { files: [...list, { ...first, name: '.signatures.json' }] } }), 'it lists a file that is not in the bundle'],
  ['that lists ./data.json', () => renamed('./data.json'), 'it lists a file that is not in the bundle'],
  ['that lists /data.json', () => renamed('/data.json'), 'it lists a file that is not in the bundle'],
  ['that lists a/../data.json', () => renamed('a/../data.json'), 'it lists a file that is not in the bundle'],
  ['that lists DATA.json', () => renamed('DATA.json'), 'it lists a file that is not in the bundle'],
  ['that lists a file twice', () => forged(files, { payload: { files: [first, ...list] } }), 'it lists data.json twice'],
  ['hashed with MD5', () => hashedBy('MD5'), `data.json is hashed with something else than ${strong}`],
  ['hashed with SHA-1', () => hashedBy('SHA-1'), `data.json is hashed with something else than ${strong}`],
  ['hashed with SHA-224', () => hashedBy('SHA-224'), `data.json is hashed with something else than ${strong}`],
  ['hashed with SHA-512-224', () => hashedBy('SHA-512-224'), `data.json is hashed with something else than ${strong}`],
  ['hashed with nothing', () => hashedBy(''), `data.json is hashed with something else than ${strong}`],
  ['hashed with a name that objects have', () => hashedBy('constructor'), `data.json is hashed with something else than ${strong}`],
  ['with a digest in capitals', () => forged(files, { payload: { files: [{ ...first, hash: first.hash.toUpperCase() }, ...list.slice(1)] } }), 'data.json is not as it was signed'],
  ['with half a digest', () => forged(files, { payload: { files: [{ ...first, hash: first.hash.slice(0, 32) }, ...list.slice(1)] } }), 'data.json is not as it was signed'],
  ['with a file that says more', () => forged(files, { payload: { files: [{ ...first, optional: true }, ...list.slice(1)] } }), 'its payload has a file that is malformed'],
  ['with a file that says less', () => forged(files, { payload: { files: [{ name: first.name, hash: first.hash }, ...list.slice(1)] } }), 'its payload has a file that is malformed'],
  ['whose data were changed', () => packSigned(changed(files, '/data.json', () => text('{"limits": {"rows": 501}}')), JSON.stringify({ signatures: [token(files)] })), 'data.json is not as it was signed'],
  ['whose numbers were written otherwise', () => packSigned(changed(files, '/data.json', () => text('{"limits": {"rows": 5e2}}')), JSON.stringify({ signatures: [token(files)] })), 'data.json is not as it was signed'],
  ['whose serial was raised', () => packSigned(changedManifest(files, manifest => { manifest.metadata['serial'] = 9 }), JSON.stringify({ signatures: [token(files)] })), '.manifest is not as it was signed'],
  ['whose module was changed', () => packSigned(changed(files, '/policy.wasm', bytes => bytes.map((byte, at) => (at === 5_000 ? byte ^ 1 : byte))), JSON.stringify({ signatures: [token(files)] })), 'policy.wasm is not as it was signed'],
]

for (const [title, make, message] of signatures) {
  test(`a signed bundle ${title} is refused`, async t => {
    const error = await t.throwsAsync(readSignedBundle(make(), verification), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], ['ERR_BUNDLE_SIGNATURE', `the signature of the bundle is refused: ${message}`])
  })
}

test('a bundle whose signature was taken out is refused where a signature is asked for', async t => {
  t.is((await readSignedBundle(forged(files), verification)).signer, 'k1')
  await t.throwsAsync(readSignedBundle(good, verification), { code: 'ERR_BUNDLE_UNSIGNED', message: 'the bundle is not signed' })
  // Also where there is no key, or keys that cannot be told apart: that is no leave to go without.
  await t.throwsAsync(readSignedBundle(good, { ...verification, keys: [] }), { code: 'ERR_BUNDLE_KEY', message: 'there is no key to verify bundles with' })
  const [key] = verification.keys
  await t.throwsAsync(readSignedBundle(good, { ...verification, keys: [key!, key!] }), { code: 'ERR_BUNDLE_KEY', message: 'two keys to verify bundles with have one id' })
})

test('a signature that names no key counts only where there is one key', async t => {
  const nameless = forged(files, { header: { kid: undefined } })
  t.is((await readSignedBundle(nameless, verification)).signer, 'k1')
  const two = [...verification.keys, readVerificationKey(pem(other.publicKey), 'k2')]
  await t.throwsAsync(readSignedBundle(nameless, { ...verification, keys: two }), { code: 'ERR_BUNDLE_SIGNATURE', message: 'the signature of the bundle is refused: it does not say which key made it' })
})

test('a bundle that is rolled back is refused, however well it is signed', async t => {
  const message = 'the bundle is rolled back: serial 7, where 8 is the lowest accepted'
  await t.throwsAsync(readSignedBundle(forged(files), { ...verification, minimumSerial: 8 }), { code: 'ERR_BUNDLE_ROLLBACK', message })
  t.throws(() => readBundle(good, { minimumSerial: 8 }), { code: 'ERR_BUNDLE_ROLLBACK', message })
  t.is(readBundle(good, { minimumSerial: 7 }).serial, 7)
})

const memoryImport = [2, [1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0, 1]] as const
const oneFunction = [[1, [1, 0x60, 0, 0]], memoryImport, [3, [1, 0]]] as const
const starting = (...code: readonly number[]) => moduleOf(...oneFunction, [8, [0]], [10, [1, code.length + 2, 0, ...code, 0x0b]])

const modules: readonly (readonly [title: string, make: () => Uint8Array, code: string, message: string])[] = [
  ['that is text', () => text('(module)'), 'ERR_BUNDLE_MALFORMED', 'the policy module is not WebAssembly'],
  ['that is cut short', () => wasmOf().subarray(0, -100), 'ERR_BUNDLE_MALFORMED', 'the policy module is not WebAssembly'],
  ['that exports nothing', () => moduleOf(), 'ERR_BUNDLE_MALFORMED', 'the policy module has an ABI other than 1.2 or newer'],
  ['that loops when it is loaded', () => starting(0x03, 0x40, 0x0c, 0, 0x0b), 'ERR_POLICY_TRAP', 'the policy module trapped'],
  ['that recurses when it is loaded', () => starting(0x10, 0), 'ERR_POLICY_TRAP', 'the policy module trapped'],
  ['that eats memory when it is loaded', () => starting(0x03, 0x40, 0x41, 1, 0x40, 0, 0x1a, 0x0c, 0, 0x0b), 'ERR_POLICY_TRAP', 'the policy module trapped'],
  ['that fills memory in one instruction', () => starting(0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 0x0b, 0), 'ERR_BUNDLE_MALFORMED', 'the policy module cannot be metered: it has an instruction that is not known'],
  ['that fills the tank by its number', () => starting(0x41, 0x7f, 0x24, 0), 'ERR_BUNDLE_MALFORMED', 'the policy module is not WebAssembly'],
  ['that keeps state outside its memory', () => moduleOf(memoryImport, [6, [2, 0x7f, 1, 0x41, 0, 0x0b, 0x7f, 1, 0x41, 0, 0x0b]]), 'ERR_BUNDLE_MALFORMED', 'the policy module cannot be metered: it has more than one global that changes'],
  ['that calls without coming back', () => starting(0x12, 0), 'ERR_BUNDLE_MALFORMED', 'the policy module cannot be metered: it has an instruction that is not known'],
  ['with a memory of its own', () => moduleOf([5, [1, 0, 1]]), 'ERR_BUNDLE_MALFORMED', 'the policy module cannot be metered: it has a memory of its own'],
  ['with a second memory', () => moduleOf(memoryImport, [5, [1, 0, 1]]), 'ERR_BUNDLE_MALFORMED', 'the policy module cannot be metered: it has a memory of its own'],
  ['with arrays that no ceiling holds', () => moduleOf([1, [1, 0x5e, 0x7f, 1]]), 'ERR_BUNDLE_MALFORMED', 'the policy module cannot be metered: it has a type that is not a function'],
  ['with a huge table', () => moduleOf([4, [1, 0x70, 0, 0x81, 0x80, 0x04]]), 'ERR_BUNDLE_MALFORMED', 'the policy module cannot be metered: it has a table of more than 65536 functions'],
  ['that imports the system', () => moduleOf([1, [1, 0x60, 0, 0]], [2, [1, 4, 0x77, 0x61, 0x73, 0x69, 4, 0x65, 0x78, 0x69, 0x74, 0, 0]]), 'ERR_BUNDLE_MALFORMED', "the policy module cannot be metered: it imports something else than OPA's host functions and the memory"],
  ['that wants more memory than there is', () => moduleOf([2, [1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 0, 0x80, 0x80, 1]]), 'ERR_BUNDLE_MALFORMED', 'the policy module has constants that take 16385 pages of 64 KiB, and may have 1024 for all it does'],
  ['that wants another kind of memory', () => moduleOf([2, [1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79, 2, 1, 1, 2]]), 'ERR_BUNDLE_MALFORMED', "the policy module does not fit OPA's ABI"],
  ['that takes host functions for others', () => moduleOf([1, [1, 0x60, 0, 0]], [2, [1, 3, 0x65, 0x6e, 0x76, 9, 0x6f, 0x70, 0x61, 0x5f, 0x61, 0x62, 0x6f, 0x72, 0x74, 3, 0x7f, 0]]), 'ERR_BUNDLE_MALFORMED', "the policy module cannot be metered: it imports something else than OPA's host functions and the memory"],
]

for (const [title, make, code, message] of modules) {
  test(`a bundle with a module ${title} is not loaded`, t => {
    const bundle = readBundle(withModule(make()))
    const error = t.throws(() => loadPolicy(bundle), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], [code, message])
  })
}

test('the thread that loads a gateway\'s policies gives hostile modules the same codes', async t => {
  const left = [...modules]
  const next = async (): Promise<void> => {
    for (let row = left.pop(); row !== undefined; row = left.pop()) {
      const [title, make, code, message] = row
      const error = await t.throwsAsync<PolicyError>(makePolicy({ bytes: withModule(make()), minimumSerial: 0 }, {}), { instanceOf: PolicyError }, title)
      t.deepEqual([error?.code, error?.message], [code, message], title)
    }
  }
  await Promise.all([next(), next()])
})

test('a bundle that lists an entrypoint which its module does not have is not loaded', t => {
  const bundle = readBundle(withManifest(manifest => {
    (manifest['wasm'] as unknown[]).push({ entrypoint: 'countersign/other/one', module: '/policy.wasm' })
    ;(manifest.metadata['inputs'] as Record<string, unknown>)['countersign/other/one'] = []
  }))
  t.throws(() => loadPolicy(bundle), { code: 'ERR_BUNDLE_MALFORMED', message: 'the bundle has no entrypoint countersign/other/one' })
})

test('a module with megabytes of constants decides like any other', t => {
  // As the compiler says it of such a module; the compilation alone would take ten seconds.
  const wasm = Buffer.from(wasmOf())
  const name = '\x03env\x06memory\x02\x00'
  wasm[wasm.indexOf(name) + name.length] = 40
  const input = { request: { arguments: { mode: 'good' } } }
  t.is(loadPolicy(readBundle(withModule(wasm))).decide(input, JSON.stringify(input)).decision.effect, 'allow')
})

test('data that do not fit into the policy\'s memory are not loaded', t => {
  const bundle = readBundle(withData(`{"limits": [${'[],'.repeat(1_500_000)}1]}`))
  t.throws(() => loadPolicy(bundle), { code: 'ERR_POLICY_MEMORY', message: 'the evaluation wants more memory than it may have' })
})
