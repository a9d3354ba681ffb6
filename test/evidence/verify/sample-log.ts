// Writes a small evidence directory from FORMAT.md alone, for the verifier's tests: no code of the recorder, the sealer or the verifier is in it.
// Each step can be bent by the test, so that a lie is signed and sealed as well as the truth is.
import { createCipheriv, createPrivateKey, createPublicKey, hash, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { deflateSync } from 'node:zlib'

export type Value = number | string | Uint8Array | Value[] | Map<number, Value>

export function cbor(value: Value): Buffer {
  if (typeof value === 'number') return head(0, value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(cbor)])
  const entries = [...value].sort(([a], [b]) => a - b)
  return Buffer.concat([head(5, entries.length), ...entries.flatMap(([key, item]) => [head(0, key), cbor(item)])])
}

function head(major: number, n: number): Buffer {
  const at = major << 5
  if (n < 24) return Buffer.of(at | n)
  if (n < 0x100) return Buffer.of(at | 24, n)
  if (n < 0x10000) return Buffer.of(at | 25, n >> 8, n & 255)
  const wide = Buffer.alloc(n < 0x100000000 ? 5 : 9)
  wide[0] = at | (n < 0x100000000 ? 26 : 27)
  if (wide.length === 5) wide.writeUInt32BE(n, 1)
  else wide.writeBigUInt64BE(BigInt(n), 1)
  return wide
}

export const sha256 = (bytes: Uint8Array): Buffer => hash('sha256', bytes, 'buffer')
export const leafHash = (bytes: Uint8Array): Buffer => sha256(Buffer.concat([Buffer.of(0), bytes]))
const zeros = Buffer.alloc(32)

/** RFC 6962 §2.1 as it is written: split at the largest power of two below n. */
export function treeRoot(hashes: readonly Uint8Array[]): Buffer {
  if (hashes.length === 0) return sha256(Buffer.alloc(0))
  if (hashes.length === 1) return Buffer.from(hashes[0]!)
  let k = 1
  while (k * 2 < hashes.length) k *= 2
  return sha256(Buffer.concat([Buffer.of(1), treeRoot(hashes.slice(0, k)), treeRoot(hashes.slice(k))]))
}

function frontier(hashes: readonly Uint8Array[]): Buffer[] {
  const roots: Buffer[] = []
  for (let at = 0; at < hashes.length;) {
    let k = 1
    while (k * 2 <= hashes.length - at) k *= 2
    roots.push(treeRoot(hashes.slice(at, at + k)))
    at += k
  }
  return roots
}

/** A fixed key from a seed byte. */
export function ed25519(seed: number): { readonly key: KeyObject; readonly raw: Buffer } {
  const key = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)]), format: 'der', type: 'pkcs8' })
  return { key, raw: Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url') }
}

function keyHash(name: string, type: number, raw: Uint8Array): Buffer { return sha256(Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), raw])).subarray(0, 4) }
export function vkey(name: string, type: number, raw: Uint8Array): string { return `${name}+${keyHash(name, type, raw).toString('hex')}+${Buffer.concat([Buffer.of(type), raw]).toString('base64')}` }

const wire = (bytes: Uint8Array | string): Buffer => { const b = Buffer.from(bytes); const n = Buffer.alloc(4); n.writeUInt32BE(b.length); return Buffer.concat([n, b]) }

/** `forged`: what the body says instead of what the leaf commits to. */
export interface FrameSpec { readonly kind: number; readonly contents?: Readonly<Record<number, string>>; readonly forged?: Readonly<Record<number, string>>; readonly ref?: number; readonly structure?: Map<number, Value>; readonly time?: number; readonly decisionId?: Uint8Array; readonly bundle?: Uint8Array }

interface Session { readonly id: Buffer; readonly epoch: number; readonly ordinal: number; readonly keyId: Buffer; readonly key: Buffer; readonly hashes: Buffer[]; boxes: number; isClosed: boolean; firstInBatch: number; hasFrames: boolean; body: Buffer[]; bodyFirst: number }

export const origin = 'evidence.example/test'
export const start = 1_790_000_000_000

export interface SampleOptions {
  readonly logSeed?: number
  readonly commitSeed?: number
  readonly witnesses?: readonly { readonly name: string; readonly seed: number }[]
  /** Content bytes that tell one history from another. */
  readonly flavour?: string
}

/** One log in the making. */
export class SampleLog {
  readonly directory: string
  readonly options: SampleOptions
  readonly leaves: Buffer[] = []
  readonly keys: { key_id: string; key: string }[] = []
  readonly sessions = new Map<string, Session>()
  now = start
  epoch = 0
  number = 0
  ordinals = 0
  ordinalsBefore = 0
  checkpoint = ''
  head = ''
  node: Session | undefined
  /** Bends what the next commit holds; tests of lies set these. */
  bend: { batchLeaf?: (leaf: Map<number, Value>) => void; rows?: (rows: Map<number, Value>[]) => void; tree?: (files: Map<string, Buffer>) => void; message?: (text: string) => string; note?: (text: string) => string; parents?: string[]; leaves?: (leaves: Buffer[]) => void; seed?: number; namespace?: string } = {}
  #batch: { readonly leaf: Buffer; readonly hash: Buffer }[] = []
  readonly #files = new Map<string, Buffer>()
  #seed = 0

  constructor(directory: string, options: SampleOptions = {}) {
    this.directory = directory
    this.options = options
    mkdirSync(join(directory, 'log.git', 'refs', 'heads'), { recursive: true })
    mkdirSync(join(directory, 'log.git', 'objects'), { recursive: true })
    mkdirSync(join(directory, 'store'), { recursive: true })
    writeFileSync(join(directory, 'log.git', 'HEAD'), 'ref: refs/heads/main\n')
    writeFileSync(join(directory, 'log.git', 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n')
    const { raw } = ed25519(options.commitSeed ?? 2)
    this.#files.set('README.md', Buffer.from('For the examiner.\n'))
    this.#files.set('keys/log.vkey', Buffer.from(`${this.logVkey}\n`))
    this.#files.set('keys/allowed_signers', Buffer.from(`${this.allowedSigners(raw)}\n`))
  }

  get logVkey(): string { return vkey(origin, 1, ed25519(this.options.logSeed ?? 1).raw) }
  allowedSigners(raw: Uint8Array = ed25519(this.options.commitSeed ?? 2).raw): string { return `sealer@example namespaces="git" ssh-ed25519 ${Buffer.concat([wire('ssh-ed25519'), wire(raw)]).toString('base64')}` }
  trust(more: object = {}): string { return JSON.stringify({ log: [this.logVkey], allowed_signers: this.allowedSigners(), witnesses: { quorum: 0, keys: [] }, ...more }) }
  keysFile(): string { return this.keys.map((key) => `${JSON.stringify(key)}\n`).join('') }

  startEpoch(reason = 0): Session {
    this.epoch += 1
    this.number = 0
    this.ordinals = 1
    this.ordinalsBefore = 0
    const session = this.#session(0)
    this.node = session
    const last = this.leaves.at(-1)
    this.frame(session, { kind: 0, structure: new Map<number, Value>([[1, this.epoch], [2, 0], [3, session.keyId], [4, 'node-1'], [5, reason], [6, last === undefined ? zeros : leafHash(last)]]) })
    return session
  }

  open(): Session {
    const session = this.#session(this.ordinals++)
    this.frame(session, { kind: 1, contents: { 7: '{"subject":"ada","client":"cli","target":"bank","ip":"127.0.0.1"}' }, structure: new Map<number, Value>([[1, session.epoch], [2, session.ordinal], [3, session.keyId]]) })
    return session
  }

  /** One whole call: intent and outcome. Answers the intent's seq. */
  call(session: Session): number {
    const seq = this.frame(session, { kind: 2, contents: { 7: `{"action":{"name":"tools/call"},"n":"${this.options.flavour ?? ''}"}`, 8: '{"effect":"allow"}' } })
    this.frame(session, { kind: 5, ref: seq, contents: { 9: '{"title":"result"}' }, structure: new Map([[1, 0]]) })
    return seq
  }

  close(session: Session, reason = 0): void {
    const structure = new Map<number, Value>([[1, session.hashes.length], [2, treeRoot(session.hashes)], [3, reason]])
    if (session === this.node) structure.set(4, this.ordinals)
    this.frame(session, { kind: 13, structure })
    session.isClosed = true
  }

  frame(session: Session, spec: FrameSpec): number {
    const seq = session.hashes.length
    const map = new Map<number, Value>([[1, 1], [2, session.id], [3, seq], [4, spec.time ?? (this.now += 3)], [5, spec.kind], [6, session.hashes.at(-1) ?? zeros]])
    const body = new Map<number, Value>([[1, seq]])
    for (const [label, text] of Object.entries(spec.contents ?? {})) {
      const salt = this.#bytes(16)
      map.set(Number(label), sha256(cbor([salt, Number(label), Buffer.from(text)])))
      body.set(Number(label), [salt, Buffer.from(spec.forged?.[Number(label)] ?? text)])
    }
    if (spec.decisionId !== undefined) map.set(10, spec.decisionId)
    if (spec.bundle !== undefined) map.set(11, spec.bundle)
    if (spec.ref !== undefined) map.set(12, spec.ref)
    if (spec.structure !== undefined) map.set(13, spec.structure)
    const leaf = cbor(map)
    this.#batch.push({ leaf, hash: leafHash(leaf) })
    if (!session.hasFrames) { session.firstInBatch = seq; session.hasFrames = true }
    session.hashes.push(leafHash(leaf))
    if (body.size > 1) { if (session.body.length === 0) session.bodyFirst = seq; session.body.push(cbor(body)) }
    return seq
  }

  /** Seals what was added since the last cut into one batch and one commit. */
  cut(why = 0): void {
    this.now += 1000
    const index = this.leaves.length
    this.bend.leaves?.(this.#batch.map(({ leaf }) => leaf))
    const leaves = Buffer.concat(this.#batch.map(({ leaf }) => leaf))
    const touched = [...this.sessions.values()].filter(({ hasFrames }) => hasFrames).sort((a, b) => Buffer.compare(a.id, b.id))
    const rows = touched.map((s) => new Map<number, Value>([[1, s.id], [2, s.epoch], [3, s.firstInBatch], [4, s.hashes.length - 1], [5, s.hashes.length], [6, treeRoot(s.hashes)], [7, frontier(s.hashes)], [8, s.isClosed ? 1 : 0], [9, s.ordinal]]))
    this.bend.rows?.(rows)
    const rowBytes = Buffer.concat(rows.map(cbor))
    const boxes = touched.filter(({ body }) => body.length > 0).map((s) => this.#box(s))
    const names = boxes.length === 0 ? [] : [this.#store('bodies', Buffer.concat(boxes))]
    this.#write(`store/body-index/${index}.cbor`, cbor(new Map<number, Value>([[1, index], [2, names]])))
    const last = this.leaves.at(-1)
    const map = new Map<number, Value>([[1, 1], [2, 'node-1'], [3, this.epoch], [4, this.number], [5, this.now], [6, last === undefined ? zeros : leafHash(last)], [7, treeRoot(this.#batch.map((f) => f.hash))],
      [8, this.#batch.length], [9, this.ordinalsBefore], [10, this.ordinals], [11, this.#store('leaves', leaves)], [12, this.#store('index', rowBytes)], [13, 0], [14, why]])
    this.bend.batchLeaf?.(map)
    const leaf = cbor(map)
    this.leaves.push(leaf)
    this.commit(leaf)
    for (const s of touched) { s.hasFrames = false; s.body = [] }
    this.#batch = []
    this.number += 1
    this.ordinalsBefore = this.ordinals
  }

  commit(leaf: Buffer): void {
    const index = this.leaves.length - 1
    this.checkpoint = this.#sign(`${origin}\n${this.leaves.length}\n${treeRoot(this.leaves.map(leafHash)).toString('base64')}\n`)
    this.checkpoint = this.bend.note?.(this.checkpoint) ?? this.checkpoint
    this.#files.set('checkpoint', Buffer.from(this.checkpoint))
    this.#files.set(`leaf/${(index % 256).toString(16).padStart(2, '0')}/${index}`, leaf)
    this.bend.tree?.(this.#files)
    const tree = this.#tree(this.#files)
    const time = Math.floor(this.now / 1000)
    const parents = this.bend.parents ?? (this.head === '' ? [] : [this.head])
    const header = `tree ${tree}\n${parents.map((p) => `parent ${p}\n`).join('')}author sealer <sealer@example> ${time} +0000\ncommitter sealer <sealer@example> ${time} +0000\n`
    const text = `batch ${this.epoch}/${this.number}\n\n${this.checkpoint}`
    const message = `\n${this.bend.message?.(text) ?? text}`
    const signature = this.#sshsig(Buffer.from(header + message))
    this.head = this.#object('commit', Buffer.from(`${header}gpgsig ${signature.trimEnd().split('\n').join('\n ')}\n${message}`))
    this.#write('log.git/refs/heads/main', Buffer.from(`${this.head}\n`))
    this.bend = {}
  }

  #session(ordinal: number): Session {
    const session = { id: this.#bytes(16), epoch: this.epoch, ordinal, keyId: this.#bytes(16), key: this.#bytes(32), hashes: [], boxes: 0, isClosed: false, firstInBatch: 0, hasFrames: false, body: [], bodyFirst: 0 }
    this.sessions.set(session.id.toString('hex'), session)
    this.keys.push({ key_id: session.keyId.toString('hex'), key: session.key.toString('hex') })
    return session
  }

  #box(s: Session): Buffer {
    const [first, last] = [s.bodyFirst, s.hashes.length - 1]
    const nonce = Buffer.alloc(12)
    nonce.writeUInt32BE(s.boxes++, 8)
    const cipher = createCipheriv('aes-256-gcm', s.key, nonce)
    cipher.setAAD(sha256(cbor([s.id, s.keyId, first, last])))
    const sealed = Buffer.concat([cipher.update(Buffer.concat(s.body)), cipher.final(), cipher.getAuthTag()])
    return cbor(new Map<number, Value>([[1, 1], [2, s.id], [3, s.keyId], [4, first], [5, last], [6, nonce], [7, sealed]]))
  }

  #sign(body: string): string {
    const lines = [this.#note(origin, 1, this.options.logSeed ?? 1, body, Buffer.alloc(0))]
    for (const { name, seed } of this.options.witnesses ?? []) lines.push(this.#note(name, 4, seed, `cosignature/v1\ntime ${Math.floor(this.now / 1000)}\n${body}`, time64(Math.floor(this.now / 1000))))
    return `${body}\n${lines.join('')}`
  }

  #note(name: string, type: number, seed: number, text: string, prefix: Buffer): string {
    const { key, raw } = ed25519(seed)
    return `— ${name} ${Buffer.concat([keyHash(name, type, raw), prefix, sign(null, Buffer.from(text), key)]).toString('base64')}\n`
  }

  #sshsig(payload: Buffer): string {
    const { key, raw } = ed25519(this.bend.seed ?? this.options.commitSeed ?? 2)
    const space = this.bend.namespace ?? 'git'
    const tail = [wire(space), wire(''), wire('sha512')]
    const bytes = sign(null, Buffer.concat([Buffer.from('SSHSIG'), ...tail, wire(hash('sha512', payload, 'buffer'))]), key)
    const blob = Buffer.concat([Buffer.from('SSHSIG\0\0\0\u0001', 'latin1'), wire(Buffer.concat([wire('ssh-ed25519'), wire(raw)])), ...tail, wire(Buffer.concat([wire('ssh-ed25519'), wire(bytes)]))])
    return `-----BEGIN SSH SIGNATURE-----\n${(blob.toString('base64').match(/.{1,70}/g) ?? []).join('\n')}\n-----END SSH SIGNATURE-----\n`
  }

  #tree(files: ReadonlyMap<string, Buffer>): string {
    const folders = new Map<string, Map<string, Buffer>>()
    const entries: { name: string; mode: string; id: string }[] = []
    for (const [path, bytes] of files) {
      const slash = path.indexOf('/')
      if (slash < 0) entries.push({ name: path, mode: '100644', id: this.#object('blob', bytes) })
      else folders.set(path.slice(0, slash), (folders.get(path.slice(0, slash)) ?? new Map<string, Buffer>()).set(path.slice(slash + 1), bytes))
    }
    for (const [name, inside] of folders) entries.push({ name, mode: '40000', id: this.#tree(inside) })
    const order = (e: { name: string; mode: string }): string => e.mode === '40000' ? `${e.name}/` : e.name
    entries.sort((a, b) => order(a) < order(b) ? -1 : 1)
    return this.#object('tree', Buffer.concat(entries.map(({ mode, name, id }) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')]))))
  }

  #object(type: string, bytes: Buffer): string {
    const raw = Buffer.concat([Buffer.from(`${type} ${bytes.length}\0`), bytes])
    const id = hash('sha1', raw, 'hex')
    const place = `log.git/objects/${id.slice(0, 2)}/${id.slice(2)}`
    // Each commit names every file of the one before.
    if (!existsSync(join(this.directory, place))) this.#write(place, deflateSync(raw))
    return id
  }

  #store(folder: string, bytes: Buffer): Buffer {
    const name = sha256(bytes)
    this.#write(`store/${folder}/${name.toString('hex').slice(0, 2)}/${name.toString('hex')}.cborseq`, bytes)
    return name
  }

  #write(path: string, bytes: Buffer): void {
    const file = join(this.directory, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }

  /** Bytes that differ each time and are the same in each run. */
  #bytes(n: number): Buffer { return sha256(Buffer.from(`${this.options.flavour ?? ''} ${this.#seed++}`)).subarray(0, n) }
}

function time64(s: number): Buffer { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(s)); return b }

/** Two epochs, five batches, calls in three sessions, all closed: nothing is wrong with it. */
export function cleanLog(directory: string, options: SampleOptions = {}): SampleLog {
  const log = new SampleLog(directory, options)
  const node = log.startEpoch()
  log.frame(node, { kind: 9, contents: { 7: '{"event":"config"}' }, structure: new Map([[1, Buffer.alloc(32, 9)]]) })
  log.cut(1)
  const a = log.open()
  const b = log.open()
  for (let i = 0; i < 3; i++) { log.call(a); log.call(b) }
  log.frame(b, { kind: 6, contents: { 7: '{"action":{}}', 8: '{"effect":"deny"}' }, structure: new Map([[1, 'policy.denied']]) })
  log.cut()
  log.call(a)
  log.close(a)
  log.cut()
  log.close(b)
  log.close(node)
  log.cut(3)
  const second = log.startEpoch(1)
  log.cut(1)
  const c = log.open()
  log.call(c)
  log.close(c)
  log.close(second)
  log.cut(3)
  return log
}
