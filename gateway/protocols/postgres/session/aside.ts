// A connection beside the sessions, for reading the catalogue: opened when it is asked, closed when nothing is asked for a while.
import type { StreamAccess } from '../../../protocol.ts'
import { RowReader, backendTag, encodeQuery, encodeTerminate, parseDiagnostic, type Frame } from '../messages.ts'
import { lockTimeoutMs, searchPath, type Ask } from '../sql/catalogue.ts'
import { login, type LoggedIn } from '../wire/login.ts'

const idleMs = 1_000
const parameters: ReadonlyMap<string, string> = new Map([['application_name', 'countersign'], ['client_encoding', 'UTF8'], ['lock_timeout', String(lockTimeoutMs)], ['search_path', searchPath], ['max_parallel_workers_per_gather', '0']])
type Rows = Awaited<ReturnType<Ask>>

interface Question { readonly rows: (string | null)[][]; failed: Error | undefined; resolve(rows: Rows): void; reject(error: Error): void }

/** Questions go out at once and are answered in order, each in a transaction of its own. The texts are constants of ours. */
export function createAside(access: StreamAccess, user: string, database: string): Ask {
  let line: Line | undefined
  return (sql) => {
    if (line === undefined || line.isOver) line = new Line(login({ access, user, database, parameters, signal: AbortSignal.timeout(access.target.upstream.timeoutMs) }))
    return line.ask(sql)
  }
}

class Line {
  isOver = false
  readonly #opened: Promise<LoggedIn>
  readonly #reader = new RowReader()
  #questions: Question[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(opened: Promise<LoggedIn>) {
    this.#opened = opened
    opened.then(({ socket, framer }) => {
      socket.on('data', (chunk: Uint8Array) => {
        try {
          for (const frame of framer.push(chunk)) this.#take(frame)
        } catch (error) {
          this.#end(error instanceof Error ? error : new Error('unreadable'))
        }
      })
      socket.once('close', () => this.#end(new Error('the connection was closed')))
      socket.resume()
    }, (error: unknown) => this.#end(error instanceof Error ? error : new Error('no connection')))
  }

  ask(sql: string): Promise<Rows> {
    clearTimeout(this.#timer)
    return new Promise((resolve, reject) => {
      this.#questions.push({ rows: [], failed: undefined, resolve, reject })
      this.#opened.then(({ socket }) => { socket.write(encodeQuery(sql)) }, () => undefined)
    })
  }

  #take({ tag, bytes }: Frame): void {
    const [question] = this.#questions
    if (tag === backendTag.error && question !== undefined) question.failed = new Error(`the server refused it: ${parseDiagnostic(bytes).get('C') ?? ''}`)
    else if (tag === backendTag.dataRow && question !== undefined) question.rows.push(this.#reader.reset(bytes).texts())
    else if (tag === backendTag.ready) {
      this.#questions.shift()
      if (question?.failed !== undefined) question.reject(question.failed)
      else question?.resolve(question.rows)
      if (this.#questions.length === 0) this.#timer = setTimeout(() => this.#end(new Error('nothing was asked for a while')), idleMs).unref()
    }
  }

  #end(error: Error): void {
    if (this.isOver) return
    this.isOver = true
    clearTimeout(this.#timer)
    for (const { reject } of this.#questions.splice(0)) reject(error)
    this.#opened.then(({ socket }) => { socket.end(encodeTerminate()) }, () => undefined)
  }
}
