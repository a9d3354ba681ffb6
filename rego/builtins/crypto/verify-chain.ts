// Is there a chain from a certificate to the root? Go's `x509.Verify` with one root (RFC 5280 §6 as Go has it), except that a chain
// with name constraints or policies to be reckoned with has no answer here.
import { formatAddress, parseAddress } from '../net/address.ts'
import type { Certificate } from './certificate.ts'
import { orUndefined, toVerificationKey } from './public-key.ts'
import { isSignedBy } from './signature.ts'

/** Signatures checked for one answer, as in Go. */
const maxSignatures = 100

export interface ChainOptions {
  /** Nanoseconds since 1970. */
  readonly time: bigint | undefined
  /** Empty: not looked at. */
  readonly dnsName: string
  /** Go's numbers; none: for a server. */
  readonly usages: readonly number[]
}

/**
 * The first chain, leaf first; `false` if there is none, `undefined` if that cannot be told: what depends on the time without one, name
 * constraints, policies.
 */
export function verifyChain(certificates: readonly Certificate[], options: ChainOptions): readonly Certificate[] | false | undefined {
  const [root, ...others] = certificates
  const leaf = others.pop()
  if (root === undefined || leaf === undefined) return false
  if (!isFit(leaf, 'leaf', [], options) || (options.dnsName !== '' && !hasName(leaf, options.dnsName))) return false
  const intermediates = others.filter((certificate, at) => others.findIndex(earlier => isSame(earlier.raw, certificate.raw)) === at)
  const found = isSame(root.raw, leaf.raw) ? [[leaf]] : createBuilder(root, intermediates, options)(leaf, [leaf])
  const usages = options.usages.length === 0 ? [serverAuth] : options.usages
  const chains = found.filter(chain => usages.includes(anyUsage) || areUsable(chain, usages))
  if (chains.some(isBeyondUs)) return undefined
  const [chain] = chains
  if (chain === undefined) return false
  return options.time === undefined ? undefined : chain
}

const anyUsage = 0
const serverAuth = 1
const certSign = 1 << 5

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function isBeyondUs(chain: readonly Certificate[]): boolean {
  return chain.some(({ known }) => known.nameConstraints !== undefined || known.policyMappings !== undefined || known.requireExplicitPolicy !== 0n || known.requireExplicitPolicyZero)
}

function createBuilder(root: Certificate, intermediates: readonly Certificate[], options: ChainOptions) {
  let signatures = 0
  return build

  function build(certificate: Certificate, chain: readonly Certificate[]): readonly (readonly Certificate[])[] {
    const chains: (readonly Certificate[])[] = []
    for (const [kind, pool] of [['root', [root]], ['intermediate', intermediates]] as const) {
      for (const parent of parentsOf(certificate, pool)) {
        if (++signatures > maxSignatures) return chains
        if (parent.key.kind === 'unknown' || isInChain(parent, chain) || !isSigned(certificate, parent) || !isFit(parent, kind, chain, options)) continue
        if (kind === 'root') chains.push([...chain, parent])
        else chains.push(...build(parent, [...chain, parent]))
      }
    }
    return chains
  }
}

/** Those with its issuer's name; first those whose key identifier is the one that it names. */
function parentsOf(certificate: Certificate, pool: readonly Certificate[]): readonly Certificate[] {
  const named = pool.filter(({ rawSubject }) => isSame(rawSubject, certificate.rawIssuer))
  const wanted = certificate.known.authorityKeyId ?? new Uint8Array(0)
  const order = ({ known }: Certificate) => {
    const own = known.subjectKeyId ?? new Uint8Array(0)
    return isSame(own, wanted) ? 0 : (own.length === 0) !== (wanted.length === 0) ? 1 : 2
  }
  return named.toSorted((a, b) => order(a) - order(b))
}

function alternativeNames({ extensions }: Certificate): Uint8Array | undefined {
  return extensions.find(({ id }) => id === '2.5.29.17')?.value
}

function isInChain(candidate: Certificate, chain: readonly Certificate[]): boolean {
  const names = alternativeNames(candidate)
  for (const certificate of chain) {
    if (!isSame(candidate.rawSubject, certificate.rawSubject) || !isSame(candidate.spki, certificate.spki)) continue
    const others = alternativeNames(certificate)
    if (names === undefined || others === undefined) return names === others
    if (isSame(names, others)) return true
  }
  return false
}

function isSigned(certificate: Certificate, { version, known, key }: Certificate): boolean {
  if ((version === 3 && !known.basicConstraintsValid) || (known.basicConstraintsValid && !known.isCa)) return false
  if (known.keyUsage !== 0 && (known.keyUsage & certSign) === 0) return false
  const verification = orUndefined(() => toVerificationKey(key))
  return verification !== undefined && isSignedBy(certificate.signatureAlgorithm, certificate.tbs, certificate.signature, verification)
}

function isFit({ known, rawSubject, notBefore, notAfter }: Certificate, kind: 'leaf' | 'intermediate' | 'root', chain: readonly Certificate[], { time }: ChainOptions): boolean {
  const child = chain.at(-1)
  if (known.unhandledCritical !== undefined || (child !== undefined && !isSame(child.rawIssuer, rawSubject))) return false
  if (time !== undefined && (time < BigInt(notBefore.ms) * 1_000_000n || time > BigInt(notAfter.ms) * 1_000_000n)) return false
  if (kind === 'intermediate' && (!known.basicConstraintsValid || !known.isCa)) return false
  return !known.basicConstraintsValid || known.maxPathLength < 0n || BigInt(chain.length - 1) <= known.maxPathLength
}

/** Every certificate that says what it is for must allow one and the same of them. */
function areUsable(chain: readonly Certificate[], wanted: readonly number[]): boolean {
  let left = wanted
  for (const { known } of chain.toReversed()) {
    if (known.extKeyUsage === undefined && known.unknownExtKeyUsage === undefined) continue
    if (known.extKeyUsage?.includes(anyUsage)) continue
    left = left.filter(usage => known.extKeyUsage?.includes(usage))
    if (left.length === 0) return false
  }
  return true
}

function hasName({ known }: Certificate, host: string): boolean {
  const address = parseAddress(/^\[.+\]$/.test(host) ? host.slice(1, -1) : host)
  if (address !== undefined) return known.ipAddresses?.includes(formatAddress(address)) ?? false
  const name = lower(host)
  return known.dnsNames?.some(pattern => (isHostname(name, false) && isHostname(pattern, true) ? matches(lower(pattern), name.replace(/\.$/, '')) : !['', '.'].includes(pattern) && !['', '.'].includes(name) && lower(pattern) === name)) ?? false
}

function matches(pattern: string, name: string): boolean {
  const [first, ...rest] = pattern.split('.')
  const [ownFirst, ...own] = name.split('.')
  return rest.join('.') === own.join('.') && (first === '*' || first === ownFirst)
}

function isHostname(host: string, isPattern: boolean): boolean {
  const labels = (isPattern ? host : host.replace(/\.$/, '')).split('.')
  return host !== '*' && labels.every((label, at) => /^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(label) || (isPattern && at === 0 && label === '*'))
}

function lower(text: string): string {
  return text.replace(/[A-Z]/g, letter => letter.toLowerCase())
}
