// The few file operations of the journal, in one place so that a test can make each of them fail, before or after its effect.
import { closeSync, fdatasync, openSync, rmSync, writeSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import path from 'node:path'
import { performance } from 'node:perf_hooks'

export interface Disk {
  /** Writes all of `bytes` at `position`, to the page cache. @throws as the system does (ENOSPC, EIO …) */
  write(file: number, bytes: Uint8Array, position: number): void
  /** Calls back once the file's data is on the disk. */
  sync(file: number, done: (error: Error | null) => void): void
  close(file: number): void
  remove(name: string): void
  /** A zero-filled file of that length, durable with its name; opened for writing. */
  createSegment(name: string, bytes: number): Promise<number>
  /** Renames a segment nobody needs any more, durably; opened for writing. Its bytes stay. */
  recycleSegment(from: string, to: string): Promise<number>
  /** Microseconds of a clock that never steps; only differences mean something. */
  elapsedUs(): number
}

const zeros = new Uint8Array(1024 * 1024)

export const realDisk: Disk = {
  write(file, bytes, position) {
    for (let written = 0; written < bytes.length;) {
      written += writeSync(file, bytes, written, bytes.length - written, position + written)
    }
  },
  sync: fdatasync,
  close: closeSync,
  remove: (name) => { rmSync(name, { force: true }) },
  async createSegment(name, bytes) {
    // 'w': a spare that an earlier process left half made is no use.
    await using file = await open(name, 'w', 0o600)
    for (let at = 0; at < bytes; at += zeros.length) await file.write(zeros, 0, Math.min(zeros.length, bytes - at), at)
    await file.sync()
    await syncFolder(path.dirname(name))
    return openSync(name, 'r+')
  },
  async recycleSegment(from, to) {
    await rename(from, to)
    await syncFolder(path.dirname(to))
    return openSync(to, 'r+')
  },
  elapsedUs: () => performance.now() * 1000,
}

async function syncFolder(folder: string): Promise<void> {
  await using file = await open(folder, 'r')
  await file.sync()
}
