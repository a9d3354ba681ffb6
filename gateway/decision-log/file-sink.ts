// The decision log as a file of JSON lines. At its maximum it is put aside as `<file>.1`, older ones move up, and the oldest goes.
import { mkdir, open, rename, rm } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Sink } from './queue.ts'

const maxBatchChars = 1024 * 1024
const lingerMs = 50
const retryMs = 1_000
const newline = 0x0a

export interface FileSinkOptions {
  readonly path: string
  /** Bytes of one file. */
  readonly maxBytes: number
  /** Files put aside. */
  readonly keep: number
  readonly onFault: (error: unknown) => void
}

/** The file is opened with the first batch, so that a full or absent disk is retried and never keeps a gateway from starting. */
export function createFileSink({ path, maxBytes, keep, onFault }: FileSinkOptions): Sink {
  let file: FileHandle | undefined
  let size = 0

  async function opened(): Promise<FileHandle> {
    if (file !== undefined) return file
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    file = await open(path, 'a+', 0o600)
    size = (await file.stat()).size
    // A line that a crash or a full disk cut off must not take the next one with it.
    if (size > 0 && (await file.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0] !== newline) {
      await file.writeFile('\n')
      size++
    }
    return file
  }

  async function putAside(): Promise<void> {
    await file?.close()
    file = undefined
    await rm(`${path}.${keep}`, { force: true })
    for (let n = keep - 1; n >= 1; n--) await rename(`${path}.${n}`, `${path}.${n + 1}`).catch((error: NodeJS.ErrnoException) => { if (error.code !== 'ENOENT') throw error })
    await rename(path, `${path}.1`)
  }

  return {
    maxBatchChars, lingerMs,
    async deliver(lines) {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      try {
        let into = await opened()
        if (size > 0 && size + bytes.length > maxBytes) {
          await putAside()
          into = await opened()
        }
        try {
          await into.writeFile(bytes)
        } catch (error) {
          await into.truncate(size).catch(() => undefined)     // half a batch would come twice
          throw error
        }
        size += bytes.length
        return undefined
      } catch (error) {
        onFault(error)
        await file?.close().catch(() => undefined)
        file = undefined
        return retryMs
      }
    },
    async close() { await file?.close() },
  }
}
