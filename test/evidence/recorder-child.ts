// Records intents, strict and bounded in turn, and prints the seq of each once it is acknowledged; until it is killed.
import { frameKind } from '../../evidence/index.ts'
import { writeSync } from 'node:fs'
import path from 'node:path'
import { openRecorder } from '../../evidence/index.ts'

const folder = process.argv[2] ?? ''
const at = (name: string): string => path.join(folder, name)
const recorder = await openRecorder({
  node: 'node-a', directories: { journal: at('journal'), keys: at('keys'), sealer: at('sealer'), evidence: at('evidence') },
  intervalMs: 3_600_000, maxUnsealedBytes: 1 << 30, maxUnsealedMs: 900_000, now: Date.now,
})
const session = recorder.openSession(Buffer.from('{}'))
for (;;) {
  const { seq } = session.append({ kind: frameKind.intent, time: Date.now(), request: Buffer.alloc(500), decision: Buffer.alloc(100), decisionId: new Uint8Array(16), bundle: new Uint8Array(32) })
  await recorder.commit(seq % 2 === 0 ? 'strict' : 'bounded')
  writeSync(1, `${seq}\n`)
}
