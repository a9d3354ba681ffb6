// What a gateway put on record, read back as an examiner with the session keys would.
import { execFile } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { exportSessionKeys, frameKind } from '../../evidence/index.ts'
import { contentsOf, Recording } from '../../evidence/audit/recording.ts'
import { frameAsData, frameInFull } from '../../evidence/audit/show.ts'
import { parseSessionKeys } from '../../evidence/verify/session-keys.ts'

export interface Frame {
  readonly session: string
  readonly seq: number
  readonly kind: string
  readonly ref?: number
  readonly structure?: Readonly<Record<string, unknown>>
  readonly request?: { readonly title: string; readonly json: { readonly [name: string]: unknown } }
  readonly decision?: { readonly effect: string; readonly reasons: readonly { readonly id: string; readonly msg: string; readonly mode?: string }[] }
  readonly result?: { readonly title: string; readonly json?: unknown }
  /** Of an outcome: what is on record besides its content. */
  readonly outcome?: { readonly title: string; readonly status: string; readonly bytes: number; readonly code?: string; readonly chunks?: number }
  readonly event?: { readonly [name: string]: unknown }
}

/** Every frame that is sealed, in order. */
export function readFrames(directories: { readonly keys: string; readonly evidence: string }): Frame[] {
  using recording = new Recording(directories.evidence, parseSessionKeys([...exportSessionKeys(directories.keys)].join('')))
  return [...recording.frames()].map((frame) => {
    const { result } = contentsOf(frame)
    return { ...frameAsData(frame), ...result === undefined || frame.kind !== frameKind.outcome ? {} : { outcome: JSON.parse(Buffer.from(result).toString()) as Frame['outcome'] } } as Frame
  })
}

/** The same each time it is asked, read again only where something was sealed since: tests ask ten times a second. */
export function framesOf(directories: { readonly keys: string; readonly evidence: string }): () => Frame[] {
  const main = path.join(directories.evidence, 'log.git', 'refs', 'heads', 'main')
  let read: { readonly head: string; readonly frames: Frame[] } | undefined
  return () => {
    // Before the frames: what is sealed between counts as new.
    const head = fs.existsSync(main) ? fs.readFileSync(main, 'utf8') : ''
    if (read === undefined || head === '' || head !== read.head) read = { head, frames: readFrames(directories) }
    return read.frames
  }
}

/** A session as `evidence replay` tells it. */
export function toldSession(directories: { readonly keys: string; readonly evidence: string }, session: string): string {
  using recording = new Recording(directories.evidence, parseSessionKeys([...exportSessionKeys(directories.keys)].join('')))
  return [...recording.frames()].filter((frame) => frame.session === session).map((frame) => frameInFull(frame)).join('\n')
}

/** The whole input of the decision that a frame records, as text; by `session/seq`. */
export function readInput(directories: { readonly keys: string; readonly evidence: string }, receipt: string): string {
  using recording = new Recording(directories.evidence, parseSessionKeys([...exportSessionKeys(directories.keys)].join('')))
  for (const frame of recording.frames()) if (`${frame.session}/${frame.seq}` === receipt) return Buffer.from(contentsOf(frame).request ?? new Uint8Array(0)).toString('utf8')
  throw new Error(`no frame ${receipt}`)
}

/** Asks until there is an answer: batches are sealed once a second, a policy is in force some seconds after it was signed. @throws after 60 s */
export async function eventually<T>(find: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  const deadline = Date.now() + 60_000
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`${what}: not within 60 s`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

export interface Verdict { readonly exit: number | null; readonly falsities: readonly Finding[]; readonly gaps: readonly Finding[]; readonly checked: { readonly frames: number; readonly intents: number; readonly outcomes: number; readonly recovered: number } }
interface Finding { readonly code: string; readonly item: string; readonly message: string }

const launcher = path.join(import.meta.dirname, '..', '..', 'gateway', 'countersign.js')

/** `evidence verify` with every body opened: 3 is a sound record that nobody outside has seen. Never blocks: gateways of the same test file are coming up meanwhile. */
export async function verify(directories: { readonly keys: string; readonly evidence: string }, ...args: string[]): Promise<Verdict> {
  const keys = `${directories.keys}.jsonl`
  fs.writeFileSync(keys, [...exportSessionKeys(directories.keys)].join(''))
  const { exit, stdout, stderr } = await new Promise<{ exit: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(process.execPath, [launcher, 'evidence', 'verify', '--json', '--keys', keys, ...args, directories.evidence], { maxBuffer: 1 << 28 }, (_error, stdout, stderr) => resolve({ exit: child.exitCode, stdout, stderr }))
  })
  if (!stdout.startsWith('{')) throw new Error(`verify ended with ${exit}: ${stdout}${stderr}`)
  return JSON.parse(stdout) as Verdict
}
