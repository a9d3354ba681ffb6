// X.509 certificates for tests, written as DER by hand (RFC 5280 §4.1): an authority, and what it signs.
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

export interface Issued { readonly cert: string; readonly key: string }
export interface Authority extends Issued { issue(name: string, options?: { readonly dns?: readonly string[]; readonly ip?: string; readonly kind?: 'ec' | 'rsa'; /** As `YYMMDDhhmmssZ`. */ readonly until?: string }): Issued }

const sequence = (...parts: Uint8Array[]) => der(0x30, ...parts)
const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'))
const algorithms = {
  ec: { sign: sequence(oid('2a8648ce3d040303')), hash: 'sha384' },                                      // ecdsa-with-SHA384: not the default hash, so that RFC 5929 is put to the test
  rsa: { sign: sequence(oid('2a864886f70d01010b'), der(0x05)), hash: 'sha256' },                        // sha256WithRSAEncryption
} as const

export function newAuthority(name = 'Test Authority'): Authority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const self = { name, privateKey, kind: 'ec' as const }
  const cert = certificate(self, name, publicKey, [extension('551d13', true, sequence(der(0x01, Uint8Array.of(0xff))))])
  return {
    cert, key: pem(privateKey),
    issue(subject, { dns = [], ip, kind = 'ec', until } = {}) {
      const pair = kind === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })
      const names = [...dns.map((one) => der(0x82, Buffer.from(one))), ...ip === undefined ? [] : [der(0x87, Buffer.from(ip.split('.').map(Number)))]]
      return { cert: certificate(self, subject, pair.publicKey, names.length === 0 ? [] : [extension('551d11', false, sequence(...names))], until), key: pem(pair.privateKey) }
    },
  }
}

function certificate(issuer: { readonly name: string; readonly privateKey: KeyObject; readonly kind: 'ec' | 'rsa' }, subject: string, publicKey: KeyObject, extensions: readonly Uint8Array[], until = '450101000000Z'): string {
  const algorithm = algorithms[issuer.kind]
  const serial = Buffer.concat([Uint8Array.of(0x01), randomBytes(8)])
  const tbs = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))), der(0x02, serial), algorithm.sign, commonName(issuer.name),
    sequence(der(0x17, Buffer.from('250101000000Z')), der(0x17, Buffer.from(until))), commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }), ...extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))],
  )
  const signature = sign(algorithm.hash, tbs, issuer.privateKey)
  const whole = sequence(tbs, algorithm.sign, der(0x03, Uint8Array.of(0), signature))
  return `-----BEGIN CERTIFICATE-----\n${(Buffer.from(whole).toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`
}

/** RFC 5929 §4.1 for what `issue` makes, by another way than the code under test. */
export function endPoint(cert: string): Uint8Array {
  return createHash('sha384').update(Buffer.from(cert.replace(/-----[^-]+-----/g, ''), 'base64')).digest()
}

function commonName(name: string): Uint8Array {
  return sequence(der(0x31, sequence(oid('550403'), der(0x0c, Buffer.from(name)))))
}

function extension(id: string, isCritical: boolean, content: Uint8Array): Uint8Array {
  return sequence(oid(id), ...isCritical ? [der(0x01, Uint8Array.of(0xff))] : [], der(0x04, content))
}

function der(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const content = Buffer.concat(parts)
  const length = content.length < 128 ? [content.length] : content.length < 256 ? [0x81, content.length] : [0x82, content.length >> 8, content.length & 0xff]
  return Buffer.concat([Uint8Array.of(tag, ...length), content])
}

function pem(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }))
}
