// IP addresses. Loopback, unspecified and broadcast addresses identify nobody; dotted quads after "version" are versions.
import { isIPv6 } from 'node:net'
import type { Search } from '../finding.ts'

const V4 = /(?<![\w.-]|\d-)(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\w|-\d)/g
const V6 = /(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?(?![\w:])/g
const VERSION = /(?:v|ver|version|release|rev|build)[\s_:="'.-]{0,4}$/i

export function findAddresses(search: Search): void {
  const { text, hint, found } = search
  V4.lastIndex = 0
  for (let match = V4.exec(text); match !== null; match = V4.exec(text)) {
    const [value] = match
    if (isHost(value) && !VERSION.test(text.slice(Math.max(0, match.index - 16), match.index)) && !VERSION.test(hint)) found.push({ start: match.index, end: match.index + value.length, class: 'IP' })
  }
  if (!text.includes(':')) return
  V6.lastIndex = 0
  for (let match = V6.exec(text); match !== null; match = V6.exec(text)) {
    const [value] = match
    // `dead::beef` and `12:34:56` are not addresses; a digit and three groups are asked for.
    if (isIPv6(value) && /\d/.test(value) && value.split(':').filter((group) => group !== '').length >= 3) found.push({ start: match.index, end: match.index + value.length, class: 'IP' })
  }
}

function isHost(value: string): boolean {
  const octets = value.split('.')
  if (octets.some((octet) => Number(octet) > 255 || (octet.length > 1 && octet.startsWith('0')))) return false
  const [first] = octets
  return first !== '127' && first !== '0' && value !== '255.255.255.255'
}
