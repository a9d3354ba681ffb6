// A compiled policy as it is stored, recorded and handed to an examiner: OPA's bundle, read strictly.
// Its digest is that of the exact bytes. Whose it is, is asked in signing/bundle-signature.ts; whether it comes into force, by the activation.
import { hash } from 'node:crypto'
import { PolicyError } from './errors.ts'
import { checkRoots, readRoots } from './roots.ts'
import type { InputPaths } from './prune.ts'
import { canonicalJson, JsonFault } from './signing/canonical-json.ts'
import { readTarball } from './tarball.ts'

/** What a bundle can carry the digest of: SHA-256 in hex of what a run of the tests, their coverage and a replay found. */
export const reportKinds = ['tests', 'coverage', 'replay'] as const
export type ReportKind = (typeof reportKinds)[number]
export type ReportDigests = Readonly<Partial<Record<ReportKind, string>>>

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
  /** Its data as the canonical JSON text that a signature is over: what is loaded is what was hashed. */
  readonly data: string
  /** By entrypoint (`countersign/request/decision`): what it can read of the input. */
  readonly inputs: Readonly<Record<string, InputPaths>>
  /** The same entrypoints, in the order in which they were compiled. */
  readonly entrypoints: readonly string[]
  /** SHA-256 in hex of the compiler that made it, and of the source it was made from. */
  readonly compilerDigest: string
  readonly sourceDigest: string
  /** SHA-256 in hex of the capabilities it was compiled against, as canonical JSON; undefined in bundles of before there was one. */
  readonly capabilitiesDigest: string | undefined
  readonly reports: ReportDigests
}

export interface ReadOptions {
  /** The lowest serial that is accepted: one more than the highest that was ever in force. */
  readonly minimumSerial?: number
}

export const signaturesFile = '.signatures.json'
const maxRevisionBytes = 128
const maxPaths = 4_096
const maxEntrypoints = 64
const manifestMembers = ['revision', 'roots', 'wasm', 'rego_version', 'metadata']
// Closed: a limit that somebody wrote here and nobody keeps would be worse than none.
const metadataMembers = ['serial', 'inputs', 'source_digest', 'compiler_digest', 'capabilities_digest', 'reports']
const resolverMembers = ['entrypoint', 'module', 'annotations']

/**
 * An unsigned bundle, of which the caller knows whose it is: this process compiled it, or a digest names it that is trusted.
 * @throws PolicyError `ERR_BUNDLE_MALFORMED`, `ERR_BUNDLE_ROLLBACK`; also when there is a signature, which this door does not check
 */
export function readBundle(bytes: Uint8Array, options: ReadOptions = {}): Bundle {
  const files = readTarball(bytes)
  if (files.has(signaturesFile)) throw malformed('it is signed, and its signature is not asked for here')
  return bundleOf(bytes, files, options)
}

/**
 * What `files`, unpacked from `bytes`, say. A signature among them is nobody's concern here.
 * @throws PolicyError `ERR_BUNDLE_MALFORMED`, `ERR_BUNDLE_ROLLBACK`
 */
export function bundleOf(bytes: Uint8Array, files: ReadonlyMap<string, Uint8Array>, { minimumSerial = 0 }: ReadOptions): Bundle {
  for (const name of files.keys()) {
    if (name !== '.manifest' && name !== 'data.json' && name !== 'policy.wasm' && name !== signaturesFile) throw malformed(`${name} does not belong in it`)
  }
  const wasm = files.get('policy.wasm')
  if (!wasm) throw malformed('it has no policy.wasm')
  const data = readCanonical(files, 'data.json')
  const values: unknown = JSON.parse(data)
  if (!isObject(values)) throw malformed('data.json is not an object')
  const manifest: unknown = JSON.parse(readCanonical(files, '.manifest'))
  if (!isObject(manifest)) throw malformed('.manifest is not an object')
  if (!isWithin(manifest, manifestMembers)) throw malformed('.manifest has a member that is not known')
  const { revision, metadata, rego_version: version } = manifest
  if (typeof revision !== 'string' || revision.length > maxRevisionBytes) throw malformed('.manifest has no revision')
  if (version !== undefined && version !== 1) throw malformed('.manifest has a rego_version other than 1')
  if (!isObject(metadata)) throw malformed('.manifest has no metadata')
  if (!isWithin(metadata, metadataMembers)) throw malformed('metadata has a member that is not known')
  const serial = metadata['serial']
  if (typeof serial !== 'number' || !Number.isSafeInteger(serial) || serial < 0) throw malformed('metadata.serial is not a number')
  const inputs = readInputs(metadata['inputs'])
  const entrypoints = readEntrypoints(manifest['wasm'])
  if (Object.keys(inputs).length !== entrypoints.size || !Object.keys(inputs).every(name => entrypoints.has(name))) throw malformed('metadata.inputs is not of the entrypoints that .manifest lists')
  checkRoots(readRoots(manifest['roots']), values, entrypoints)
  // Said last: it is a whole bundle, and an old one.
  if (serial < minimumSerial) throw new PolicyError('ERR_BUNDLE_ROLLBACK', `the bundle is rolled back: serial ${serial}, where ${minimumSerial} is the lowest accepted`)
  const hex = hash('sha256', bytes, 'hex')
  return {
    digest: Uint8Array.from(Buffer.from(hex, 'hex')),
    hex,
    revision,
    serial,
    wasm,
    data,
    inputs,
    entrypoints: [...entrypoints],
    compilerDigest: readDigest(metadata, 'compiler_digest'),
    sourceDigest: readDigest(metadata, 'source_digest'),
    capabilitiesDigest: metadata['capabilities_digest'] === undefined ? undefined : readDigest(metadata, 'capabilities_digest'),
    reports: readReports(metadata['reports']),
  }
}

function readEntrypoints(value: unknown): Set<string> {
  if (!Array.isArray(value) || value.length > maxEntrypoints) throw malformed('.manifest lists no entrypoints')
  const entrypoints = new Set<string>()
  for (const resolver of value as unknown[]) {
    if (!isObject(resolver) || !isWithin(resolver, resolverMembers)) throw malformed('.manifest has an entrypoint that is malformed')
    const { entrypoint, module } = resolver
    if (typeof entrypoint !== 'string' || !/^[\w-]+(\/[\w-]+){1,15}$/.test(entrypoint)) throw malformed('.manifest has an entrypoint that is malformed')
    if (module !== '/policy.wasm' && module !== 'policy.wasm') throw malformed(`.manifest has entrypoint ${entrypoint} in a module that is not there`)
    if (entrypoints.has(entrypoint)) throw malformed(`.manifest has entrypoint ${entrypoint} twice`)
    entrypoints.add(entrypoint)
  }
  return entrypoints
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

function readReports(value: unknown): ReportDigests {
  if (value === undefined) return {}
  if (!isObject(value) || !isWithin(value, reportKinds)) throw malformed(`metadata.reports is not of ${reportKinds.join(', ')}`)
  return Object.fromEntries(Object.keys(value).map(kind => [kind, readDigest(value, kind)]))
}

function readDigest(members: Record<string, unknown>, name: string): string {
  const digest = members[name]
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) throw malformed(`metadata.${name} is not a SHA-256 in hex`)
  return digest
}

/** @throws PolicyError `ERR_BUNDLE_MALFORMED` where `name` is not there, not UTF-8, or not JSON that everybody reads alike */
export function readCanonical(files: ReadonlyMap<string, Uint8Array>, name: string): string {
  const bytes = files.get(name)
  if (!bytes) throw malformed(`it has no ${name}`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw malformed(`${name} is not UTF-8`, cause)
  }
  try {
    return canonicalJson(text)
  } catch (cause) {
    if (!(cause instanceof JsonFault)) throw cause
    throw malformed(`${name} is not JSON: ${cause.message}`, cause)
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isWithin(value: Record<string, unknown>, members: readonly string[]): boolean {
  return Object.keys(value).every(name => members.includes(name))
}

function malformed(why: string, cause?: unknown): PolicyError {
  return new PolicyError('ERR_BUNDLE_MALFORMED', `the bundle is malformed: ${why}`, { cause })
}
