// Entry of the thread in which a tree is read. Started only by tree-thread.ts, which owns the deadline.
import { parentPort, workerData } from 'node:worker_threads'
import { GatewayError } from '../errors.ts'
import { createCatFile } from './cat-file.ts'
import { mirrorLimits } from './mirror.ts'
import { createPolicyRepository } from './repository.ts'
import type { TreeAnswer, TreeJob } from './tree-thread.ts'

const { path, ref, environment, commit } = workerData as TreeJob
// Nothing is fetched here; Git ends with this thread, which was its only reader.
const outside = environment && { refresh: () => Promise.resolve(), read: createCatFile({ gitdir: path, environment, maxFileBytes: mirrorLimits.packBytes }, mirrorLimits.readMs) }
try {
  const tree = await createPolicyRepository(path, ref, outside).readTree(commit)
  // Copies of their own, which can be given away.
  const source = new Map([...tree.source].map(([name, bytes]) => [name, Uint8Array.from(bytes)]))
  parentPort?.postMessage({ tree: { ...tree, source } } satisfies TreeAnswer, [...source.values()].map(({ buffer }) => buffer))
} catch (cause) {
  // Anything else ends the thread, which is a fault as well.
  if (!(cause instanceof GatewayError)) throw cause
  parentPort?.postMessage({ fault: { code: cause.code, message: cause.message } } satisfies TreeAnswer)
}
