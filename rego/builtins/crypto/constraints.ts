// Name constraints (RFC 5280 §4.2.1.10) as Go reads them. A chain that has any is not verified here: see `verify-chain.ts`.
import { formatAddress, parseAddress } from '../net/address.ts'
import { contextTag, DerError, DerReader, DerUnknown, readWhole } from './der.ts'
import type { Element } from './der.ts'
import { readIa5 } from './name.ts'
import { toInteger } from './public-key.ts'

export interface Subtrees {
  readonly dns: readonly string[]
  readonly ips: readonly { readonly address: string; readonly mask: Uint8Array }[]
  readonly emails: readonly string[]
  readonly uris: readonly string[]
}

export interface NameConstraints {
  readonly isCritical: boolean
  readonly permitted: Subtrees
  readonly excluded: Subtrees
  /** It constrains names of a kind that is not read. */
  readonly hasOther: boolean
}

/** @throws DerError */
export function parseConstraints(value: Uint8Array, isCritical: boolean): NameConstraints {
  const [permitted, excluded] = readWhole(value, outer => {
    const inner = outer.sequence()
    const found = [inner.optional(contextTag(0, true))?.body ?? new Uint8Array(0), inner.optional(contextTag(1, true))?.body ?? new Uint8Array(0)] as const
    inner.end()
    return found
  })
  if (permitted.length === 0 && excluded.length === 0) throw new DerError('name constraints that constrain nothing')
  const found = [readSubtrees(permitted), readSubtrees(excluded)] as const
  return { isCritical, permitted: found[0], excluded: found[1], hasOther: found.some(({ hasOther }) => hasOther) }
}

function readSubtrees(body: Uint8Array): Subtrees & { readonly hasOther: boolean } {
  const [dns, emails, uris]: string[][] = [[], [], []]
  const ips: { address: string; mask: Uint8Array }[] = []
  let hasOther = false
  for (const trees = new DerReader(body); !trees.isEmpty;) {
    const base = trees.sequence().any()
    if (base.tag === contextTag(1, false)) emails?.push(readMailbox(base))
    else if (base.tag === contextTag(2, false)) dns?.push(readDomain(base))
    else if (base.tag === contextTag(6, false)) {
      const domain = readDomain(base)
      if (parseAddress(domain) !== undefined) throw new DerError('a URI constraint that is an address')
      uris?.push(domain)
    } else if (base.tag === contextTag(7, false)) ips.push(readRange(base))
    else hasOther = true
  }
  return { dns: dns ?? [], emails: emails ?? [], uris: uris ?? [], ips, hasOther }
}

function readDomain({ body }: Element): string {
  const domain = readIa5(body)
  if (!domainNameValid(domain, true)) throw new DerError('a domain that is none')
  return domain
}

function readMailbox({ body }: Element): string {
  const text = readIa5(body)
  // Mailboxes with a quoted local part (RFC 2821 §4.1.2) are left out: no certificate has been seen with one.
  const isMailbox = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*@[^@]+$/.test(text)
  if (!(text.includes('@') ? isMailbox && domainNameValid(text.slice(text.indexOf('@') + 1), false) : domainNameValid(text, true))) throw new DerUnknown('a mailbox that is none, or quoted')
  return text
}

function readRange({ body }: Element): { address: string; mask: Uint8Array } {
  const half = body.length / 2
  if (half !== 4 && half !== 16) throw new DerError('an address of another length')
  const mask = body.subarray(half)
  // Ones, then zeros.
  const bits = [...mask].map(byte => byte.toString(2).padStart(8, '0')).join('')
  if (!/^1*0*$/.test(bits)) throw new DerError('a mask that is none')
  return { address: formatAddress(toInteger(body.subarray(0, half)) | (half === 4 ? 0xffffn << 32n : 0n)), mask }
}

/** Go's own, lenient idea of a domain name. */
export function domainNameValid(name: string, isConstraint: boolean): boolean {
  if (name === '') return true
  const labels = (isConstraint && name.startsWith('.') ? name.slice(1) : name).split('.')
  return labels.every((label, at) => /^[\x21-\x7e]+$/.test(label) && (at > 0 || label !== ''))
}
