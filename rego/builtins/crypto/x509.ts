// `crypto.x509.*` and `crypto.parse_private_keys`, as OPA's topdown answers them.
import { elementsOf, intOf, membersOf } from '../operand.ts'
import type { Family } from '../operand.ts'
import type { Value } from '../value.ts'
import { decodeBase64 } from './base64.ts'
import { parseCertificate } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import { DerError, DerReader, DerUnknown, readWhole } from './der.ts'
import { bytes, certificateValue, jwkValue, object, privateKeyValue, requestValue } from './go-json.ts'
import { decodePem, toBytesText } from './pem.ts'
import { parsePkcs1, parsePkcs8, parseSec1 } from './private-key.ts'
import type { PrivateKey } from './private-key.ts'
import { orUndefined } from './public-key.ts'
import { parseRequest } from './request.ts'
import { verifyChain } from './verify-chain.ts'
import type { ChainOptions } from './verify-chain.ts'

/** Characters of what is parsed. */
const maxLength = 262_144
const maxCertificates = 64
const maxKeys = 64

const begin = '-----BEGIN'
const invalid: Value = { array: [false, { array: [] }] }
/** By Go's numbers. */
const usageNames: readonly string[] = ['Any', 'ServerAuth', 'ClientAuth', 'CodeSigning', 'EmailProtection', 'IPSECEndSystem', 'IPSECTunnel', 'IPSECUser', 'TimeStamping', 'OCSPSigning', 'MicrosoftServerGatedCrypto', 'NetscapeServerGatedCrypto', 'MicrosoftCommercialCodeSigning', 'MicrosoftKernelCodeSigning'].map(name => `KeyUsage${name}`)

export const x509: Family = [
  ['crypto.x509.parse_certificates', ofText(text => ({ array: readCertificates(text).map(certificate => certificateValue(certificate, true)) }))],
  ['crypto.x509.parse_and_verify_certificates', ofText(text => verified(text, { object: [] }, true))],
  ['crypto.x509.parse_and_verify_certificates_with_options', (text, options = null) => (membersOf(options) ? ofText(body => verified(body, options, false))(text) : undefined)],
  ['crypto.x509.parse_certificate_request', ofText(text => requestValue(parseRequest(readRequest(text))))],
  ['crypto.x509.parse_keypair', (certificate, key) => (typeof key === 'string' ? ofText(text => keyPair(text, key))(certificate) : undefined)],
  ['crypto.x509.parse_rsa_private_key', ofText(text => {
    if (text === '') throw new DerError('no key')
    const [key] = readPrivateKeys(text.startsWith(begin) ? text : fromBase64(text))
    return key ? jwkValue(key) : null
  })],
  ['crypto.parse_private_keys', ofText(text => (text === '' ? null : { array: readPrivateKeys(text).map(privateKeyValue) }))],
]

/** Works on one character a byte. */
function ofText(work: (text: string) => Value | undefined): (value?: Value) => Value | undefined {
  return value => (typeof value === 'string' && value.length <= maxLength ? orUndefined(() => work(toBytesText(value))) : undefined)
}

function fromBase64(text: string): string {
  const decoded = decodeBase64(text, 'standard', 'padded')
  if (decoded === undefined) throw new DerError('no base64')
  return Buffer.from(decoded).toString('latin1')
}

function readCertificates(text: string): readonly Certificate[] {
  const body = text.startsWith(begin) ? text : fromBase64(text)
  const der = body.startsWith(begin) ? Buffer.concat(readBlocks(body)) : Buffer.from(body, 'latin1')
  const certificates: Certificate[] = []
  for (const reader = new DerReader(der); !reader.isEmpty;) {
    if (certificates.length === maxCertificates) throw new DerUnknown('too many certificates')
    certificates.push(parseCertificate(reader))
  }
  return certificates
}

function readBlocks(text: string): Uint8Array[] {
  const blocks: Uint8Array[] = []
  for (let next = decodePem(text); next !== undefined; next = decodePem(next.rest)) {
    if (next.block.type !== 'CERTIFICATE') throw new DerError('another block')
    blocks.push(next.block.bytes)
  }
  return blocks
}

/** First the root, last the leaf. OPA falls back on the clock; without a time, a chain that some time would allow has no answer here. */
function verified(text: string, given: Value, hasUriTexts: boolean): Value | undefined {
  const chain = chainOf(text, given)
  if (chain === undefined) return undefined
  return chain === false ? invalid : { array: [true, { array: chain.map(certificate => certificateValue(certificate, hasUriTexts)) }] }
}

function chainOf(text: string, given: Value): readonly Certificate[] | false | undefined {
  try {
    const certificates = readCertificates(text)
    const options = readOptions(given)
    return options && verifyChain(certificates, options)
  } catch (cause) {
    if (cause instanceof DerUnknown) return undefined
    if (cause instanceof DerError) return false
    throw cause
  }
}

function readOptions(given: Value): ChainOptions | undefined {
  let time: bigint | undefined
  let dnsName = ''
  let usages: readonly number[] = []
  for (const [name, value] of membersOf(given) ?? []) {
    if (typeof name !== 'string') continue
    if (name === 'DNSName' && typeof value === 'string') dnsName = value.replace(/^"+|"+$/g, '')
    else if (name === 'CurrentTime') {
      time = intOf(value)
      if (time === undefined) return undefined
    } else if (name === 'MaxConstraintComparisons' && intOf(value) !== undefined) continue
    else if (name === 'KeyUsages') {
      const texts = elementsOf(value)?.filter(item => typeof item === 'string')
      if (texts === undefined) return undefined
      usages = texts.map(text => usageNames.indexOf(text.replace(/^"+|"+$/g, '')))
      if (usages.includes(-1)) return undefined
    } else return undefined
  }
  return { time, dnsName, usages }
}

function readRequest(text: string): Uint8Array {
  const body = text.startsWith(`${begin} CERTIFICATE REQUEST-----`) ? text : fromBase64(text)
  const block = decodePem(body)?.block
  if (block !== undefined && block.type !== 'CERTIFICATE REQUEST') throw new DerError('another block')
  return block?.bytes ?? Buffer.from(body, 'latin1')
}

const keyReaders: Readonly<Record<string, (der: Uint8Array) => PrivateKey>> = { 'RSA PRIVATE KEY': parsePkcs1, 'PRIVATE KEY': parsePkcs8, 'EC PRIVATE KEY': der => parseSec1(der) }

function readPrivateKeys(text: string): readonly PrivateKey[] {
  const decoded = decodeBase64(text, 'standard', 'padded')
  const keys: PrivateKey[] = []
  for (let next = decodePem(decoded ? Buffer.from(decoded).toString('latin1') : text); next !== undefined; next = decodePem(next.rest)) {
    const read = Object.hasOwn(keyReaders, next.block.type) ? keyReaders[next.block.type] : undefined
    if (keys.length === maxKeys) throw new DerError('too many keys')
    if (read) keys.push(read(next.block.bytes))
  }
  return keys
}

/** `tls.X509KeyPair`: the key must be that of the first certificate. */
function keyPair(certificateText: string, keyText: string): Value | undefined {
  if (keyText.length > maxLength) return undefined
  const ders = blocksOf(certificateText, type => type === 'CERTIFICATE')
  const [keyDer] = blocksOf(toBytesText(keyText), type => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'))
  const [first] = ders
  if (first === undefined || keyDer === undefined || ders.length > maxCertificates) throw new DerError('a part is missing')
  const leaf = readWhole(first, parseCertificate)
  const key = orUndefined(() => parsePkcs1(keyDer)) ?? orUndefined(() => parsePkcs8(keyDer)) ?? parseSec1(keyDer)
  if (!isPair(leaf, key)) throw new DerError('another key')
  return object({ Certificate: { array: ders.map(bytes) }, PrivateKey: privateKeyValue(key), SupportedSignatureAlgorithms: null, OCSPStaple: null, SignedCertificateTimestamps: null, Leaf: certificateValue(leaf, false) })
}

/** Blocks of one kind; what is base64 and not PEM is one block. */
function blocksOf(text: string, isWanted: (type: string) => boolean): Uint8Array[] {
  const body = text.startsWith(`${begin} `) ? text : fromBase64(text)
  if (!body.startsWith(begin)) return [Buffer.from(body, 'latin1')]
  const blocks: Uint8Array[] = []
  for (let next = decodePem(body); next !== undefined; next = decodePem(next.rest)) if (isWanted(next.block.type)) blocks.push(next.block.bytes)
  return blocks
}

function isPair({ key }: Certificate, own: PrivateKey): boolean {
  if (key.kind === 'rsa' && own.kind === 'rsa') return key.n === own.n && key.e === own.e
  if (key.kind === 'ec' && own.kind === 'ec') return key.curve === own.curve && key.x === own.x && key.y === own.y
  return key.kind === 'ed25519' && own.kind === 'ed25519' && Buffer.compare(key.bytes, own.point) === 0
}
