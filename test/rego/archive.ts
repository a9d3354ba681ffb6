// Bundles as nobody should make them: archives with any header, manifests with any member, signatures by hand.
import { createHash, createHmac, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { canonicalJson } from '../../rego/signing/canonical-json.ts'

export interface Entry { readonly name: string; readonly bytes: Uint8Array; readonly type?: string; readonly patch?: (header: Buffer) => void; readonly padding?: number }

export const text = (value: string): Uint8Array => new TextEncoder().encode(value)

export function unpack(bundle: Uint8Array): Entry[] {
  const tar = gunzipSync(bundle)
  const entries: Entry[] = []
  for (let at = 0; tar[at] !== 0;) {
    const field = (from: number, size: number) => tar.subarray(at + from, at + from + size).toString('latin1').replace(/[\0 ].*$/s, '')
    const size = Number.parseInt(field(124, 12), 8)
    entries.push({ name: field(0, 100), bytes: tar.subarray(at + 512, at + 512 + size) })
    at += 512 + Math.ceil(size / 512) * 512
  }
  return entries
}

export function tar(entries: readonly Entry[], end: Uint8Array = new Uint8Array(1024)): Buffer {
  const blocks: Uint8Array[] = []
  for (const { name, bytes, type = '0', patch, padding = 0 } of entries) {
    const header = Buffer.alloc(512)
    header.write(name, 0, 'latin1')
    header.write('0000600\0', 100)
    header.write(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124)
    header.write('        ', 148)
    header.write(type, 156)
    header.write('ustar\x0000', 257)
    patch?.(header)
    header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148)
    blocks.push(header, bytes, new Uint8Array((512 - bytes.length % 512) % 512).fill(padding))
  }
  return Buffer.concat([...blocks, end])
}

export const pack = (entries: readonly Entry[], end?: Uint8Array): Buffer => gzipSync(tar(entries, end))

/** `entries` with another content of one file. */
export function changed(entries: readonly Entry[], name: string, change: (bytes: Uint8Array) => Uint8Array): Entry[] {
  return entries.map(entry => (entry.name === name ? { ...entry, bytes: change(entry.bytes) } : entry))
}

type Json = Record<string, unknown>
export function changedManifest(entries: readonly Entry[], change: (manifest: Json & { metadata: Json }) => void): Entry[] {
  return changed(entries, '/.manifest', bytes => {
    const manifest = JSON.parse(Buffer.from(bytes).toString()) as Json & { metadata: Json }
    change(manifest)
    return text(JSON.stringify(manifest))
  })
}

export const pair = generateKeyPairSync('ed25519')
export const other = generateKeyPairSync('ed25519')
export const pem = (key: KeyObject): string => key.export(key.type === 'private' ? { type: 'pkcs8', format: 'pem' } : { type: 'spki', format: 'pem' }).toString()

/** What an honest signer lists, by an own way to it. */
export function listed(entries: readonly Entry[]): { name: string; hash: string; algorithm: string }[] {
  return entries.map(({ name, bytes }) => {
    const isStructured = name !== '/policy.wasm'
    const content = isStructured ? canonicalJson(Buffer.from(bytes).toString()) : bytes
    return { name: name.slice(1), hash: createHash('sha256').update(content).digest('hex'), algorithm: 'SHA-256' }
  })
}

export interface Forged {
  readonly header?: Json
  readonly payload?: Json
  /** Text of the payload, where JSON.stringify would not write it. */
  readonly payloadText?: string
  readonly key?: KeyObject | 'hmac' | 'none'
}

export function token(entries: readonly Entry[], { header = {}, payload = {}, payloadText, key = pair.privateKey }: Forged = {}): string {
  const part = (value: string) => Buffer.from(value).toString('base64url')
  const signed = `${part(JSON.stringify({ alg: 'EdDSA', kid: 'k1', ...header }))}.${part(payloadText ?? JSON.stringify({ files: listed(entries), scope: 'prod', ...payload }))}`
  if (key === 'none') return `${signed}.`
  if (key === 'hmac') return `${signed}.${createHmac('sha256', pem(pair.publicKey)).update(signed).digest('base64url')}`
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`
}

/** A bundle of `entries` with a `.signatures.json` of this text. */
export const packSigned = (entries: readonly Entry[], signatures: string): Buffer => pack([...entries, { name: '/.signatures.json', bytes: text(signatures) }])
export const forged = (entries: readonly Entry[], forge?: Forged): Buffer => packSigned(entries, JSON.stringify({ signatures: [token(entries, forge)] }))
export const publicPem = pem(createPublicKey(pair.privateKey))

/** A module of these sections, for what a policy module must not be. */
export function moduleOf(...parts: readonly (readonly [number, readonly number[]])[]): Uint8Array {
  const leb = (value: number): number[] => value < 0x80 ? [value] : [(value % 128) | 0x80, ...leb(Math.floor(value / 128))]
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...parts.flatMap(([id, content]) => [id, ...leb(content.length), ...content])])
}
