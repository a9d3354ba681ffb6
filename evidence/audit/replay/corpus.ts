// A replay corpus as a file: JSON lines in one fixed order (README.md). Written once, read by one reader that takes nothing else.
import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import { EvidenceError } from '../../errors.ts'

export interface CorpusBundle {
  /** SHA-256 of the bundle's bytes, hex: what the leaves name. */
  readonly digest: string
  readonly revision: string
  readonly serial: number
  /** What decides: SHA-256 over module, data and readable paths. The same source built again has the same, under whatever revision. */
  readonly behaviour: string
}

/** Calls that are on record and not in the corpus, by why. */
export interface LeftOut {
  /** No key opened their content. */
  readonly not_opened: number
  /** Their bundle was not among those given. */
  readonly no_bundle: number
  /** Their bundle does not make the recorded decision again. */
  readonly not_reproduced: number
  /** Without names the decision is another: only a corpus with real identities can hold them. */
  readonly identity: number
}

export interface CorpusHeader {
  readonly corpus: 'countersign-replay'
  readonly v: 1
  readonly identities: 'pseudonymous' | 'real'
  /** The evidence log's name, and its signed note that every proof leads to. */
  readonly origin: string
  readonly checkpoint: string
  /** ISO 8601: when it was exported, and of the first and last call in it. */
  readonly created: string
  readonly first: string
  readonly last: string
  readonly bundles: readonly CorpusBundle[]
  readonly batches: number
  readonly decisions: number
  readonly rows: number
  readonly calls: number
  readonly left_out: LeftOut
}

/** A batch leaf and its RFC 6962 path to the checkpoint's root, base64. */
export interface CorpusBatch { readonly batch: number; readonly leaf: string; readonly hashes: readonly string[] }

/** Calls that no recorded policy can tell apart, as one. Unverified. */
export interface CorpusRow {
  /** Places in the header's bundles and among the decisions. */
  readonly bundle: number
  readonly decision: number
  readonly calls: number
  /** Who made them, most frequent first; `others` were made by more than are listed. */
  readonly who: readonly (readonly [string, number])[]
  readonly others: number
  /** How many of them have a result on record, and how many cells each mask rule took out of those. */
  readonly results: number
  readonly masked: Readonly<Record<string, number>>
  /** Of the first of them: its leaf, the batch line it is in, its place there, and the path to the batch's frame root, base64. */
  readonly proof: { readonly batch: number; readonly index: number; readonly leaf: string; readonly hashes: readonly string[] }
  /** Base64; the request's only with real identities, where the input is the recorded one. */
  readonly salts: { readonly decision: string; readonly request?: string }
  readonly input: object
}

const maxCorpusBytes = 1_073_741_824
const maxLineBytes = 2_097_152
export const maxRows = 1_000_000
const maxBundles = 256
const maxBatches = 1_000_000
const maxDecisions = 1_000_000
const maxHashes = 64
export const maxWho = 64
const maxMasked = 512

export interface CorpusParts { readonly header: CorpusHeader; readonly batches: readonly CorpusBatch[]; readonly decisions: readonly string[]; readonly rows: readonly CorpusRow[] }

export function writeCorpus({ header, batches, decisions, rows }: CorpusParts): Uint8Array {
  const lines = [header, ...batches, ...decisions.map((decision) => ({ decision })), ...rows]
  return Buffer.concat(lines.map((line) => Buffer.from(`${JSON.stringify(line)}\n`)))
}

export interface Corpus {
  readonly header: CorpusHeader
  readonly batches: readonly CorpusBatch[]
  /** Canonical bytes as text. */
  readonly decisions: readonly string[]
  /** SHA-256 of the file, hex. */
  readonly digest: string
  /** Reads them anew each time: a corpus may be larger than what should be held at once. */
  rows(): Generator<CorpusRow>
  /** One row by its place. */
  row(place: number): CorpusRow
}

/** Nothing is verified yet but the form. @throws EvidenceError `ERR_EVIDENCE_CORPUS` naming the line; `rows` and `row`, too */
export function readCorpus(bytes: Uint8Array): Corpus {
  if (bytes.length > maxCorpusBytes) throw malformed(`is larger than ${maxCorpusBytes} bytes`)
  if (!isUtf8(bytes)) throw malformed('is not UTF-8')
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const starts = linesOf(buffer)
  const line = (place: number): unknown => {
    const text = buffer.toString('utf8', starts[place], (starts[place + 1] ?? 0) - 1)
    try { return JSON.parse(text) } catch (cause) { throw malformed(`has something else than JSON in line ${place + 1}`, cause) }
  }
  if (starts.length < 2) throw malformed('is empty')
  const header = readHeader(line(0))
  if (starts.length - 2 !== header.batches + header.decisions + header.rows) throw malformed('has another number of lines than its first one says')
  const batches = Array.from({ length: header.batches }, (_, at) => readBatch(line(1 + at), 2 + at))
  const decisions = Array.from({ length: header.decisions }, (_, at) => readDecisionLine(line(1 + header.batches + at), 2 + header.batches + at))
  const firstRow = 1 + header.batches + header.decisions
  const row = (place: number): CorpusRow => {
    if (!Number.isSafeInteger(place) || place < 0 || place >= header.rows) throw malformed(`has no row ${place}`)
    return readRow(line(firstRow + place), firstRow + place + 1, header)
  }
  return {
    header, batches, decisions, digest: hash('sha256', bytes, 'hex'), row,
    *rows() { for (let place = 0; place < header.rows; place++) yield row(place) },
  }
}

/** Where each line begins, and after them where the file ends. */
function linesOf(buffer: Buffer): number[] {
  const starts = [0]
  for (let at = 0; at < buffer.length;) {
    const end = buffer.indexOf(0x0a, at)
    if (end < 0) throw malformed('does not end with a newline')
    if (end - at > maxLineBytes) throw malformed(`has a line of more than ${maxLineBytes} bytes`)
    starts.push(at = end + 1)
    if (starts.length > 2 + maxBatches + maxDecisions + maxRows) throw malformed('has too many lines')
  }
  return starts
}

type Members = Readonly<Record<string, unknown>>

function readHeader(value: unknown): CorpusHeader {
  // Before its members: another file given by mistake is told as that.
  const { corpus, v } = (typeof value === 'object' ? value ?? {} : {}) as Members
  if (corpus !== 'countersign-replay' || v !== 1) throw malformed('is not a replay corpus of version 1')
  const header = members(value, 1, ['corpus', 'v', 'identities', 'origin', 'checkpoint', 'created', 'first', 'last', 'bundles', 'batches', 'decisions', 'rows', 'calls', 'left_out'])
  if (header['identities'] !== 'pseudonymous' && header['identities'] !== 'real') throw wrong(1, 'identities')
  for (const name of ['origin', 'checkpoint', 'created', 'first', 'last']) if (typeof header[name] !== 'string') throw wrong(1, name)
  for (const [name, max] of [['batches', maxBatches], ['decisions', maxDecisions], ['rows', maxRows], ['calls', Number.MAX_SAFE_INTEGER]] as const) if (!isCount(header[name], max)) throw wrong(1, name)
  const bundles = list(header['bundles'], maxBundles, 1, 'bundles')
  for (const bundle of bundles) {
    const { digest, revision, serial, behaviour } = members(bundle, 1, ['digest', 'revision', 'serial', 'behaviour'])
    if (!isDigest(digest) || !isDigest(behaviour) || typeof revision !== 'string' || revision.length > 128 || !isCount(serial)) throw wrong(1, 'bundles')
  }
  const left = members(header['left_out'], 1, ['not_opened', 'no_bundle', 'not_reproduced', 'identity'])
  if (!Object.values(left).every((count) => isCount(count))) throw wrong(1, 'left_out')
  return header as unknown as CorpusHeader
}

function readBatch(value: unknown, line: number): CorpusBatch {
  const { batch, leaf, hashes } = members(value, line, ['batch', 'leaf', 'hashes'])
  if (!isCount(batch)) throw wrong(line, 'batch')
  if (!isText(leaf, 8_192)) throw wrong(line, 'leaf')
  if (!list(hashes, maxHashes, line, 'hashes').every((one) => isText(one, 44))) throw wrong(line, 'hashes')
  return value as CorpusBatch
}

function readDecisionLine(value: unknown, line: number): string {
  const { decision } = members(value, line, ['decision'])
  if (typeof decision !== 'string') throw wrong(line, 'decision')
  return decision
}

function readRow(value: unknown, line: number, header: CorpusHeader): CorpusRow {
  const row = members(value, line, ['bundle', 'decision', 'calls', 'who', 'others', 'results', 'masked', 'proof', 'salts', 'input']) as Members & CorpusRow
  if (!isCount(row.bundle, header.bundles.length - 1)) throw wrong(line, 'bundle')
  if (!isCount(row.decision, header.decisions - 1)) throw wrong(line, 'decision')
  if (!isCount(row.calls, header.calls) || row.calls === 0) throw wrong(line, 'calls')
  let listed = 0
  for (const one of list(row.who, maxWho, line, 'who')) {
    const [name, count] = list(one, 2, line, 'who')
    if (!isText(name, 512) || !isCount(count, row.calls)) throw wrong(line, 'who')
    listed += count
  }
  if (!isCount(row.others) || listed + row.others !== row.calls) throw wrong(line, 'others')
  if (!isCount(row.results, row.calls)) throw wrong(line, 'results')
  const masked = Object.values(object(row.masked, line, 'masked'))
  if (masked.length > maxMasked || !masked.every((count) => isCount(count))) throw wrong(line, 'masked')
  const proof = members(row.proof, line, ['batch', 'index', 'leaf', 'hashes'])
  if (!isCount(proof['batch'], header.batches - 1) || !isCount(proof['index']) || !isText(proof['leaf'], 8_192)) throw wrong(line, 'proof')
  if (!list(proof['hashes'], maxHashes, line, 'proof').every((one) => isText(one, 44))) throw wrong(line, 'proof')
  const salts = members(row.salts, line, header.identities === 'real' ? ['decision', 'request'] : ['decision'])
  if (!Object.values(salts).every((salt) => isText(salt, 24))) throw wrong(line, 'salts')
  object(row.input, line, 'input')
  return row
}

/** Exactly these, each once: JSON.parse has dropped repeats, whose last would otherwise be as good as any. */
function members(value: unknown, line: number, names: readonly string[]): Members {
  const found = object(value, line, 'the line')
  const keys = Object.keys(found)
  if (keys.length !== names.length || !names.every((name) => Object.hasOwn(found, name))) throw wrong(line, 'the line')
  return found
}

function object(value: unknown, line: number, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(line, what)
  return value as Members
}

function list(value: unknown, max: number, line: number, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > max) throw wrong(line, what)
  return value
}

const isCount = (value: unknown, max = Number.MAX_SAFE_INTEGER): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max
const isText = (value: unknown, max: number): value is string => typeof value === 'string' && value.length <= max
const isDigest = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)

function malformed(what: string, cause?: unknown): EvidenceError {
  return new EvidenceError('ERR_EVIDENCE_CORPUS', `the replay corpus ${what}`, { cause })
}

function wrong(line: number, what: string): EvidenceError {
  return malformed(`is malformed in line ${line}: ${what}`)
}
