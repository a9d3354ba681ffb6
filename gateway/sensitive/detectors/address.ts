// IP addresses. Loopback, unspecified and broadcast addresses identify nobody; dotted quads after "version" are versions.
import { isIPv4, isIPv6 } from 'node:net'
import type { Search } from '../finding.ts'

const VERSION = /(?:v|ver|version|release|rev|build)[\s_:="'.-]{0,4}$/i
/** Longest textual IPv6 address. */
const MAX_CHARS = 45

export function findAddresses(search: Search): void {
  const { text, hint, found } = search
  for (let at = text.indexOf('.'); at >= 0;) {
    const [start, end] = expand(text, at, isQuadCharacter)
    const value = text.slice(start, end)
    if (isHost(value) && !touches(text, start, end) && !VERSION.test(text.slice(Math.max(0, start - 16), start)) && !VERSION.test(hint)) found.push({ start, end, class: 'IP' })
    at = text.indexOf('.', Math.max(end, at + 1))
  }
  for (let at = text.indexOf(':'); at >= 0;) {
    const [start, end] = expand(text, at, isHexCharacter)
    // `dead::beef` and `12:34:56` are not addresses; a digit and three groups are asked for.
    const value = text.slice(start, text[end - 1] === '.' ? end - 1 : end)
    if (isIPv6(value) && !touches(text, start, start + value.length) && /\d/.test(value) && (value.includes('.') || value.split(':').filter((group) => group !== '').length >= 3)) found.push({ start, end: start + value.length, class: 'IP' })
    at = text.indexOf(':', Math.max(end, at + 1))
  }
}

/** The stretch around `at`; an overlong one is no address and is skipped as a whole. */
function expand(text: string, at: number, belongs: (code: number) => boolean): readonly [number, number] {
  let start = at
  while (start > 0 && at - start <= MAX_CHARS && belongs(text.charCodeAt(start - 1))) start--
  let end = at + 1
  while (end < text.length && belongs(text.charCodeAt(end))) end++
  // A sentence's full stop is not part of the address.
  while (end > at + 1 && text.charCodeAt(end - 1) === 0x2e) end--
  return [start, end]
}

function isQuadCharacter(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 0x2e
}

function isHexCharacter(code: number): boolean {
  return (code >= 48 && code <= 58) || code === 0x2e || (code >= 65 && code <= 70) || (code >= 97 && code <= 102)
}

/** Part of a longer word: a package name, a range, a path of a namespace. */
function touches(text: string, start: number, end: number): boolean {
  return /[\w-]/.test(text[start - 1] ?? '') || /\w/.test(text[end] ?? '') || (text[end] === '-' && /\w/.test(text[end + 1] ?? ''))
}

function isHost(value: string): boolean {
  if (!isIPv4(value)) return false
  const first = value.slice(0, value.indexOf('.'))
  return first !== '127' && first !== '0' && value !== '255.255.255.255'
}
