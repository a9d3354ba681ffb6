// Was every stage on? Asked of the record itself: verified, opened with the session keys, and read.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { launcher } from '../../scripts/demo/cast.ts'

/** Behind the first burst, where intents and outcomes alternate. */
const sampledSeqs = [450, 500, 550]

export interface Recorded { readonly frames: number; readonly intents: number; readonly outcomes: number; readonly verifySeconds: number; readonly framesPerSecond: number; readonly sampledOutcomes: number; readonly maskedCells: number }

/** @throws when a call left no intent and outcome, or a sampled outcome shows no masked cell */
export async function assertRecorded(home: string): Promise<Recorded> {
  const evidence = path.join(home, 'gateway', 'evidence')
  const keys = path.join(home, 'session-keys.jsonl')
  const countersign = (...args: string[]) => execFileSync(process.execPath, [launcher, ...args], { encoding: 'utf8', maxBuffer: 1 << 30, stdio: ['ignore', 'pipe', 'pipe'] })
  const started = performance.now()
  const verdict = verdictOf(() => countersign('evidence', 'verify', '--json', evidence))
  const verifySeconds = (performance.now() - started) / 1000
  countersign('evidence', 'export', '--keys', keys, path.join(home, 'gateway', 'keys'))
  const sessions = JSON.parse(countersign('evidence', 'ls', '--json', '--keys', keys, evidence)) as { session: string; is_node: boolean }[]
  let sampledOutcomes = 0
  let maskedCells = 0
  for (const { session, is_node } of sessions) {
    if (is_node) continue
    for (const seq of sampledSeqs) {
      const shown = countersign('evidence', 'show', '--json', '--keys', keys, `${session}/${seq}`, evidence)
      if (!shown.includes('"kind":"outcome"')) continue
      sampledOutcomes++
      maskedCells += shown.split('[REDACTED:').length - 1
      if (/219-09-\d{4}/.test(shown)) throw new Error('a sampled outcome shows an SSN')
    }
  }
  fs.rmSync(home, { recursive: true, force: true })
  const { frames, intents, outcomes } = verdict
  if (intents === 0 || intents !== outcomes) throw new Error(`the record has ${intents} intents and ${outcomes} outcomes`)
  if (maskedCells === 0) throw new Error('no sampled outcome shows a masked cell')
  return { frames, intents, outcomes, verifySeconds, framesPerSecond: Math.round(frames / verifySeconds), sampledOutcomes, maskedCells }
}

/** Exit 3 is expected: nobody outside has kept a checkpoint of a bench. */
function verdictOf(run: () => string): { frames: number; intents: number; outcomes: number } {
  let text: string
  try { text = run() } catch (error) {
    const { status, stdout } = error as { status?: number; stdout?: string }
    if (status !== 3) throw error
    text = stdout ?? ''
  }
  const { checked } = JSON.parse(text) as { checked: { frames: number; intents: number; outcomes: number } }
  return checked
}
