// Entry of the thread in which governed configuration is parsed. Started only by governed-thread.ts, which owns the deadline.
import { parentPort, workerData } from 'node:worker_threads'
import { ConfigError } from './config-document.ts'
import { parseGoverned } from './governed.ts'
import type { GovernedAnswer, GovernedJob } from './governed-thread.ts'

const { text, secrets, file } = workerData as GovernedJob
try {
  parentPort?.postMessage({ governed: parseGoverned(text, secrets, file) } satisfies GovernedAnswer)
} catch (cause) {
  // Anything else ends the thread, which is a fault as well.
  if (!(cause instanceof ConfigError)) throw cause
  parentPort?.postMessage({ problems: cause.problems } satisfies GovernedAnswer)
}
