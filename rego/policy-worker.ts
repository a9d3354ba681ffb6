// Entry of the thread in which a policy is made. Started only by policy-thread.ts, which owns the deadline.
import { parentPort, workerData } from 'node:worker_threads'
import { readBundle } from './bundle.ts'
import { compileBundle } from './compiler.ts'
import { PolicyError } from './errors.ts'
import { preparePolicy } from './policy.ts'
import type { Answer, PolicyJob } from './policy-thread.ts'
import { compileTested, type TestedBundle } from './tested.ts'
import { warmUp } from './warm-up.ts'

async function make(job: PolicyJob): Promise<Answer> {
  const { bytes, tests } = await bundleOf(job)
  const prepared = preparePolicy(readBundle(bytes, { minimumSerial: 'bytes' in job ? job.minimumSerial : job.serial }))
  if (job.isCold !== true) await warmUp(prepared.image, () => performance.now())
  // A copy of its own, which can be given away.
  return { prepared, bytes: Uint8Array.from(bytes), tests }
}

async function bundleOf(job: PolicyJob): Promise<TestedBundle> {
  if ('bytes' in job) return { bytes: job.bytes, tests: [] }
  return job.isTested ? await compileTested(job) : { bytes: await compileBundle(job), tests: [] }
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
