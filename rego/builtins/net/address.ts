// IP addresses and networks as Go's net package reads and prints them. An address is one number of 128 bits, in which IPv4 is
// ::ffff:a.b.c.d (RFC 4291 §2.5.5.2): Go keeps no other difference between the two, and OPA's answers follow from that.

/** Longest text of a network; Go has no limit of its own, but a zone makes a network invalid in any case. */
const maxTextLength = 64
const mapped = 0xffffn << 32n

export interface Network {
  readonly address: bigint
  /** Bits of the prefix, counted from the family's own first bit. */
  readonly ones: number
  /** 32 if it was written as IPv4. */
  readonly bits: 32 | 128
}

export function isV4(address: bigint): boolean {
  return address >> 32n === 0xffffn
}

/** `net.ParseIP`: no zone. */
export function parseAddress(text: string): bigint | undefined {
  if (text.length > maxTextLength) return undefined
  const first = /[.:%]/.exec(text)?.[0]
  if (first === '.') return parseV4(text)
  return first === ':' ? parseV6(text) : undefined
}

/** `net.ParseCIDR`'s network: host bits are cleared. */
export function parseNetwork(text: string): Network | undefined {
  if (text.length > maxTextLength) return undefined
  const slash = text.indexOf('/')
  const prefix = text.slice(slash + 1)
  if (slash < 0 || !/^[0-9]+$/.test(prefix)) return undefined
  const host = text.slice(0, slash)
  const address = parseAddress(host)
  if (address === undefined) return undefined
  const bits = host.includes(':') ? 128 : 32
  const ones = Number(prefix)
  if (ones > bits) return undefined
  return { address: address & ~hostMask(ones, bits), ones, bits }
}

/** `net.IP.String`: RFC 5952, but an IPv4 address in IPv6 form is printed as IPv4. */
export function formatAddress(address: bigint): string {
  if (isV4(address)) return [24n, 16n, 8n, 0n].map(shift => (address >> shift) & 0xffn).join('.')
  const groups = Array.from({ length: 8 }, (_, at) => Number((address >> BigInt(112 - 16 * at)) & 0xffffn))
  let start = 8
  let end = 8
  for (let at = 0; at < 8; at++) {
    let next = at
    while (next < 8 && groups[next] === 0) next++
    if (next - at >= 2 && next - at > end - start) [start, end] = [at, next]
  }
  const hex = groups.map(group => group.toString(16))
  if (start === 8) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(end).join(':')}`
}

/** `net.IPNet.String`. */
export function formatNetwork({ address, ones, bits }: Network): string {
  return `${formatAddress(address)}/${isV4(address) && bits === 128 ? ones - 96 : ones}`
}

/** The last address of it. */
export function lastAddress({ address, ones, bits }: Network): bigint {
  return address | hostMask(ones, bits)
}

/** `net.IPNet.Contains`: an address of the other family is in no network, not even in ::/0. */
export function containsAddress(network: Network, address: bigint): boolean {
  if (isV4(network.address) !== isV4(address)) return false
  return (address & ~hostMask(network.ones, network.bits)) === network.address
}

/** The bits behind the prefix. */
export function hostMask(ones: number, bits: 32 | 128): bigint {
  return (1n << BigInt(bits - ones)) - 1n
}

function parseV4(text: string): bigint | undefined {
  const fields = text.split('.')
  // A leading zero may mean octal to somebody else.
  if (fields.length !== 4 || !fields.every(field => /^(?:0|[1-9][0-9]{0,2})$/.test(field) && Number(field) <= 255)) return undefined
  return fields.reduce((address, field) => (address << 8n) | BigInt(field), 0xffffn)
}

function parseV6(text: string): bigint | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [head, tail] = halves.map((half, at) => parseGroups(half, at === halves.length - 1))
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  const missing = 8 - head.length - (tail?.length ?? 0)
  // "::" stands for one group of zeros at least.
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  return [...head, ...new Array<bigint>(missing).fill(0n), ...tail ?? []].reduce((address, group) => (address << 16n) | group, 0n)
}

function parseGroups(text: string, isEnd: boolean): bigint[] | undefined {
  if (text === '') return []
  const groups: bigint[] = []
  const fields = text.split(':')
  for (const [at, field] of fields.entries()) {
    if (isEnd && at === fields.length - 1 && field.includes('.')) {
      const last = parseV4(field)
      if (last === undefined) return undefined
      groups.push((last >> 16n) & 0xffffn, last & 0xffffn)
    } else if (/^[0-9a-fA-F]{1,4}$/.test(field)) groups.push(BigInt(`0x${field}`))
    else return undefined
  }
  return groups
}

/** Where IPv4 begins among the 128-bit addresses. */
export const firstV4 = mapped
