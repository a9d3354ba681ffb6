// One job in a thread of its own, while calls go on in this one. What goes wrong there is the job's fault, whoever's it was: the thread that asked goes on.
import { Worker } from 'node:worker_threads'
import { PolicyError, type PolicyErrorCode } from './errors.ts'

export interface ThreadLimits {
  /** For the start of the thread, too. */
  readonly deadlineMs: number
  /** Of its JavaScript heap. */
  readonly maxHeapMb: number
}

/**
 * @param entry posts one answer, which is taken at its word: it is code of ours
 * @param job cloned
 * @param what does it, for messages
 * @throws PolicyError ERR_TOOLCHAIN_DEADLINE, _MEMORY or _FAULT: it hangs, takes too much, or ends without an answer
 */
export async function runInThread<Answer>(entry: URL, job: unknown, what: string, { deadlineMs, maxHeapMb }: ThreadLimits): Promise<Answer> {
  const worker = new Worker(entry, { workerData: job, resourceLimits: { maxOldGenerationSizeMb: maxHeapMb } })
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise((resolve, reject) => {
      const fail = (code: PolicyErrorCode, message: string, cause?: unknown) => reject(new PolicyError(code, message, { cause }))
      timer = setTimeout(() => fail('ERR_TOOLCHAIN_DEADLINE', `${what} did not answer within ${deadlineMs} ms`), deadlineMs)
      worker.on('message', resolve)
      worker.on('messageerror', cause => fail('ERR_TOOLCHAIN_FAULT', `${what} gave no answer that can be read`, cause))
      worker.on('error', cause => {
        if ((cause as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY') fail('ERR_TOOLCHAIN_MEMORY', `${what} needs more than ${maxHeapMb} MiB of memory`, cause)
        else fail('ERR_TOOLCHAIN_FAULT', `${what} failed`, cause)
      })
      worker.on('exit', () => fail('ERR_TOOLCHAIN_FAULT', `${what} ended without an answer`))
    })
  } finally {
    clearTimeout(timer)
    // Nobody hears what it dies of any more.
    worker.removeAllListeners().on('error', () => undefined)
    void worker.terminate()
  }
}
