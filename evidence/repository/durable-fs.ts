// Files that are whole or absent, whatever dies when: temporary file, fdatasync, rename, fsync of the folder. Git's objects and refs, the store and the sealer's keys
// are all written through it. isomorphic-git's own way (write in place, no fsync) left 5 % of repositories broken after kill -9.
import { closeSync, constants, existsSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, promises, renameSync, unlinkSync, writeSync } from 'node:fs'
import path from 'node:path'
import type { PromiseFsClient } from 'isomorphic-git'

/** The only way anything here reaches a disk; tests put a failing one in its place. */
export interface Disk {
  /** Replaces the file, durably, as one step. Makes missing folders. @throws NodeJS.ErrnoException */
  write(file: string, bytes: Uint8Array | string, mode?: number): void
  mkdir(folder: string): void
}

// `git fsck` and `git gc` know this prefix and pass over such files; they complain about any other.
const temporaryPrefix = 'tmp_obj_'
/** From this size on, bytes go around the page cache: copying them into fresh pages of it cost more than all hashing of them. */
const leastDirectBytes = 1024 * 1024
/** What a direct write is a multiple of, on disks of 512 and of 4,096 byte sectors. */
const directUnit = 4_096

export const durableDisk: Disk = { write: writeDurably, mkdir: makeFolder }

function writeDurably(file: string, bytes: Uint8Array | string, mode: number = 0o644): void {
  const folder = path.dirname(file)
  makeFolder(folder)
  const temporary = path.join(folder, `${temporaryPrefix}${path.basename(file)}`)
  // One writer a folder (the log is locked): a temporary file that is there was left by a dead run.
  const handle = openSync(temporary, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, mode)
  try {
    const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
    let at = buffer.length < leastDirectBytes ? 0 : writeDirect(temporary, buffer)
    while (at < buffer.length) at += writeSync(handle, buffer, at, buffer.length - at, at)
    // Of the file, whichever handle wrote it.
    fdatasyncSync(handle)
  } catch (cause) {
    unlinkSync(temporary)
    throw cause
  } finally { closeSync(handle) }
  renameSync(temporary, file)
  syncFolder(folder)
}

// As much as the file system takes that way, from the beginning; returns how much. EINVAL says that it takes none, or not from that address.
function writeDirect(file: string, buffer: Uint8Array): number {
  let at = 0
  let handle: number | undefined
  try {
    handle = openSync(file, constants.O_WRONLY | constants.O_DIRECT | constants.O_NOFOLLOW)
    for (let left = buffer.length; left >= directUnit; left = buffer.length - at) at += writeSync(handle, buffer, at, left - left % directUnit, at)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EINVAL')) throw cause
  } finally { if (handle !== undefined) closeSync(handle) }
  return at
}

// A new folder is durable once its parent is synced.
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  const parent = path.dirname(folder)
  makeFolder(parent)
  mkdirSync(folder)
  syncFolder(parent)
}

export function syncFolder(folder: string): void {
  const handle = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try { fsyncSync(handle) } finally { closeSync(handle) }
}

/** After the first failure nothing more is written: what a failed fsync left behind is unknown, and only a restart reads it back from the disk. */
export function latch(disk: Disk): Disk {
  let failure: { cause: unknown } | undefined
  const guarded = (write: () => void): void => {
    if (failure !== undefined) throw failure.cause
    try { write() } catch (cause) {
      failure = { cause }
      throw cause
    }
  }
  return {
    write: (file, bytes, mode) => guarded(() => disk.write(file, bytes, mode)),
    mkdir: (folder) => guarded(() => disk.mkdir(folder)),
  }
}

/** What isomorphic-git takes as `fs`: reading as it is, writing through the disk. */
export function gitFs(disk: Disk): PromiseFsClient {
  return {
    promises: {
      ...promises,
      writeFile: async (file: string, bytes: Uint8Array | string) => disk.write(file, bytes),
      mkdir: async (folder: string) => disk.mkdir(folder),
    },
  }
}
