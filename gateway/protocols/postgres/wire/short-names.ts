// Names of statements and portals as the server knows them: by their first 63 bytes (NAMEDATALEN; the keys of prepare.c and portalmem.c).
// A longer one is cut before anybody reads it: two names that are one to the server must be one here.
import type { Frame } from './framer.ts'
import type { FrontendMessage } from './frontend.ts'
import { frontendTag } from './tags.ts'

const maxNameBytes = 63

export function hasLongName(message: FrontendMessage): boolean {
  switch (message.kind) {
    case 'bind': return isLong(message.portal) || isLong(message.statement)
    case 'execute': return isLong(message.portal)
    case 'parse': case 'describe': case 'close': return isLong(message.name)
    default: return false
  }
}

/** Of names of databases and users as well: in a start-up packet the server cuts them, and says nothing. */
export function isLong(name: string): boolean {
  // A UTF-16 unit is three bytes at most.
  return name.length * 3 > maxNameBytes && Buffer.byteLength(name) > maxNameBytes
}

/** The same message with each name cut, between characters. @param frame one that `hasLongName` */
export function withShortNames({ tag, bytes }: Frame): Frame {
  const kept: Uint8Array[] = []
  let from = 0
  let at = tag === frontendTag.describe || tag === frontendTag.close ? 6 : 5
  for (let left = tag === frontendTag.bind ? 2 : 1; left > 0; left--) {
    const nul = bytes.indexOf(0, at)
    if (nul - at > maxNameBytes) {
      kept.push(bytes.subarray(from, beforeCharacter(bytes, at + maxNameBytes)))
      from = nul
    }
    at = nul + 1
  }
  const short = Buffer.concat([...kept, bytes.subarray(from)])
  short.writeInt32BE(short.length - 1, 1)
  return { tag, bytes: short, part: 'whole', count: 1, source: short, start: 0, end: short.length }
}

function beforeCharacter(bytes: Uint8Array, at: number): number {
  let end = at
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return end
}
