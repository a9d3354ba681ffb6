// Compiled bundles by their SHA-256: a restart need not compile, and an examiner can decide again with the very bytes.
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'

export interface BundleStore {
  /** The exact bytes, or undefined when absent or not what the name says. */
  read(hex: string): Promise<Uint8Array | undefined>
  /** @returns the hex digest it can be read by */
  write(bytes: Uint8Array): Promise<string>
}

/** @param directory `<state>/bundles` */
export function createBundleStore(directory: string): BundleStore {
  const pathOf = (hex: string): string => join(directory, `${hex}.tar.gz`)
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  return {
    async read(hex) {
      const bytes = await readFile(pathOf(hex)).catch(() => undefined)
      return bytes !== undefined && digest(bytes) === hex ? bytes : undefined
    },
    async write(bytes) {
      const path = pathOf(digest(bytes))
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      const temporary = `${path}.tmp`
      const file = await open(temporary, 'w', 0o600)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
      return digest(bytes)
    },
  }
}
