// Certificate signing requests (RFC 2986) as Go's `x509.ParseCertificateRequest` reads them.
import { contextTag, DerError, DerReader, readBitString, readInteger, readWhole, tag } from './der.ts'
import type { Element } from './der.ts'
import { parseExtension } from './certificate.ts'
import { readExtensions } from './extensions.ts'
import type { Extension, Extensions } from './extensions.ts'
import { parseName } from './name.ts'
import type { Attribute } from './name.ts'
import { alignRight, orUndefined, parsePublicKey, readAlgorithm } from './public-key.ts'
import type { PublicKey } from './public-key.ts'
import { signatureAlgorithm } from './signature.ts'

const extensionRequest = '1.2.840.113549.1.9.14'
const alternativeNames = '2.5.29.17'

export interface RequestAttribute {
  readonly type: string
  readonly sets: readonly (readonly { readonly type: string; readonly value: string | boolean | null }[])[]
}

export interface CertificateRequest {
  readonly raw: Uint8Array
  readonly tbs: Uint8Array
  readonly spki: Uint8Array
  readonly rawSubject: Uint8Array
  readonly version: number
  readonly signature: Uint8Array
  readonly signatureAlgorithm: number
  readonly key: PublicKey
  readonly subject: readonly Attribute[]
  readonly attributes: readonly RequestAttribute[]
  readonly extensions: readonly Extension[]
  readonly known: Extensions
}

/** @throws DerError */
export function parseRequest(der: Uint8Array): CertificateRequest {
  const outer = readWhole(der, reader => reader.element(tag.sequence))
  const input = new DerReader(outer.body)
  const tbsElement = input.element(tag.sequence)
  const algorithm = readAlgorithm(input.sequence())
  const { bytes, unused } = readBitString(input.element(tag.bitString).body)
  const tbs = new DerReader(tbsElement.body)
  const version = readInteger(tbs.element(tag.integer).body)
  if (version !== BigInt.asIntN(32, version)) throw new DerError('a version that is none')
  const subject = tbs.element(tag.sequence)
  const spki = tbs.element(tag.sequence)
  const key = parsePublicKey(spki)
  const attributes = readList(tbs.element(contextTag(0, true)).body)
  const extensions = readExtensionRequests(attributes)
  return {
    raw: outer.raw, tbs: tbsElement.raw, spki: spki.raw, rawSubject: subject.raw, version: Number(version), signature: alignRight(bytes, unused), signatureAlgorithm: signatureAlgorithm(algorithm),
    key: key.kind === 'x25519' ? { kind: 'unknown' } : key, subject: parseName(subject), extensions,
    attributes: attributes.map(attribute => orUndefined(() => readAttribute(attribute))).filter(attribute => attribute !== undefined),
    // Of the others Go says nothing but their bytes.
    known: readExtensions(extensions.filter(({ id }) => id === alternativeNames)),
  }
}

function readList(body: Uint8Array): Element[] {
  const elements: Element[] = []
  for (const reader = new DerReader(body); !reader.isEmpty;) elements.push(reader.any())
  return elements
}

/** An attribute whose values are lists of pairs; others are passed over. */
function readAttribute({ tag: kind, body }: Element): RequestAttribute {
  if (kind !== tag.sequence) throw new DerError('no attribute')
  const reader = new DerReader(body)
  const type = reader.oid()
  const sets = readList(reader.element(tag.set).body).map(set => {
    if (set.tag !== tag.sequence) throw new DerError('no list')
    return readList(set.body).map(pair => {
      if (pair.tag !== tag.sequence) throw new DerError('no pair')
      const inner = new DerReader(pair.body)
      return { type: inner.oid(), value: readAny(inner.any()) }
    })
  })
  return { type, sets }
}

// Go's asn1 into `any`: of an extension that is critical the value is the boolean before it.
function readAny({ tag: kind, body }: Element): string | boolean | null {
  if (kind === tag.octetString) return Buffer.from(body).toString('base64')
  if (kind === tag.boolean) return new DerReader(Buffer.concat([Buffer.from([kind, body.length]), body])).boolean()
  if (kind === tag.null) return null
  throw new DerError('a value of another kind')
}

function readExtensionRequests(attributes: readonly Element[]): readonly Extension[] {
  const extensions: Extension[] = []
  for (const { tag: kind, body } of attributes) {
    const first = kind === tag.sequence ? orUndefined(() => firstRequest(new DerReader(body))) : undefined
    if (first === undefined) continue
    for (const item of readList(new DerReader(first.raw).element(tag.sequence).body)) {
      if (item.tag !== tag.sequence) throw new DerError('no extension')
      const extension = parseExtension(new DerReader(item.body))
      if (extensions.some(({ id }) => id === extension.id)) throw new DerError('an extension that is asked for twice')
      extensions.push(extension)
    }
  }
  return extensions
}

function firstRequest(reader: DerReader): Element | undefined {
  const type = reader.oid()
  const values = readList(reader.element(tag.set).body)
  return type === extensionRequest ? values[0] : undefined
}
