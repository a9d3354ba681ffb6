// A policy's source: files by path, as read from a folder or a commit. Nothing here trusts a name or a byte of them.
import { createHash } from 'node:crypto'
import { PolicyError, type Finding } from './errors.ts'

/** Paths are relative, with `/`: `policy/mcp.rego`, `data/targets/data.yaml`, `schema/input.schema.json`. */
export type PolicySource = ReadonlyMap<string, Uint8Array>

const maxFiles = 4096
const maxSourceBytes = 16 * 1024 * 1024

/**
 * Text by path, in byte order of the paths.
 * @throws PolicyError ERR_POLICY_SOURCE with one finding for each file whose name or encoding cannot be accepted
 */
export function readSource(files: PolicySource): Record<string, string> {
  if (files.size > maxFiles) throw new PolicyError('ERR_POLICY_SOURCE', `a policy source of ${files.size} files is larger than ${maxFiles}`)
  const findings: Finding[] = []
  const text: [string, string][] = []
  let length = 0
  for (const [file, bytes] of inOrder(files)) {
    length += bytes.length
    if (!isRelativePath(file)) findings.push({ code: 'file_name', message: 'not a relative path with / between its segments', file, row: 0, col: 0 })
    try {
      text.push([file, new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)])
    } catch {
      findings.push({ code: 'file_encoding', message: 'not UTF-8', file, row: 0, col: 0 })
    }
  }
  if (length > maxSourceBytes) throw new PolicyError('ERR_POLICY_SOURCE', `a policy source of ${length} bytes is larger than ${maxSourceBytes}`)
  if (findings.length > 0) throw new PolicyError('ERR_POLICY_SOURCE', 'the policy source cannot be read', { findings })
  // From entries, so that a file called __proto__ is a file.
  return Object.fromEntries(text)
}

/**
 * SHA-256 (hex) over the lines `<sha256 of the file>  <path>\n` in byte order of the paths. In the source's folder
 * `find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum` gives the same, so an examiner needs no tool of ours.
 */
export function sourceDigest(files: PolicySource): string {
  const lines = createHash('sha256')
  for (const [file, bytes] of inOrder(files)) lines.update(`${createHash('sha256').update(bytes).digest('hex')}  ${file}\n`)
  return lines.digest('hex')
}

function inOrder(files: PolicySource): [string, Uint8Array][] {
  return [...files].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

function isRelativePath(file: string): boolean {
  // A newline in a name could forge a line of the digest above.
  for (const character of file) if (character < ' ' || character === '\\') return false
  return file.length <= 1024 && file.split('/').every(segment => segment !== '' && segment !== '.' && segment !== '..')
}
