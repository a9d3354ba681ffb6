// The verifier's program: reads its flags and files, prints the verdict, exits 0, 1, 2 or 3 (FORMAT §11). Needs only read access, so it is run under
// Node's permission model: node --permission --allow-fs-read=DIR --allow-fs-read=<this folder> main.ts DIR
import { readFileSync, realpathSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { CannotRun } from './finding.ts'
import { printable, writeReport } from './report.ts'
import { parseSessionKeys } from './session-keys.ts'
import { verifyEvidence } from './verifier.ts'

const usage = 'usage: evidence verify [--trust FILE] [--since CHECKPOINT] [--keys FILE] [--at TIME] [--json] DIR\n'
const maxInputBytes = 256 * 1024 * 1024
/** Nothing is said of work that is done within a second. */
const quietMs = 1000

function run(args: readonly string[]): number {
  const { values, positionals } = parseFlags(args)
  const [directory] = positionals
  if (directory === undefined || positionals.length !== 1) throw new CannotRun('expected one evidence directory')
  const started = Date.now()
  let shown = started
  const keys = readInput(values.keys, 'keys file')
  const progress = (done: number, total: number): void => {
    const now = Date.now()
    if (now - started < quietMs || now - shown < 200) return
    shown = now
    process.stderr.write(`\r${done} of ${total} batches`)
  }
  const trust = readInput(values.trust, 'trust file')
  const since = readInput(values.since, 'kept checkpoint')
  const verdict = verifyEvidence({
    directory: realDirectory(directory),
    at: values.at === undefined ? started : parseTime(values.at),
    ...(trust === undefined ? {} : { trust }),
    ...(since === undefined ? {} : { since }),
    ...(keys === undefined ? {} : { keys: parseSessionKeys(keys) }),
    ...(process.stderr.isTTY ? { progress } : {}),
  })
  if (shown > started) process.stderr.write('\r\u001b[K')
  process.stdout.write(values.json === true ? `${asciiJson(verdict)}\n` : writeReport(verdict, process.stdout.isTTY && process.env['NO_COLOR'] === undefined))
  return verdict.exit
}

function parseFlags(args: readonly string[]): { values: { trust?: string; since?: string; keys?: string; at?: string; json?: boolean }; positionals: string[] } {
  try {
    const text = { type: 'string' } as const
    return parseArgs({ args: [...args], options: { trust: text, since: text, keys: text, at: text, json: { type: 'boolean' } }, allowPositionals: true, strict: true })
  } catch (cause) {
    throw new CannotRun(cause instanceof Error ? cause.message : 'malformed flags', cause)
  }
}

function readInput(path: string | undefined, what: string): string | undefined {
  if (path === undefined) return undefined
  try {
    const bytes = readFileSync(path)
    if (bytes.length > maxInputBytes) throw new CannotRun(`the ${what} is larger than allowed`)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    if (cause instanceof CannotRun) throw cause
    throw new CannotRun(`the ${what} ${path} cannot be read`, cause)
  }
}

function realDirectory(path: string): string {
  try { return realpathSync(path) } catch (cause) { throw new CannotRun(`${path} cannot be read`, cause) }
}

/** JSON whose names, which come from a record that may be hostile, steer no terminal. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** ISO 8601, or milliseconds since the Unix epoch. */
function parseTime(text: string): number {
  const time = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text)
  if (!Number.isFinite(time) || Math.abs(time) > 8.64e15) throw new CannotRun('--at: expected a time such as 2026-01-31T12:00:00Z')
  return time
}

try {
  process.exitCode = run(process.argv.slice(2))
} catch (cause) {
  // Also a fault of ours ends here: no verdict was reached, and that is exit 2, never 0.
  const message = cause instanceof Error ? cause.message : 'unknown fault'
  const where = cause instanceof Error && !(cause instanceof CannotRun) ? (cause.stack ?? '').split('\n').filter((line) => line.startsWith('    at ')).map((line) => `${printable(line)}\n`).join('') : usage
  process.stderr.write(`could not run: ${printable(message)}\n${where}`)
  if (process.argv.includes('--json')) process.stdout.write(`${asciiJson({ verdict: 'could not run', exit: 2, message })}\n`)
  process.exitCode = 2
}
