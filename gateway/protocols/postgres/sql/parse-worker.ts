// The thread that parses long texts: one in, one out, in order.
import { parentPort } from 'node:worker_threads'
import { loadModule } from 'libpg-query'
import { parseLong } from './parse-long.ts'

await loadModule()
parentPort?.on('message', (text: string) => {
  parentPort?.postMessage(parseLong(text))
})
