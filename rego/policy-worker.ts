// Entry of the thread in which a policy is made. Started only by policy-thread.ts, which owns the deadline.
import { parentPort, workerData } from 'node:worker_threads'
import { readBundle } from './bundle.ts'
import { compileBundle } from './compiler.ts'
import { PolicyError } from './errors.ts'
import { preparePolicy } from './policy.ts'
import type { Answer, PolicyJob } from './policy-thread.ts'
import { compileTested } from './tested.ts'

async function make(job: PolicyJob): Promise<Answer> {
  if ('bytes' in job) return { prepared: preparePolicy(readBundle(job.bytes, job)), bytes: job.bytes, tests: [] }
  const { bytes, tests } = job.isTested ? await compileTested(job) : { bytes: await compileBundle(job), tests: [] }
  // A copy of its own, which can be given away.
  return { prepared: preparePolicy(readBundle(bytes)), bytes: Uint8Array.from(bytes), tests }
}

try {
  const answer = await make(workerData as PolicyJob)
  parentPort?.postMessage(answer, 'prepared' in answer ? [answer.prepared.image.memory.buffer, answer.bytes.buffer as ArrayBuffer] : [])
} catch (cause) {
  // Anything else ends the thread, which is a fault as well.
  if (!(cause instanceof PolicyError)) throw cause
  const { code, message, findings } = cause
  parentPort?.postMessage({ fault: { code, message, findings } } satisfies Answer)
}
