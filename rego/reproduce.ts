// Was this bundle made of that commit? The commit's files are compiled again, with the compiler that this package pins, and compared.
// What comes out is a list of what differs: names, paths and places; of the data never a value.
import { hash } from 'node:crypto'
import { bundleOf, readCanonical, signaturesFile } from './bundle.ts'
import { compileBundle } from './compiler.ts'
import { PolicyError, type Finding } from './errors.ts'
import { isPolicyFile } from './folder.ts'
import { sourceDigest, type PolicySource } from './source.ts'
import { readTarball, unpackTarball } from './tarball.ts'

export interface Commit {
  /** Object id. */
  readonly revision: string
  readonly files: PolicySource
}

export interface Reproduction {
  /** None: the same. */
  readonly differences: readonly Finding[]
  /** SHA-256 in hex of what the commit compiled to, unsigned: the digest that decisions name. undefined: it does not compile. */
  readonly rebuilt: string | undefined
}

/**
 * @throws PolicyError `ERR_BUNDLE_MALFORMED`, ERR_TOOLCHAIN_*
 */
export async function reproduceBundle(bytes: Uint8Array, { revision, files: all }: Commit, capabilities: unknown): Promise<Reproduction> {
  const { serial, entrypoints, reports, sourceDigest: stated } = bundleOf(bytes, readTarball(bytes), {})
  // A gateway compiles all that a commit has in its folders; `policy build` what a compiler reads of them. The digest says which it was.
  const read: PolicySource = new Map([...all].filter(([name]) => isPolicyFile(name)))
  const files = sourceDigest(read) === stated ? read : all
  let rebuilt: Uint8Array
  try {
    rebuilt = await compileBundle({ files, revision, serial, entrypoints, reports, capabilities })
  } catch (cause) {
    if (!(cause instanceof PolicyError) || cause.code.startsWith('ERR_TOOLCHAIN')) throw cause
    return { differences: [finding('compile', `the commit does not compile: ${cause.message}`)], rebuilt: undefined }
  }
  return { differences: compareBundles(bytes, rebuilt), rebuilt: hash('sha256', rebuilt, 'hex') }
}

/**
 * What a bundle says otherwise than the one that was rebuilt. An unsigned one is compared byte for byte; of a signed one the files are, and its
 * signature is left out (`readSignedBundle` asks whose it is).
 */
export function compareBundles(bytes: Uint8Array, rebuilt: Uint8Array): readonly Finding[] {
  const theirs = readTarball(bytes)
  const ours = readTarball(rebuilt)
  const isSigned = theirs.delete(signaturesFile)
  const [one, other] = [bundleOf(bytes, theirs, {}), bundleOf(rebuilt, ours, {})]
  const stated: Finding[] = [
    ...differs('revision', 'the commit', one.revision, other.revision),
    ...differs('source', 'the source (its digest)', one.sourceDigest, other.sourceDigest),
    ...differs('compiler', 'the compiler (its digest)', one.compilerDigest, other.compilerDigest),
    ...differs('capabilities', 'the capabilities (their digest)', one.capabilitiesDigest ?? 'none', other.capabilitiesDigest ?? 'none'),
  ]
  const found = [...stated, ...compareFiles(theirs, ours, stated.length > 0)]
  if (found.length > 0 || isSigned || Buffer.compare(bytes, rebuilt) === 0) return found
  const what = Buffer.compare(unpackTarball(bytes), unpackTarball(rebuilt)) === 0 ? 'the same archive, packed otherwise' : 'the same files, in another archive'
  return [finding('archive', `${what}: it did not come from this compiler as it is`)]
}

function compareFiles(theirs: ReadonlyMap<string, Uint8Array>, ours: ReadonlyMap<string, Uint8Array>, isSaid: boolean): Finding[] {
  return ['.manifest', 'data.json', 'policy.wasm'].flatMap(name => {
    const [one, other] = [theirs.get(name) ?? new Uint8Array(0), ours.get(name) ?? new Uint8Array(0)]
    if (Buffer.compare(one, other) === 0) return []
    const place = name === 'policy.wasm' ? placeInModule(one, other) : placeInJson(readDocument(theirs, name), readDocument(ours, name))
    if (place === undefined && isSaid) return []
    return [finding(name, `${name} differs: ${place ?? 'in how it is written, not in what it says'}`)]
  })
}

/** Without the manifest's own words for what it was made from, which were compared already. */
function readDocument(files: ReadonlyMap<string, Uint8Array>, name: string): unknown {
  const document = JSON.parse(readCanonical(files, name)) as Record<string, unknown>
  if (name !== '.manifest') return document
  const metadata = Object.entries(document['metadata'] as Record<string, unknown>).filter(([member]) => !member.endsWith('_digest'))
  return { ...document, revision: undefined, metadata: Object.fromEntries(metadata) }
}

/** Path of the first difference. */
function placeInJson(one: unknown, other: unknown, path = ''): string | undefined {
  if (!isContainer(one) || !isContainer(other) || Array.isArray(one) !== Array.isArray(other)) return Object.is(one, other) ? undefined : `at ${path === '' ? 'its top' : path}`
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const below = `${path}/${name}`
    if (!Object.hasOwn(other, name)) return `${below} is in the bundle only`
    if (!Object.hasOwn(one, name)) return `${below} is in the commit only`
    const place = placeInJson(one[name], other[name], below)
    if (place !== undefined) return place
  }
  return undefined
}

function placeInModule(one: Uint8Array, other: Uint8Array): string {
  let at = 0
  while (at < one.length && one[at] === other[at]) at++
  return `${one.length} bytes against ${other.length}, from byte ${at} on`
}

function differs(code: string, what: string, stated: string, actual: string): Finding[] {
  return stated === actual ? [] : [finding(code, `${what}: the bundle says ${stated}, here it is ${actual}`)]
}

function finding(code: string, message: string): Finding {
  return { code, message, file: '', row: 0, col: 0 }
}

function isContainer(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
