// Session keys as `evidence export --keys` writes them: one JSON object a line, {"key_id": hex, "key": hex}. Whoever holds the file reads every body.
import { createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { CannotRun } from './finding.ts'

/** By key id, hex. */
export type SessionKeys = ReadonlyMap<string, KeyObject>

const keyId = /^[0-9a-f]{32}$/
const keyBytes = /^[0-9a-f]{64}$/

/** @throws CannotRun naming the line, never its content */
export function parseSessionKeys(text: string): SessionKeys {
  const keys = new Map<string, KeyObject>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') continue
    let value: unknown
    try { value = JSON.parse(line) } catch { value = undefined }
    const entry: Record<string, unknown> = typeof value === 'object' && value !== null ? { ...value } : {}
    const { key_id: id, key } = entry
    if (typeof id !== 'string' || typeof key !== 'string' || !keyId.test(id) || !keyBytes.test(key) || Object.keys(entry).length !== 2) throw new CannotRun(`keys file: line ${index + 1}: expected {"key_id": 32 hex digits, "key": 64 hex digits}`)
    if (keys.has(id)) throw new CannotRun(`keys file: line ${index + 1}: a key id that is there already`)
    keys.set(id, createSecretKey(key, 'hex'))
  }
  return keys
}
