// A compiled policy as it is stored, recorded and handed to an examiner: OPA's bundle, read strictly.
// Its digest is that of the exact bytes; whether they may be loaded at all is the activation's question, not this file's.
import { hash } from 'node:crypto'
import { PolicyError } from './errors.ts'
import type { InputPaths } from './prune.ts'
import { readTarball } from './tarball.ts'

export interface Bundle {
  /** SHA-256 of the bundle's bytes. */
  readonly digest: Uint8Array
  /** The same in lower-case hex. */
  readonly hex: string
  /** Git commit it was built from. */
  readonly revision: string
  /** Rises with every activation. */
  readonly serial: number
  readonly wasm: Uint8Array
  /** JSON text of its data. */
  readonly data: string
  /** By entrypoint (`countersign/request/decision`): what it can read of the input. */
  readonly inputs: Readonly<Record<string, InputPaths>>
  /** SHA-256 in hex of the compiler that made it, and of the source it was made from. */
  readonly compilerDigest: string
  readonly sourceDigest: string
}

const maxRevisionBytes = 128
const maxPaths = 4_096
const manifestMembers = new Set(['revision', 'roots', 'wasm', 'rego_version', 'metadata'])

/** @throws PolicyError `ERR_BUNDLE_MALFORMED` */
export function readBundle(bytes: Uint8Array): Bundle {
  const files = readTarball(bytes)
  for (const name of files.keys()) {
    if (name !== '.manifest' && name !== 'data.json' && name !== 'policy.wasm') throw malformed(`${name} does not belong in it`)
  }
  const wasm = files.get('policy.wasm')
  if (!wasm) throw malformed('it has no policy.wasm')
  const data = readText(files, 'data.json')
  if (!isObject(readJson(data, 'data.json'))) throw malformed('data.json is not an object')
  const manifest = readJson(readText(files, '.manifest'), '.manifest')
  if (!isObject(manifest)) throw malformed('.manifest is not an object')
  const stranger = Object.keys(manifest).find(name => !manifestMembers.has(name))
  if (stranger !== undefined) throw malformed('.manifest has a member that is not known')
  const { revision, metadata } = manifest
  if (typeof revision !== 'string' || revision.length > maxRevisionBytes) throw malformed('.manifest has no revision')
  if (!isObject(metadata)) throw malformed('.manifest has no metadata')
  const serial = metadata['serial']
  if (typeof serial !== 'number' || !Number.isSafeInteger(serial) || serial < 0) throw malformed('metadata.serial is not a number')
  const hex = hash('sha256', bytes, 'hex')
  return {
    digest: Uint8Array.from(Buffer.from(hex, 'hex')),
    hex,
    revision,
    serial,
    wasm,
    data,
    inputs: readInputs(metadata['inputs']),
    compilerDigest: readDigest(metadata, 'compiler_digest'),
    sourceDigest: readDigest(metadata, 'source_digest'),
  }
}

function readInputs(value: unknown): Record<string, InputPaths> {
  if (!isObject(value)) throw malformed('metadata.inputs is not an object')
  const inputs: Record<string, InputPaths> = Object.create(null) as Record<string, InputPaths>
  for (const [entrypoint, paths] of Object.entries(value)) {
    if (!Array.isArray(paths) || paths.length > maxPaths) throw malformed('metadata.inputs has an entrypoint without paths')
    inputs[entrypoint] = paths.map((path: unknown) => {
      if (!Array.isArray(path) || !path.every(segment => typeof segment === 'string')) throw malformed('metadata.inputs has a path that is not a list of names')
      return path
    })
  }
  return inputs
}

function readDigest(metadata: Record<string, unknown>, name: string): string {
  const digest = metadata[name]
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) throw malformed(`metadata.${name} is not a SHA-256 in hex`)
  return digest
}

function readText(files: ReadonlyMap<string, Uint8Array>, name: string): string {
  const bytes = files.get(name)
  if (!bytes) throw malformed(`it has no ${name}`)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw malformed(`${name} is not UTF-8`, cause)
  }
}

function readJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw malformed(`${name} is not JSON`, cause)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function malformed(why: string, cause?: unknown): PolicyError {
  return new PolicyError('ERR_BUNDLE_MALFORMED', `the bundle is malformed: ${why}`, { cause })
}
