// A bundle as an image, for registries that hold nothing else: an OCI image layout (image-spec 1.1, image-layout.md) with the media
// types that OPA pulls. Named by the digest of its manifest; what a layout says besides what that digest leads to is not believed.
import { hash } from 'node:crypto'
import { constants, closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Bundle } from './bundle.ts'
import { PolicyError } from './errors.ts'
import { canonicalJson, JsonFault } from './signing/canonical-json.ts'
import { maxBundleBytes, unpackTarball } from './tarball.ts'

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const
const layoutVersion = '1.0.0'
const maxDocumentBytes = 65_536

interface Descriptor { readonly mediaType: string; readonly digest: string; readonly size: number }

/**
 * Makes `folder` a layout of one image, tagged with the bundle's serial. The same bytes make the same image.
 * @returns its digest, `sha256:<hex>`
 * @throws PolicyError `ERR_BUNDLE_IMAGE` where there is something in the folder already
 */
export function writeOciLayout(folder: string, bytes: Uint8Array, { revision, serial }: Bundle): string {
  if (existsSync(folder) && readdirSync(folder).length > 0) throw refused(`${folder} is not empty`)
  mkdirSync(path.join(folder, 'blobs', 'sha256'), { recursive: true })
  const layer = { ...writeBlob(folder, types.layer, bytes), annotations: { 'org.opencontainers.image.title': 'bundle.tar.gz' } }
  const config = writeBlob(folder, types.config, json({
    architecture: 'unknown', os: 'unknown', config: {},
    rootfs: { type: 'layers', diff_ids: [`sha256:${hash('sha256', unpackTarball(bytes), 'hex')}`] },
  }))
  const manifest = writeBlob(folder, types.manifest, json({
    schemaVersion: 2, mediaType: types.manifest, config, layers: [layer], annotations: { 'org.opencontainers.image.revision': revision },
  }))
  writeFileSync(path.join(folder, 'oci-layout'), json({ imageLayoutVersion: layoutVersion }))
  writeFileSync(path.join(folder, 'index.json'), json({
    schemaVersion: 2, mediaType: types.index, manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': String(serial) } }],
  }))
  return manifest.digest
}

/**
 * The bytes of the bundle in the image that `digest` names.
 * @throws PolicyError `ERR_BUNDLE_IMAGE` where a blob is missing, is no plain file, or is not what leads to it says
 */
export function readOciLayout(folder: string, digest: string): Uint8Array {
  const layout = readJson(readFile(path.join(folder, 'oci-layout'), 'oci-layout', maxDocumentBytes), 'oci-layout')
  if (layout['imageLayoutVersion'] !== layoutVersion) throw refused(`it is not a layout of version ${layoutVersion}`)
  const manifest = readJson(readBlob(folder, digest, undefined, maxDocumentBytes, 'manifest'), 'manifest')
  const { schemaVersion, mediaType, layers } = manifest
  if (schemaVersion !== 2 || mediaType !== types.manifest) throw refused('its manifest is not that of an image')
  const config = readDescriptor(manifest['config'], types.config, 'config')
  readBlob(folder, config.digest, config.size, maxDocumentBytes, 'config')
  if (!Array.isArray(layers) || layers.length !== 1) throw refused('it does not have one layer')
  const layer = readDescriptor(layers[0], types.layer, 'layer')
  return readBlob(folder, layer.digest, layer.size, maxBundleBytes, 'layer')
}

function writeBlob(folder: string, mediaType: string, bytes: Uint8Array): Descriptor {
  const hex = hash('sha256', bytes, 'hex')
  writeFileSync(path.join(folder, 'blobs', 'sha256', hex), bytes)
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
}

function readDescriptor(value: unknown, wanted: string, name: string): Descriptor {
  if (!isObject(value)) throw refused(`its manifest has no ${name}`)
  const { mediaType, digest, size } = value
  if (mediaType !== wanted) throw refused(`its ${name} is not of type ${wanted}`)
  // `urls` and `data` would be another place to take the bytes from.
  if (value['urls'] !== undefined || value['data'] !== undefined) throw refused(`its ${name} is to be had elsewhere`)
  if (typeof digest !== 'string' || typeof size !== 'number' || !Number.isSafeInteger(size)) throw refused(`its ${name} is not described`)
  return { mediaType, digest, size }
}

function readBlob(folder: string, digest: string, size: number | undefined, maxBytes: number, name: string): Uint8Array {
  // A digest becomes a path: it can be nothing but hex.
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1]
  if (hex === undefined) throw refused(`the digest of its ${name} is not a SHA-256`)
  const bytes = readFile(path.join(folder, 'blobs', 'sha256', hex), name, maxBytes)
  if (size !== undefined && bytes.length !== size) throw refused(`its ${name} has another size than its manifest says`)
  if (hash('sha256', bytes, 'hex') !== hex) throw refused(`its ${name} does not match its digest`)
  return bytes
}

function readFile(file: string, name: string, maxBytes: number): Uint8Array {
  let descriptor: number
  try {
    // A link could lead out of the layout, and a pipe would be waited for.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw refused(`its ${name} cannot be read`, cause)
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw refused(`its ${name} is not a plain file`)
    if (stat.size > maxBytes) throw refused(`its ${name} is larger than ${maxBytes} bytes`)
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function readJson(bytes: Uint8Array, name: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(canonicalJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)))
  } catch (cause) {
    if (cause instanceof JsonFault || cause instanceof TypeError) throw refused(`its ${name} is not JSON`, cause)
    throw cause
  }
  if (!isObject(value)) throw refused(`its ${name} is not an object`)
  return value
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(why: string, cause?: unknown): PolicyError {
  return new PolicyError('ERR_BUNDLE_IMAGE', `the image of the bundle is refused: ${why}`, { cause })
}
