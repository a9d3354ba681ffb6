// The decision log as OPA's decision log service takes it: POST <url>/logs, a gzipped JSON array. Slow receivers are waited for, never
// skipped; only an event that is too large for one by itself is lost, and counted.
import { gzipSync } from 'node:zlib'
import { Agent, request } from 'undici'
import type { Sink } from './queue.ts'

/** What OPA's own default allows one upload to grow to, uncompressed. */
const maxBatchChars = 512 * 1024
const lingerMs = 1_000
const timeoutMs = 10_000
/** Of one delivery from connecting to the last byte of the answer: each byte alone may come in time, for ever. */
const defaultDeadlineMs = 30_000
const firstRetryMs = 500
const maxRetryMs = 60_000
const maxAnswerBytes = 64 * 1024

export interface HttpSinkOptions {
  /** Base URL; `/logs` is added. */
  readonly url: string
  /** Bearer token, resolved each time: a secret may be replaced. */
  readonly token?: () => string
  readonly onFault: (error: unknown) => void
  /** ms of one delivery. */
  readonly deadlineMs?: number
}

export function createHttpSink({ url, token, onFault, deadlineMs = defaultDeadlineMs }: HttpSinkOptions): Sink {
  const agent = new Agent({ connections: 1, headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connect: { timeout: timeoutMs }, maxResponseSize: maxAnswerBytes })
  let failures = 0

  const failed = (error: unknown, afterMs = 0): number => {
    onFault(error)
    return Math.max(afterMs, Math.min(maxRetryMs, firstRetryMs * 2 ** Math.min(failures++, 16)))
  }

  return {
    maxBatchChars, lingerMs,
    async deliver(lines) {
      try {
        const { statusCode, headers, body } = await request(`${url}/logs`, {
          method: 'POST', dispatcher: agent, signal: AbortSignal.timeout(deadlineMs), body: gzipSync(`[${lines.join(',')}]`),
          headers: { 'content-type': 'application/json', 'content-encoding': 'gzip', ...token === undefined ? {} : { authorization: `Bearer ${token()}` } },
        })
        // What it answered is said by now: the rest is read for the connection's sake, and where it does not end in time nothing is sent twice.
        await body.dump()
        if (statusCode === 413) {
          onFault(new Error(`the decision log service does not take ${lines.length} events at once`))
          return 'too_large'
        }
        if (statusCode < 200 || statusCode > 299) return failed(new Error(`the decision log service answered ${statusCode}`), retryAfterMs(headers['retry-after']))
        failures = 0
        return undefined
      } catch (error) {
        return failed(error)
      }
    },
    close: () => agent.destroy(),
  }
}

/** Seconds (RFC 9110 §10.2.3); a date or nonsense is the usual pause. */
function retryAfterMs(value: string | string[] | undefined): number {
  return typeof value === 'string' && /^\d{1,5}$/.test(value) ? Math.min(Number(value) * 1000, maxRetryMs) : 0
}
