// `net.cidr_*`, as OPA's topdown answers them. (`net.cidr_contains` and `net.cidr_intersects` are the module's own.)
import type { Family } from '../operand.ts'
import type { Value } from '../value.ts'
import { containsAddress, firstV4, formatAddress, formatNetwork, hostMask, isV4, lastAddress, parseAddress, parseNetwork } from './address.ts'
import type { Network } from './address.ts'

/** Addresses that one network may be expanded to: a /16, or a /112. */
const maxExpanded = 65_536
/** Pairs that one `net.cidr_contains_matches` may compare. */
const maxPairs = 262_144
/** Networks that one `net.cidr_merge` takes. */
const maxMerged = 65_536

export const cidr: Family = [
  ['net.cidr_contains_matches', containsMatches],
  ['net.cidr_expand', expand],
  ['net.cidr_is_valid', text => typeof text === 'string' && parseNetwork(text) !== undefined],
  ['net.cidr_merge', merge],
]

function expand(text: Value): Value | undefined {
  const network = typeof text === 'string' ? parseNetwork(text) : undefined
  if (network === undefined || network.bits - network.ones > Math.log2(maxExpanded)) return undefined
  const set: Value[] = []
  for (let address = network.address; address <= lastAddress(network); address++) set.push(formatAddress(address))
  return { set }
}

/** What one operand offers: networks (or addresses) as text, each under its key, index or own value. */
function candidates(operand: Value): readonly (readonly [string, Value])[] | undefined {
  if (typeof operand === 'string') return [[operand, operand]]
  if (operand === null || typeof operand !== 'object' || 'number' in operand) return []
  const members: readonly (readonly [Value, Value])[] = 'array' in operand ? operand.array.map((value, at) => [value, { number: String(at) }])
    : 'set' in operand ? operand.set.map(value => [value, value])
    : operand.object.map(([key, value]) => [value, key])
  const found: [string, Value][] = []
  for (const [value, key] of members) {
    const text = typeof value === 'object' && value !== null && 'array' in value ? value.array[0] : value
    if (typeof text !== 'string') return undefined
    found.push([text, key])
  }
  return found
}

function containsMatches(networks: Value, others: Value): Value | undefined {
  const left = candidates(networks)
  // Without a network OPA looks at nothing else.
  if (left?.length === 0) return { set: [] }
  const right = candidates(others)
  if (left === undefined || right === undefined || left.length * right.length > maxPairs) return undefined
  const readLeft = right.length === 0 ? [] : left.map(([text, key]) => ({ network: parseNetwork(text), key }))
  const readRight = right.map(([text, key]) => ({ address: parseAddress(text), network: parseNetwork(text), key }))
  const pairs: Value[] = []
  for (const a of readLeft) {
    for (const b of readRight) {
      if (a.network === undefined || (b.address === undefined && b.network === undefined)) return undefined
      const isIn = b.address !== undefined ? containsAddress(a.network, b.address) : b.network !== undefined && containsNetwork(a.network, b.network)
      if (isIn) pairs.push({ array: [a.key, b.key] })
    }
  }
  return { set: pairs }
}

function containsNetwork(outer: Network, inner: Network): boolean {
  // By prefix: the last address of a wide IPv6 network may lie among the IPv4 ones, where no IPv6 network seems to hold it.
  if (isPlainV6(outer) && isPlainV6(inner)) return outer.ones <= inner.ones && (inner.address & ~hostMask(outer.ones, 128)) === outer.address
  return containsAddress(outer, inner.address) && containsAddress(outer, lastAddress(inner))
}

function isPlainV6({ address, bits }: Network): boolean {
  return bits === 128 && !isV4(address)
}

interface Range { readonly first: bigint; readonly last: bigint; readonly network: Network | undefined }

function merge(operand: Value): Value | undefined {
  if (operand === null || typeof operand !== 'object') return undefined
  const items = 'array' in operand ? operand.array : 'set' in operand ? operand.set : undefined
  if (items === undefined || items.length > maxMerged) return undefined
  const ranges: Range[] = []
  for (const item of items) {
    const range = typeof item === 'string' ? readRange(item) : undefined
    if (range === undefined) return undefined
    ranges.push(range)
  }
  ranges.sort((a, b) => compare(a.last, b.last) || compare(a.first, b.first))
  // From the last to the first: what touches or overlaps its neighbour on the left becomes one with it.
  const merged: Range[] = []
  for (let right = ranges.pop(); right !== undefined; right = ranges.pop()) {
    const left = ranges.at(-1)
    if (left !== undefined && previous(right.first) <= left.last) {
      ranges[ranges.length - 1] = { first: left.first < right.first ? left.first : right.first, last: right.last, network: undefined }
    } else merged.push(right)
  }
  const texts = new Set(merged.flatMap(range => (range.network ? [formatNetwork(range.network)] : cover(range).map(formatNetwork))))
  return { set: [...texts] }
}

function readRange(text: string): Range | undefined {
  const address = parseAddress(text)
  if (address === undefined) {
    const network = parseNetwork(text)
    if (network === undefined) return undefined
    // An IPv4 network in IPv6 notation is the IPv4 network. (OPA takes it for one of 28 bytes that borders on nothing.)
    return { first: network.address, last: lastAddress(network), network }
  }
  // A bare IPv6 address has no prefix to take; a bare IPv4 address has the one of its class, and is printed with its host bits.
  if (!isV4(address)) return undefined
  const top = (address >> 24n) & 0xffn
  const ones = top < 0x80n ? 8 : top < 0xc0n ? 16 : 24
  const mask = hostMask(ones, 32)
  return { first: address & ~mask, last: address | mask, network: { address, ones, bits: 32 } }
}

function previous(address: bigint): bigint {
  return address === 0n || address === firstV4 ? address : address - 1n
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The fewest networks that hold `first` to `last` and no other. */
function cover({ first, last }: Range): Network[] {
  const bits = isV4(first) ? 32 : 128
  const networks: Network[] = []
  for (let at = first; at <= last;) {
    let ones: number = bits
    while (ones > 0) {
      const mask = hostMask(ones - 1, bits)
      if ((at & mask) !== 0n || (at | mask) > last) break
      ones--
    }
    networks.push({ address: at, ones, bits })
    at = (at | hostMask(ones, bits)) + 1n
  }
  return networks
}
