// Reads one whole file of a record that may be hostile: a FIFO or a device in its place would hold the verifier for ever, a huge one its memory.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { FalseClaim } from './finding.ts'
import type { FalseCode } from './finding.ts'

/** Opened before it is looked at, without waiting for a writer: what is looked at is what is read. */
const flags = constants.O_RDONLY | constants.O_NONBLOCK

/** undefined: there is no such file. @throws FalseClaim `code` for anything but a file of at most `maxBytes` */
export function readRegularFile(path: string, maxBytes: number, code: FalseCode): Buffer | undefined {
  const fd = openIfThere(path)
  if (fd === undefined) return undefined
  try {
    const stat = fstatSync(fd)
    if (stat.isDirectory()) throw new FalseClaim(code, 'a folder where a file is due')
    if (!stat.isFile()) throw new FalseClaim(code, 'neither a file nor a folder where a file is due')
    if (stat.size > maxBytes) throw new FalseClaim(code, 'the file is larger than allowed')
    const bytes = Buffer.allocUnsafe(stat.size)
    let filled = 0
    for (let read = -1; filled < stat.size && read !== 0; filled += read) read = readSync(fd, bytes, filled, stat.size - filled, null)
    return bytes.subarray(0, filled)
  } finally {
    closeSync(fd)
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, flags)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ENOTDIR')) return undefined
    throw cause
  }
}
