// What a gateway put on record, read back as an examiner with the session keys would.
import { exportSessionKeys } from '../../evidence/index.ts'
import { Recording } from '../../evidence/audit/recording.ts'
import { frameAsData } from '../../evidence/audit/show.ts'
import { parseSessionKeys } from '../../evidence/verify/session-keys.ts'

export interface Frame {
  readonly session: string
  readonly seq: number
  readonly kind: string
  readonly ref?: number
  readonly structure?: Readonly<Record<string, unknown>>
  readonly request?: { readonly title: string; readonly json: { readonly [name: string]: unknown } }
  readonly decision?: { readonly effect: string; readonly reasons: readonly { readonly id: string; readonly msg: string }[] }
  readonly result?: { readonly title: string; readonly json?: unknown }
  readonly event?: { readonly [name: string]: unknown }
}

/** Every frame that is sealed, in order. */
export function readFrames(directories: { readonly keys: string; readonly evidence: string }): Frame[] {
  using recording = new Recording(directories.evidence, parseSessionKeys([...exportSessionKeys(directories.keys)].join('')))
  return [...recording.frames()].map((frame) => frameAsData(frame) as Frame)
}

/** Asks until there is an answer: batches are sealed once a second. @throws after 20 s */
export async function eventually<T>(find: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const found = await find()
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`${what}: not within 20 s`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
