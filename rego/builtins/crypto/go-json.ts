// Certificates, requests and keys as Go's encoding/json writes its own structures of them, which is what OPA gives to a policy.
import type { Value } from '../value.ts'
import type { Certificate } from './certificate.ts'
import type { Subtrees } from './constraints.ts'
import type { Extension } from './extensions.ts'
import type { Attribute } from './name.ts'
import type { PrivateKey } from './private-key.ts'
import type { PublicKey } from './public-key.ts'
import type { CertificateRequest } from './request.ts'
import type { Uri } from './uri.ts'

export function object(members: Readonly<Record<string, Value>>): Value {
  return { object: Object.entries(members) }
}

export function integer(value: number | bigint): Value {
  return { number: String(value) }
}

/** nil is null, nothing at all is an empty text. */
export function bytes(value: Uint8Array | undefined): Value {
  return value === undefined ? null : Buffer.from(value).toString('base64')
}

function list<T>(items: readonly T[] | undefined, convert: (item: T) => Value): Value {
  return items === undefined || items.length === 0 ? null : { array: items.map(convert) }
}

const text = (value: string): Value => value

function oid(arcs: string): Value {
  return { array: arcs.split('.').map(arc => integer(Number(arc))) }
}

/** @param hasUriTexts OPA adds the URIs as texts, but not to a chain that was verified with options */
export function certificateValue(certificate: Certificate, hasUriTexts: boolean): Value {
  const { known, key } = certificate
  const constraints = known.nameConstraints
  return object({
    Raw: bytes(certificate.raw), RawTBSCertificate: bytes(certificate.tbs), RawSubjectPublicKeyInfo: bytes(certificate.spki), RawSubject: bytes(certificate.rawSubject), RawIssuer: bytes(certificate.rawIssuer),
    Signature: bytes(certificate.signature), SignatureAlgorithm: integer(certificate.signatureAlgorithm), PublicKeyAlgorithm: integer(keyAlgorithm(key)), PublicKey: publicKeyValue(key),
    Version: integer(certificate.version), SerialNumber: integer(certificate.serial), Issuer: nameValue(certificate.issuer), Subject: nameValue(certificate.subject), NotBefore: certificate.notBefore.text, NotAfter: certificate.notAfter.text,
    KeyUsage: integer(known.keyUsage), Extensions: list(certificate.extensions, extensionValue), ExtraExtensions: null, UnhandledCriticalExtensions: list(known.unhandledCritical, oid),
    ExtKeyUsage: list(known.extKeyUsage, integer), UnknownExtKeyUsage: list(known.unknownExtKeyUsage, oid), BasicConstraintsValid: known.basicConstraintsValid, IsCA: known.isCa, MaxPathLen: integer(known.maxPathLength), MaxPathLenZero: known.maxPathLengthZero,
    SubjectKeyId: bytes(known.subjectKeyId), AuthorityKeyId: bytes(known.authorityKeyId), OCSPServer: list(known.ocspServers, text), IssuingCertificateURL: list(known.issuingUrls, text),
    DNSNames: list(known.dnsNames, text), EmailAddresses: list(known.emailAddresses, text), IPAddresses: list(known.ipAddresses, text), URIs: list(known.uris, uriValue),
    PermittedDNSDomainsCritical: constraints?.isCritical ?? false, ...subtreeValues('Permitted', constraints?.permitted), ...subtreeValues('Excluded', constraints?.excluded),
    CRLDistributionPoints: list(known.crlDistributionPoints, text), PolicyIdentifiers: known.policyIdentifiers ? { array: known.policyIdentifiers.map(oid) } : null, Policies: list(known.policies, text),
    PolicyMappings: list(known.policyMappings, ([issuer, subject]) => object({ IssuerDomainPolicy: issuer, SubjectDomainPolicy: subject })),
    InhibitAnyPolicy: integer(known.inhibitAnyPolicy), InhibitAnyPolicyZero: known.inhibitAnyPolicyZero, InhibitPolicyMapping: integer(known.inhibitPolicyMapping), InhibitPolicyMappingZero: known.inhibitPolicyMappingZero,
    RequireExplicitPolicy: integer(known.requireExplicitPolicy), RequireExplicitPolicyZero: known.requireExplicitPolicyZero,
    ...(hasUriTexts ? { URIStrings: list(known.uris, uri => uri.text) } : {}),
  })
}

export function requestValue(request: CertificateRequest): Value {
  const { known, key } = request
  return object({
    Raw: bytes(request.raw), RawTBSCertificateRequest: bytes(request.tbs), RawSubjectPublicKeyInfo: bytes(request.spki), RawSubject: bytes(request.rawSubject), Version: integer(request.version), Signature: bytes(request.signature),
    SignatureAlgorithm: integer(request.signatureAlgorithm), PublicKeyAlgorithm: integer(keyAlgorithm(key)), PublicKey: publicKeyValue(key), Subject: nameValue(request.subject),
    Attributes: list(request.attributes, ({ type, sets }) => object({ Type: oid(type), Value: { array: sets.map(set => ({ array: set.map(item => object({ Type: oid(item.type), Value: item.value })) })) } })),
    Extensions: list(request.extensions, extensionValue), ExtraExtensions: null, DNSNames: list(known.dnsNames, text), EmailAddresses: list(known.emailAddresses, text), IPAddresses: list(known.ipAddresses, text), URIs: list(known.uris, uriValue),
  })
}

function subtreeValues(prefix: string, trees: Subtrees | undefined): Record<string, Value> {
  return {
    [`${prefix}DNSDomains`]: list(trees?.dns, text), [`${prefix}IPRanges`]: list(trees?.ips, ({ address, mask }) => object({ IP: address, Mask: bytes(mask) })),
    [`${prefix}EmailAddresses`]: list(trees?.emails, text), [`${prefix}URIDomains`]: list(trees?.uris, text),
  }
}

function extensionValue({ id, isCritical, value }: Extension): Value {
  return object({ Id: oid(id), Critical: isCritical, Value: bytes(value) })
}

function uriValue({ Scheme, Opaque, Host, Path, ForceQuery, RawQuery, Fragment }: Uri): Value {
  return object({ Scheme, Opaque, User: null, Host, Path, RawPath: '', OmitHost: false, ForceQuery, RawQuery, Fragment, RawFragment: '' })
}

/** Go's `pkix.Name`: attributes by their type, of some only the last. */
export function nameValue(attributes: readonly Attribute[]): Value {
  const all = (number: number): Value => list(attributes.filter(({ type }) => type === `2.5.4.${number}`), ({ value }) => value)
  const last = (number: number): Value => attributes.findLast(({ type }) => type === `2.5.4.${number}`)?.value ?? ''
  return object({
    Country: all(6), Organization: all(10), OrganizationalUnit: all(11), Locality: all(7), Province: all(8), StreetAddress: all(9), PostalCode: all(17), SerialNumber: last(5), CommonName: last(3),
    Names: list(attributes, ({ type, value }) => object({ Type: oid(type), Value: value })), ExtraNames: null,
  })
}

/** Go's `x509.PublicKeyAlgorithm`. */
function keyAlgorithm({ kind }: PublicKey): number {
  return { unknown: 0, x25519: 0, rsa: 1, dsa: 2, ec: 3, ed25519: 4 }[kind]
}

function publicKeyValue(key: PublicKey): Value {
  switch (key.kind) {
    case 'rsa': return object({ N: integer(key.n), E: integer(key.e) })
    case 'ec': return object({ Curve: { object: [] }, X: integer(key.x), Y: integer(key.y) })
    case 'ed25519': return bytes(key.bytes)
    case 'dsa': return object({ P: integer(key.p), Q: integer(key.q), G: integer(key.g), Y: integer(key.y) })
    default: return null
  }
}

export function privateKeyValue(key: PrivateKey): Value {
  switch (key.kind) {
    case 'rsa': return object({ N: integer(key.n), E: integer(key.e), D: integer(key.d), Primes: { array: [integer(key.p), integer(key.q)] }, Precomputed: object({ Dp: integer(key.dp), Dq: integer(key.dq), Qinv: integer(key.qi), CRTValues: { array: [] } }) })
    case 'ec': return object({ Curve: { object: [] }, X: integer(key.x), Y: integer(key.y), D: integer(key.d) })
    case 'ed25519': return bytes(Buffer.concat([key.seed, key.point]))
    case 'x25519': return { object: [] }
  }
}

/** As a JSON Web Key (RFC 7518 §6, RFC 8037 §2), which has no name for P-224. */
export function jwkValue(key: PrivateKey): Value | undefined {
  const url = (value: bigint, size?: number): Value => {
    const hex = value.toString(16)
    return Buffer.from(hex.padStart(size === undefined ? hex.length + hex.length % 2 : 2 * size, '0'), 'hex').toString('base64url')
  }
  const raw = (value: Uint8Array): Value => Buffer.from(value).toString('base64url')
  switch (key.kind) {
    case 'rsa': return object({ kty: 'RSA', n: url(key.n), e: url(key.e), d: url(key.d), p: url(key.p), q: url(key.q), dp: url(key.dp), dq: url(key.dq), qi: url(key.qi) })
    case 'ec': return key.curve === 'P-224' ? undefined : object({ kty: 'EC', crv: key.curve, x: url(key.x, key.size), y: url(key.y, key.size), d: url(key.d, key.size) })
    case 'ed25519': return object({ kty: 'OKP', crv: 'Ed25519', x: raw(key.point), d: raw(key.seed) })
    case 'x25519': return object({ kty: 'OKP', crv: 'X25519', x: raw(key.point), d: raw(key.seed) })
  }
}
