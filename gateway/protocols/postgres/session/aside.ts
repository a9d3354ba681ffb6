// A connection beside a session's, for reading the catalogue: opened when it is asked, closed when nothing is asked for a while.
import type { StreamAccess } from '../../../protocol.ts'
import { RowReader, backendTag, encodeQuery, encodeTerminate, parseDiagnostic } from '../messages.ts'
import { lockTimeoutMs, type Ask } from '../sql/catalogue.ts'
import { login, type LoggedIn } from '../wire/login.ts'

const idleMs = 1_000
const parameters: ReadonlyMap<string, string> = new Map([['application_name', 'countersign'], ['client_encoding', 'UTF8'], ['lock_timeout', String(lockTimeoutMs)]])
const decoder = new TextDecoder()
type Rows = Awaited<ReturnType<Ask>>

/** By an error, after which the connection is as good as before. */
class Answered extends Error {}

/** One question at a time, in order. The texts are constants of ours. */
export function createAside(access: StreamAccess, user: string, database: string): Ask {
  let connected: LoggedIn | undefined
  let tail: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined

  async function ask(sql: string): Promise<Rows> {
    clearTimeout(timer)
    const open = connected ??= await login({ access, user, database, parameters, signal: AbortSignal.timeout(access.target.upstream.timeoutMs) })
    try {
      return await query(open, sql)
    } catch (error) {
      if (error instanceof Answered) throw error
      connected = undefined
      open.socket.destroy()
      throw error
    } finally {
      timer = setTimeout(() => {
        connected?.socket.end(encodeTerminate())
        connected = undefined
      }, idleMs)
      timer.unref()
    }
  }

  return (sql) => {
    const answer = tail.then(() => ask(sql))
    tail = answer.catch(() => undefined)
    return answer
  }
}

function query({ socket, framer }: LoggedIn, sql: string): Promise<Rows> {
  return new Promise((resolve, reject) => {
    const rows: (string | null)[][] = []
    const reader = new RowReader()
    let failed: Error | undefined
    const end = (error?: Error) => {
      socket.off('data', data)
      socket.off('close', closed)
      socket.pause()
      if (error === undefined) resolve(rows)
      else reject(error)
    }
    const closed = () => end(new Error('the connection was closed'))
    const data = (chunk: Uint8Array) => {
      try {
        for (const { tag, bytes } of framer.push(chunk)) {
          if (tag === backendTag.dataRow) {
            reader.reset(bytes)
            rows.push(Array.from({ length: reader.count }, (_, i) => reader.isNull(i) ? null : decoder.decode(bytes.subarray(reader.start(i), reader.end(i)))))
          } else if (tag === backendTag.error) failed = new Answered(`the server refused it: ${parseDiagnostic(bytes).get('C') ?? ''}`)
          else if (tag === backendTag.ready) return end(failed)
        }
      } catch (error) {
        end(error instanceof Error ? error : new Error('unreadable'))
      }
    }
    socket.on('data', data)
    socket.once('close', closed)
    socket.write(encodeQuery(sql))
    socket.resume()
  })
}

