// SQL text → parse tree, with PostgreSQL's own grammar (libpg-query). Whatever the text is, the answer is a tree or an error, never a throw.
// Short texts are parsed here; long ones in a worker, so that one caller's bulk INSERT does not stop the others.
import { Worker } from 'node:worker_threads'
import { loadModule } from 'libpg-query'
import { parseText } from './parse-text.ts'
import type { Parsed } from './parse-text.ts'

/** Bytes of a text; more is refused unread. 100,000 rows of an INSERT take a second to parse. */
export const maxTextBytes = 1_048_576
/** Bytes of a text that is parsed on the spot. */
const maxSyncBytes = 65_536
/** Texts that wait for the worker; more is refused. */
const maxWaiting = 64
/** For one text in the worker, start included. */
const deadlineMs = 10_000

/** A Query or Parse text as the wire gives it, without its terminating NUL. */
export type Text = { readonly status: 'ok'; readonly text: string } | { readonly status: 'error'; readonly reason: 'too_long' | 'nul' | 'encoding'; readonly message: string }

/** Hard refusals: these texts reach neither policy nor server. */
export function readText(bytes: Uint8Array): Text {
  if (bytes.length > maxTextBytes) return { status: 'error', reason: 'too_long', message: `the statement is longer than ${maxTextBytes} bytes` }
  if (bytes.includes(0)) return { status: 'error', reason: 'nul', message: 'the statement holds a NUL byte' }
  try {
    return { status: 'ok', text: strictUtf8.decode(bytes) }
  } catch {
    return { status: 'error', reason: 'encoding', message: 'the statement is not valid UTF-8' }
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export interface Parser extends AsyncDisposable {
  /** At once for a short text. */
  parse(text: string): Parsed | Promise<Parsed>
}

interface Waiting { readonly text: string; resolve(parsed: Parsed): void }

/** Loads the grammar. The worker starts with the first long text and again after it died. */
export async function createParser(): Promise<Parser> {
  await loadModule()
  const waiting: Waiting[] = []
  let worker: Worker | undefined
  let timer: NodeJS.Timeout | undefined

  const settle = (parsed: Parsed): void => {
    clearTimeout(timer)
    waiting.shift()?.resolve(parsed)
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
    started.on('message', (parsed: Parsed) => settle(parsed))
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
      if (waiting.length >= maxWaiting) return failed('too many long statements are waiting to be parsed')
      return new Promise((resolve) => {
        waiting.push({ text, resolve })
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
