// Where test files keep for each other what takes seconds to make: each user's own, and none where node_modules is not this user's to write.
import fs from 'node:fs'
import path from 'node:path'

export function keptFolder(name: string): string | undefined {
  const folder = path.join(import.meta.dirname, '..', 'node_modules', '.cache', `countersign-${process.getuid?.() ?? 'user'}`, name)
  try {
    fs.mkdirSync(folder, { recursive: true })
    fs.accessSync(folder, fs.constants.W_OK)
    return folder
  } catch {
    return undefined
  }
}
