import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'ava'
import { PolicyError, readBundle } from '../../rego/index.ts'
import { readOciLayout, writeOciLayout } from '../../rego/oci-layout.ts'
import { compileSources, hostile } from './sources.ts'

const good = await compileSources({ 'policy/decision.rego': hostile })
const root = fs.mkdtempSync(path.join(tmpdir(), 'oci-'))
test.after.always(() => { fs.rmSync(root, { recursive: true, force: true }) })

let count = 0
const made = () => {
  const folder = path.join(root, String(++count))
  return { folder, digest: writeOciLayout(folder, good, readBundle(good)) }
}
const blob = (folder: string, digest: string) => path.join(folder, 'blobs', 'sha256', digest.slice('sha256:'.length))
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')

interface Descriptor { mediaType: string; digest: string; size: number; [name: string]: unknown }
interface Manifest { mediaType: string; schemaVersion: number; config: Descriptor; layers: Descriptor[] }
const manifestOf = (folder: string, digest: string) => JSON.parse(fs.readFileSync(blob(folder, digest), 'utf8')) as Manifest

/** An image like it whose manifest says something else, under its own true digest. */
function withManifest(change: (manifest: Manifest) => void): { folder: string; digest: string } {
  const { folder, digest } = made()
  const manifest = manifestOf(folder, digest)
  change(manifest)
  const text = JSON.stringify(manifest)
  fs.writeFileSync(blob(folder, `sha256:${sha256(text)}`), text)
  return { folder, digest: `sha256:${sha256(text)}` }
}

test('a bundle packed as an image is read back by the digest of its manifest, and the same bundle makes the same image', t => {
  const { folder, digest } = made()
  t.deepEqual(readOciLayout(folder, digest), Buffer.from(good))
  t.is(made().digest, digest)
  const { config, layers, ...rest } = manifestOf(folder, digest)
  t.deepEqual(rest, { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', annotations: { 'org.opencontainers.image.revision': 'test' } } as unknown as typeof rest)
  t.deepEqual([config.mediaType, ...layers.map(({ mediaType }) => mediaType)], ['application/vnd.oci.image.config.v1+json', 'application/vnd.oci.image.layer.v1.tar+gzip'])
  t.is(layers[0]?.digest, `sha256:${sha256(good)}`)
  t.deepEqual(JSON.parse(fs.readFileSync(path.join(folder, 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' })
  const { manifests } = JSON.parse(fs.readFileSync(path.join(folder, 'index.json'), 'utf8')) as { manifests: Descriptor[] }
  t.deepEqual(manifests, [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: fs.statSync(blob(folder, digest)).size, annotations: { 'org.opencontainers.image.ref.name': '7' } }])
})

test('a folder that has something in it is not made into an image', t => {
  const { folder } = made()
  t.throws(() => writeOciLayout(folder, good, readBundle(good)), { code: 'ERR_BUNDLE_IMAGE', message: `the image of the bundle is refused: ${folder} is not empty` })
})

const layerOf = (folder: string, digest: string) => blob(folder, manifestOf(folder, digest).layers[0]?.digest ?? '')
const big = (file: string) => { fs.truncateSync(file, 17_000_000) }
const hostileImages: readonly (readonly [title: string, make: () => { folder: string; digest: string }, message: string])[] = [
  ['named by a tag', () => ({ ...made(), digest: '7' }), 'the digest of its manifest is not a SHA-256'],
  ['named by a path', () => ({ ...made(), digest: 'sha256:../../index.json' }), 'the digest of its manifest is not a SHA-256'],
  ['named by a digest in capitals', () => { const image = made(); return { ...image, digest: image.digest.toUpperCase() } }, 'the digest of its manifest is not a SHA-256'],
  ['that is not there', () => ({ ...made(), digest: `sha256:${'0'.repeat(64)}` }), 'its manifest cannot be read'],
  ['without oci-layout', () => { const image = made(); fs.rmSync(path.join(image.folder, 'oci-layout')); return image }, 'its oci-layout cannot be read'],
  ['of another layout', () => { const image = made(); fs.writeFileSync(path.join(image.folder, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}'); return image }, 'it is not a layout of version 1.0.0'],
  ['whose manifest was changed', () => { const image = made(); fs.appendFileSync(blob(image.folder, image.digest), ' '); return image }, 'its manifest does not match its digest'],
  ['whose manifest has no end', () => { const image = made(); big(blob(image.folder, image.digest)); return image }, 'its manifest is larger than 65536 bytes'],
  ['whose manifest is no JSON', () => { const { folder } = made(); const digest = `sha256:${sha256('{')}`; fs.writeFileSync(blob(folder, digest), '{'); return { folder, digest } }, 'its manifest is not JSON'],
  ['whose manifest says its layers twice', () => { const { folder, digest } = made(); const text = fs.readFileSync(blob(folder, digest), 'utf8').replace('{', '{"layers":[],'); const name = `sha256:${sha256(text)}`; fs.writeFileSync(blob(folder, name), text); return { folder, digest: name } }, 'its manifest is not JSON'],
  ['whose manifest is an index', () => withManifest(manifest => { manifest.mediaType = 'application/vnd.oci.image.index.v1+json' }), 'its manifest is not that of an image'],
  ['with two layers', () => withManifest(manifest => { manifest.layers.push(manifest.layers[0]!) }), 'it does not have one layer'],
  ['without a layer', () => withManifest(manifest => { manifest.layers = [] }), 'it does not have one layer'],
  ['with a layer of another type', () => withManifest(manifest => { manifest.layers[0]!.mediaType = 'application/vnd.oci.image.layer.v1.tar+zstd' }), 'its layer is not of type application/vnd.oci.image.layer.v1.tar+gzip'],
  ['with a configuration of another type', () => withManifest(manifest => { manifest.config.mediaType = 'application/vnd.oci.empty.v1+json' }), 'its config is not of type application/vnd.oci.image.config.v1+json'],
  ['whose layer is to be fetched', () => withManifest(manifest => { manifest.layers[0]!['urls'] = ['https://elsewhere'] }), 'its layer is to be had elsewhere'],
  ['whose layer is in its descriptor', () => withManifest(manifest => { manifest.layers[0]!['data'] = 'AAAA' }), 'its layer is to be had elsewhere'],
  ['whose layer is a path', () => withManifest(manifest => { manifest.layers[0]!.digest = 'sha256:../../../etc/passwd' }), 'the digest of its layer is not a SHA-256'],
  ['whose layer is hashed weakly', () => withManifest(manifest => { manifest.layers[0]!.digest = `sha1:${'0'.repeat(40)}` }), 'the digest of its layer is not a SHA-256'],
  ['whose layer has another size', () => withManifest(manifest => { manifest.layers[0]!.size++ }), 'its layer has another size than its manifest says'],
  ['whose layer was changed', () => { const image = made(); const file = layerOf(image.folder, image.digest); const bytes = fs.readFileSync(file); bytes[100]! ^= 1; fs.writeFileSync(file, bytes); return image }, 'its layer does not match its digest'],
  ['whose layer is larger than a bundle', () => { const image = made(); big(layerOf(image.folder, image.digest)); return image }, 'its layer is larger than 16777216 bytes'],
  ['whose layer is a link', () => { const image = made(); const file = layerOf(image.folder, image.digest); fs.renameSync(file, `${file}.elsewhere`); fs.symlinkSync(`${file}.elsewhere`, file); return image }, 'its layer cannot be read'],
  ['whose layer is a folder', () => { const image = made(); const file = layerOf(image.folder, image.digest); fs.rmSync(file); fs.mkdirSync(file); return image }, 'its layer is not a plain file'],
]

for (const [title, make, message] of hostileImages) {
  test(`an image ${title} is refused`, t => {
    const { folder, digest } = make()
    const error = t.throws(() => readOciLayout(folder, digest), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], ['ERR_BUNDLE_IMAGE', `the image of the bundle is refused: ${message}`])
  })
}
