// The thread that parses long texts: one in, one out, in order.
import { parentPort } from 'node:worker_threads'
import { loadModule } from 'libpg-query'
import { parseText } from './parse-text.ts'
import type { Parsed } from './parse-text.ts'

await loadModule()
parentPort?.on('message', (text: string) => {
  try {
    parentPort?.postMessage(parseText(text))
  } catch {
    // A tree may be too deep to be handed over.
    parentPort?.postMessage({ status: 'error', message: 'the statement is nested too deeply', position: 0 } satisfies Parsed)
  }
})
