// SQL text → parse tree, with PostgreSQL's own grammar (libpg-query). Whatever the text is, the answer is a tree or an error, never a throw.
// Short texts are parsed here; long ones in a worker, so that one caller's bulk INSERT does not stop the others.
import { Worker } from 'node:worker_threads'
import { loadModule } from 'libpg-query'
import type { ParsedLong } from './parse-long.ts'
import { parseText } from './parse-text.ts'
import type { Parsed } from './parse-text.ts'

/** Bytes of a text; more is refused unread. 100,000 rows of an INSERT take a second to parse. */
export const maxTextBytes = 1_048_576
/** Bytes of a text that is parsed on the spot: the worst of them, comments and nothing else, takes 0.15 s. */
const maxSyncBytes = 16_384
/** Texts that wait for the worker, and their UTF-16 units; more is refused. */
const maxWaiting = 1_024
const maxWaitingUnits = 64 * 1024 * 1024
/** For one text in the worker, start included. */
const deadlineMs = 10_000

export interface Parser extends AsyncDisposable {
  /** At once for a short text. */
  parse(text: string): Parsed | Promise<Parsed>
}

interface Waiting { readonly text: string; resolve(parsed: Parsed): void }

/** Loads the grammar. The worker starts with the first long text and again after it died. */
export async function createParser(): Promise<Parser> {
  await loadModule()
  const waiting: Waiting[] = []
  let units = 0
  let worker: Worker | undefined
  let timer: NodeJS.Timeout | undefined

  const settle = (parsed: Parsed): void => {
    clearTimeout(timer)
    const first = waiting.shift()
    units -= first?.text.length ?? 0
    first?.resolve(parsed)
    next()
  }
  const stop = (parsed: Parsed): void => {
    const dead = worker
    worker = undefined
    dead?.removeAllListeners()
    // The thread may still die of an error; nobody waits for it any more.
    dead?.on('error', () => undefined)
    void dead?.terminate()
    settle(parsed)
  }
  const start = (): Worker => {
    const started = new Worker(new URL(import.meta.url.endsWith('.ts') ? './parse-worker.ts' : './parse-worker.js', import.meta.url), { resourceLimits: { maxOldGenerationSizeMb: 512 } })
    started.on('message', (parsed: ParsedLong) => settle(parsed.status === 'ok' ? { status: 'ok', statements: JSON.parse(parsed.trees) as readonly unknown[], shape: parsed.shape } : parsed))
    started.on('error', () => stop(failed('the statement is too complex')))
    started.on('exit', () => stop(failed('the statement is too complex')))
    started.unref()
    return started
  }
  const next = (): void => {
    const [first] = waiting
    if (first === undefined) { worker?.unref(); return }
    worker ??= start()
    worker.ref()
    timer = setTimeout(() => stop(failed('the statement takes too long to parse')), deadlineMs)
    worker.postMessage(first.text)
  }

  return {
    parse(text) {
      // No character takes more than three bytes per UTF-16 unit: only texts that may be long are measured.
      if (text.length * 3 <= maxSyncBytes) return parseText(text)
      const bytes = Buffer.byteLength(text)
      if (bytes > maxTextBytes) return failed(`the statement is longer than ${maxTextBytes} bytes`)
      if (bytes <= maxSyncBytes) return parseText(text)
      if (waiting.length >= maxWaiting || units + text.length > maxWaitingUnits) return failed('too many long statements are waiting to be parsed')
      return new Promise((resolve) => {
        waiting.push({ text, resolve })
        units += text.length
        if (waiting.length === 1) next()
      })
    },
    async [Symbol.asyncDispose]() {
      clearTimeout(timer)
      worker?.removeAllListeners()
      for (const { resolve } of waiting.splice(0)) resolve(failed('the gateway is stopping'))
      await worker?.terminate()
    },
  }
}

function failed(message: string): Parsed {
  return { status: 'error', message, position: 0 }
}
