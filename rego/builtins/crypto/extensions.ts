// Extensions of certificates (RFC 5280 §4.2) that Go reads, with its checks and its notion of "handled".
import { formatAddress } from '../net/address.ts'
import { contextTag, DerError, DerReader, DerUnknown, readBitString, readInteger, readOid, tag } from './der.ts'
import { domainNameValid, parseConstraints } from './constraints.ts'
import type { NameConstraints } from './constraints.ts'
import { readIa5 } from './name.ts'
import { toInteger } from './public-key.ts'
import { parseUri } from './uri.ts'
import type { Uri } from './uri.ts'

export interface Extension {
  readonly id: string
  readonly isCritical: boolean
  readonly value: Uint8Array
}

/** What Go's certificate says of its extensions. Lists are `undefined` where Go has nil. */
export interface Extensions {
  keyUsage: number
  /** Go's numbers. */
  extKeyUsage: number[] | undefined
  unknownExtKeyUsage: string[] | undefined
  basicConstraintsValid: boolean
  isCa: boolean
  maxPathLength: bigint
  maxPathLengthZero: boolean
  subjectKeyId: Uint8Array | undefined
  authorityKeyId: Uint8Array | undefined
  ocspServers: string[] | undefined
  issuingUrls: string[] | undefined
  dnsNames: string[] | undefined
  emailAddresses: string[] | undefined
  ipAddresses: string[] | undefined
  uris: Uri[] | undefined
  nameConstraints: NameConstraints | undefined
  crlDistributionPoints: string[] | undefined
  policies: string[] | undefined
  policyIdentifiers: string[] | undefined
  policyMappings: [string, string][] | undefined
  inhibitAnyPolicy: bigint
  inhibitAnyPolicyZero: boolean
  inhibitPolicyMapping: bigint
  inhibitPolicyMappingZero: boolean
  requireExplicitPolicy: bigint
  requireExplicitPolicyZero: boolean
  unhandledCritical: string[] | undefined
}

/** By Go's number. */
const keyUsages: readonly string[] = ['2.5.29.37.0', '1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.3', '1.3.6.1.5.5.7.3.4', '1.3.6.1.5.5.7.3.5', '1.3.6.1.5.5.7.3.6', '1.3.6.1.5.5.7.3.7',
  '1.3.6.1.5.5.7.3.8', '1.3.6.1.5.5.7.3.9', '1.3.6.1.4.1.311.10.3.3', '2.16.840.1.113730.4.1', '1.3.6.1.4.1.311.2.1.22', '1.3.6.1.4.1.311.61.1.1']

type Reader = (out: Extensions, extension: Extension, value: DerReader) => boolean | undefined

/** Each says `true` if it left something in the extension unread that matters when it is critical. */
const readers: Readonly<Record<string, Reader>> = {
  '2.5.29.14': readSubjectKeyId, '2.5.29.15': readKeyUsage, '2.5.29.17': readAlternativeNames, '2.5.29.19': readBasicConstraints,
  '2.5.29.30': readNameConstraints, '2.5.29.31': readDistributionPoints, '2.5.29.32': readPolicies, '2.5.29.33': readPolicyMappings,
  '2.5.29.35': readAuthorityKeyId, '2.5.29.36': readPolicyConstraints, '2.5.29.37': readExtKeyUsage, '2.5.29.54': readInhibitAnyPolicy, '1.3.6.1.5.5.7.1.1': readInfoAccess,
}

/** @throws DerError */
export function readExtensions(extensions: readonly Extension[]): Extensions {
  const out: Extensions = {
    keyUsage: 0, extKeyUsage: undefined, unknownExtKeyUsage: undefined, basicConstraintsValid: false, isCa: false, maxPathLength: 0n, maxPathLengthZero: false, subjectKeyId: undefined, authorityKeyId: undefined,
    ocspServers: undefined, issuingUrls: undefined, dnsNames: undefined, emailAddresses: undefined, ipAddresses: undefined, uris: undefined, nameConstraints: undefined, crlDistributionPoints: undefined,
    policies: undefined, policyIdentifiers: undefined, policyMappings: undefined, inhibitAnyPolicy: 0n, inhibitAnyPolicyZero: false, inhibitPolicyMapping: 0n, inhibitPolicyMappingZero: false,
    requireExplicitPolicy: 0n, requireExplicitPolicyZero: false, unhandledCritical: undefined,
  }
  for (const extension of extensions) {
    const read = readers[extension.id]
    const isUnhandled = read === undefined || read(out, extension, new DerReader(extension.value)) === true
    if (isUnhandled && extension.isCritical) (out.unhandledCritical ??= []).push(extension.id)
  }
  return out
}

function readKeyUsage(out: Extensions, _: Extension, value: DerReader): undefined {
  const { bytes } = readBitString(value.element(tag.bitString).body)
  for (let bit = 0; bit < 9; bit++) if (((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) out.keyUsage |= 1 << bit
}

function readBasicConstraints(out: Extensions, _: Extension, value: DerReader): undefined {
  const inner = value.sequence()
  out.isCa = inner.peeked === tag.boolean && inner.boolean()
  out.maxPathLength = inner.peeked === tag.integer ? inner.integer() : -1n
  if (out.maxPathLength < -1n || out.maxPathLength > 0x7fffffffffffffffn) throw new DerError('a path length that is none')
  out.basicConstraintsValid = true
  out.maxPathLengthZero = out.maxPathLength === 0n
}

function readAlternativeNames(out: Extensions, _: Extension, value: DerReader): boolean {
  out.dnsNames = out.emailAddresses = out.ipAddresses = out.uris = undefined
  for (const names = value.sequence(); !names.isEmpty;) {
    const { tag: kind, body } = names.any()
    if (kind === contextTag(1, false)) (out.emailAddresses ??= []).push(readIa5(body))
    else if (kind === contextTag(2, false)) (out.dnsNames ??= []).push(readIa5(body))
    else if (kind === contextTag(6, false)) (out.uris ??= []).push(readUri(body))
    else if (kind === contextTag(7, false)) {
      if (body.length !== 4 && body.length !== 16) throw new DerError('an address of another length');
      (out.ipAddresses ??= []).push(formatAddress(toInteger(body) | (body.length === 4 ? 0xffffn << 32n : 0n)))
    }
  }
  return !(out.dnsNames || out.emailAddresses || out.ipAddresses || out.uris)
}

function readUri(body: Uint8Array): Uri {
  const uri = parseUri(readIa5(body))
  if (uri === undefined) throw new DerUnknown('a URI that is none, or not plain')
  if (uri.Host !== '' && !domainNameValid(uri.Host, false)) throw new DerError('a host that is none')
  return uri
}

function readNameConstraints(out: Extensions, { value, isCritical }: Extension): boolean {
  out.nameConstraints = parseConstraints(value, isCritical)
  return out.nameConstraints.hasOther
}

function readDistributionPoints(out: Extensions, _: Extension, value: DerReader): undefined {
  for (const points = value.sequence(); !points.isEmpty;) {
    const name = points.sequence().optional(contextTag(0, true))
    if (name === undefined) continue
    for (const names = new DerReader(new DerReader(name.body).element(contextTag(0, true)).body); names.peeked === contextTag(6, false);) {
      (out.crlDistributionPoints ??= []).push(Buffer.from(names.any().body).toString('utf8'))
    }
  }
}

function readPolicies(out: Extensions, _: Extension, value: DerReader): undefined {
  const seen = new Set<string>()
  out.policyIdentifiers = []
  for (const policies = value.sequence(); !policies.isEmpty;) {
    const oid = readOid(policies.sequence().element(tag.oid).body)
    if (seen.has(oid)) throw new DerError('a policy that comes twice')
    seen.add(oid)
    out.policyIdentifiers.push(oid);
    (out.policies ??= []).push(oid)
  }
}

function readPolicyMappings(out: Extensions, _: Extension, value: DerReader): undefined {
  for (const mappings = value.sequence(); !mappings.isEmpty;) {
    const mapping = mappings.sequence()
    const [issuer, subject] = [mapping.oid(), mapping.oid()];
    (out.policyMappings ??= []).push([issuer, subject])
  }
}

function readAuthorityKeyId(out: Extensions, { isCritical }: Extension, value: DerReader): undefined {
  if (isCritical) throw new DerError('an extension that must not be critical')
  out.authorityKeyId = value.sequence().optional(contextTag(0, false))?.body
}

function readSubjectKeyId(out: Extensions, { isCritical }: Extension, value: DerReader): undefined {
  if (isCritical) throw new DerError('an extension that must not be critical')
  out.subjectKeyId = value.element(tag.octetString).body
}

function readPolicyConstraints(out: Extensions, _: Extension, value: DerReader): undefined {
  const inner = value.sequence()
  const explicit = inner.optional(contextTag(0, false))
  if (explicit) {
    out.requireExplicitPolicy = int64(readInteger(explicit.body))
    out.requireExplicitPolicyZero = out.requireExplicitPolicy === 0n
  }
  const mapping = inner.optional(contextTag(1, false))
  if (mapping) {
    out.inhibitPolicyMapping = int64(readInteger(mapping.body))
    out.inhibitPolicyMappingZero = out.inhibitPolicyMapping === 0n
  }
}

function readInhibitAnyPolicy(out: Extensions, _: Extension, value: DerReader): undefined {
  out.inhibitAnyPolicy = int64(value.integer())
  out.inhibitAnyPolicyZero = out.inhibitAnyPolicy === 0n
}

function readExtKeyUsage(out: Extensions, _: Extension, value: DerReader): undefined {
  for (const usages = value.sequence(); !usages.isEmpty;) {
    const oid = usages.oid()
    const known = keyUsages.indexOf(oid)
    if (known >= 0) (out.extKeyUsage ??= []).push(known)
    else (out.unknownExtKeyUsage ??= []).push(oid)
  }
}

function readInfoAccess(out: Extensions, { isCritical }: Extension, value: DerReader): undefined {
  if (isCritical) throw new DerError('an extension that must not be critical')
  for (const list = value.sequence(); !list.isEmpty;) {
    const description = list.sequence()
    const method = description.oid()
    const url = description.optional(contextTag(6, false))
    if (url === undefined) continue
    const text = Buffer.from(url.body).toString('utf8')
    if (method === '1.3.6.1.5.5.7.48.1') (out.ocspServers ??= []).push(text)
    else if (method === '1.3.6.1.5.5.7.48.2') (out.issuingUrls ??= []).push(text)
  }
}

function int64(value: bigint): bigint {
  if (value !== BigInt.asIntN(64, value)) throw new DerError('a number that is too large')
  return value
}
