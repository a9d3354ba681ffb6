// A PostgreSQL client that hides nothing: it sends any message in any order and keeps every byte that the other side sent (protocol 3.0, PG docs §54.7).
import net from 'node:net'

export interface Reply { readonly tag: string; readonly body: Buffer }
export interface ConnectOptions { readonly host?: string; readonly port: number; readonly user: string; readonly database: string; readonly password?: string; readonly parameters?: Readonly<Record<string, string>> }
export interface Extended {
  readonly sql: string
  /** As text; null is NULL. */
  readonly parameters?: readonly (string | null)[]
  readonly isBinary?: boolean
  readonly maxRows?: number
  /** What is described: the driver's habit decides where column origins are seen. */
  readonly describe?: 'portal' | 'statement' | 'nothing'
  readonly name?: string
}

const int16 = (value: number) => { const bytes = Buffer.alloc(2); bytes.writeInt16BE(value); return bytes }
const int32 = (value: number) => { const bytes = Buffer.alloc(4); bytes.writeInt32BE(value); return bytes }
const cstring = (text: string) => Buffer.from(`${text}\0`)
const valueBytes = (value: string | Uint8Array | null) => value === null ? int32(-1) : Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value as string)])

export function message(tag: string, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(tag), int32(body.length + 4), body])
}

/** Frontend messages (PG docs §54.7), each by its own name. */
export const write = {
  query: (sql: string) => message('Q', cstring(sql)),
  parse: (sql: string, name = '', types: readonly number[] = []) => message('P', cstring(name), cstring(sql), int16(types.length), ...types.map(int32)),
  bind: ({ portal = '', name = '', parameters = [], formats = [] }: { portal?: string; name?: string; parameters?: readonly (string | Uint8Array | null)[]; formats?: readonly number[] } = {}) =>
    message('B', cstring(portal), cstring(name), int16(0), int16(parameters.length), ...parameters.map(valueBytes), int16(formats.length), ...formats.map(int16)),
  describe: (kind: 'S' | 'P', name = '') => message('D', Buffer.from(kind), cstring(name)),
  execute: (portal = '', maxRows = 0) => message('E', cstring(portal), int32(maxRows)),
  close: (kind: 'S' | 'P', name = '') => message('C', Buffer.from(kind), cstring(name)),
  sync: () => message('S'),
  flush: () => message('H'),
  copyData: (data: string | Uint8Array) => message('d', Buffer.from(data as string)),
  copyDone: () => message('c'),
  copyFail: (reason: string) => message('f', cstring(reason)),
  functionCall: (oid: number, parameters: readonly (string | Uint8Array | null)[] = [], isBinary = false) =>
    message('F', int32(oid), int16(1), int16(isBinary ? 1 : 0), int16(parameters.length), ...parameters.map(valueBytes), int16(isBinary ? 1 : 0)),
  terminate: () => message('X'),
}

/** Nothing under test is silent this long: what does not answer fails its test, and holds up no other. ms */
const maxSilenceMs = 120_000
/** Not the one that a test puts in its place. */
const realTimeout = setTimeout
class SilenceError extends Error {}

export class PostgresClient {
  readonly #socket: net.Socket
  readonly #chunks: Buffer[] = []
  #rest = Buffer.alloc(0)
  #queue: Reply[] = []
  #waiting: ((reply: Reply | undefined) => void) | undefined
  #isClosed = false
  #sink: ((chunk: Buffer) => void) | undefined
  readonly server: { readonly host: string; readonly port: number }
  key: Buffer | undefined
  parameters = new Map<string, string>()
  /** Of the last ReadyForQuery: I, T or E. */
  status = ''

  /** @throws when the other side refuses: {@link Refused} with its ErrorResponse */
  static async connect(options: ConnectOptions): Promise<PostgresClient> {
    const { host = '127.0.0.1', port, user, database, password = '', parameters = {} } = options
    const socket = net.connect({ host, port, noDelay: true })
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
    const client = new PostgresClient(socket, { host, port })
    const body = Buffer.concat([int32(196_608), ...Object.entries({ user, database, ...parameters }).flat().map(cstring), Buffer.from([0])])
    client.send(Buffer.concat([int32(body.length + 4), body]))
    for (;;) {
      const { tag, body: content } = await client.next()
      if (tag === 'E') { client.destroy(); throw new Refused(content) }
      if (tag === 'R' && content.readInt32BE(0) === 3) client.send(message('p', cstring(password)))
      else if (tag === 'R' && content.readInt32BE(0) !== 0) throw new Error(`authentication method ${content.readInt32BE(0)} is not this client's`)
      else if (tag === 'K') client.key = content
      else if (tag === 'Z') return client
    }
  }

  constructor(socket: net.Socket, server: { readonly host: string; readonly port: number }) {
    this.#socket = socket
    this.server = server
    socket.on('data', (chunk: Buffer) => {
      if (this.#sink !== undefined) { this.#sink(chunk); return }
      this.#chunks.push(chunk)
      this.#rest = Buffer.concat([this.#rest, chunk])
      this.#split()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => { this.#isClosed = true; this.#waiting?.(undefined); this.#waiting = undefined })
  }

  /** Every byte received so far. */
  get received(): Buffer { return Buffer.concat(this.#chunks) }
  get isClosed(): boolean { return this.#isClosed }

  send(...messages: readonly Uint8Array[]): void { this.#socket.write(Buffer.concat(messages)) }

  /** @throws when the connection ended, or nothing comes */
  async next(): Promise<Reply> {
    const queued = this.#queue.shift()
    if (queued !== undefined) return queued
    if (this.#isClosed) throw new Error('the connection is closed')
    const { promise, resolve, reject } = Promise.withResolvers<Reply | undefined>()
    this.#waiting = resolve
    const timer = realTimeout(() => reject(new SilenceError(`nothing was said for ${maxSilenceMs / 1000} s`)), maxSilenceMs).unref()
    const reply = await promise.finally(() => clearTimeout(timer))
    if (reply === undefined) throw new Error('the connection was closed')
    return reply
  }

  /** Up to and with the first message of one of these tags; what an end of the connection leaves is given as it is. */
  async until(tags = 'Z'): Promise<Reply[]> {
    const replies: Reply[] = []
    for (;;) {
      try {
        replies.push(await this.next())
      } catch (error) {
        if (error instanceof SilenceError) throw error
        return replies
      }
      if (tags.includes(replies.at(-1)?.tag ?? '')) return replies
    }
  }

  async simple(sql: string): Promise<Reply[]> {
    this.send(write.query(sql))
    return await this.until()
  }

  async extended({ sql, parameters = [], isBinary = false, maxRows = 0, describe = 'portal', name = '' }: Extended): Promise<Reply[]> {
    this.send(
      write.parse(sql, name), ...describe === 'statement' ? [write.describe('S', name)] : [], write.bind({ name, parameters, formats: [isBinary ? 1 : 0] }),
      ...describe === 'portal' ? [write.describe('P')] : [], write.execute('', maxRows), ...maxRows === 0 ? [] : [write.execute('', maxRows), write.execute('')], write.sync(),
    )
    return await this.until()
  }

  /** Several messages in one write, with as many Syncs as they have. */
  async pipeline(messages: readonly Uint8Array[]): Promise<Reply[]> {
    this.send(...messages)
    const ready = messages.filter((one) => 'QSF'.includes(String.fromCharCode(one[0] ?? 0))).length
    const replies: Reply[] = []
    for (let seen = 0; seen < ready && !this.#isClosed; seen++) replies.push(...await this.until())
    return replies
  }

  /** Runs one text and keeps nothing of the answer. @returns its bytes @throws when it begins with an error */
  async drain(sql: string): Promise<number> {
    let bytes = 0
    let tail = Buffer.alloc(0)
    let refused: Buffer | undefined
    const ended = new Promise<void>((resolve) => {
      this.#sink = (chunk) => {
        if (bytes === 0 && chunk[0] === 0x45) refused = chunk.subarray(5, 1 + chunk.readInt32BE(1))
        bytes += chunk.length
        tail = Buffer.concat([tail, chunk.subarray(-6)]).subarray(-6)
        if (tail.length === 6 && tail[0] === 0x5a && tail.readInt32BE(1) === 5) resolve()   // ReadyForQuery at the end of what has come
      }
      this.#socket.once('close', resolve)
    })
    this.send(write.query(sql))
    await ended
    this.#sink = undefined
    if (refused !== undefined) throw new Refused(refused)
    return bytes
  }

  /** COPY … FROM STDIN. */
  async copyIn(sql: string, data: readonly string[]): Promise<Reply[]> {
    this.send(write.query(sql))
    const started = await this.until('GZ')
    if (started.at(-1)?.tag !== 'G') return started
    this.send(...data.map(write.copyData), write.copyDone())
    return [...started, ...await this.until()]
  }

  async functionCall(oid: number, parameters: readonly (string | Uint8Array | null)[] = [], isBinary = false): Promise<Reply[]> {
    this.send(write.functionCall(oid, parameters, isBinary))
    return await this.until()
  }

  /** Over a connection of its own, as the protocol wants it (§54.2.8). */
  async cancel(): Promise<void> {
    if (this.key === undefined) throw new Error('no key was given')
    const socket = net.connect(this.server)
    socket.on('error', () => undefined)
    const ended = new Promise((resolve) => socket.once('close', resolve))
    const body = Buffer.concat([int32(80_877_102), this.key])
    socket.write(Buffer.concat([int32(body.length + 4), body]))
    socket.resume()
    await ended
  }

  /** Messages that come unasked within the time, such as notifications. */
  async idle(ms: number): Promise<Reply[]> {
    await new Promise((resolve) => setTimeout(resolve, ms))
    return this.#queue.splice(0)
  }

  async end(): Promise<void> {
    if (this.#isClosed) return
    const closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.end(write.terminate())
    await closed
  }

  destroy(): void { this.#socket.destroy() }

  /** Reads nothing any more. */
  pause(): void { this.#socket.pause() }

  #split(): void {
    while (this.#rest.length >= 5) {
      const length = this.#rest.readInt32BE(1)
      if (this.#rest.length < length + 1) return
      const reply = { tag: String.fromCharCode(this.#rest[0] ?? 0), body: this.#rest.subarray(5, length + 1) }
      this.#rest = this.#rest.subarray(length + 1)
      if (reply.tag === 'Z') this.status = reply.body.toString()
      if (reply.tag === 'S') { const [name = '', value = ''] = reply.body.toString().split('\0'); this.parameters.set(name, value) }
      const waiting = this.#waiting
      this.#waiting = undefined
      if (waiting === undefined) this.#queue.push(reply)
      else waiting(reply)
    }
  }
}

export class Refused extends Error {
  readonly fields: Readonly<Record<string, string>>
  constructor(body: Uint8Array) {
    const fields = errorFields(body)
    super(`${fields['C']}: ${fields['M']}`)
    this.fields = fields
  }
}

/** Of ErrorResponse and NoticeResponse (§54.8): S severity, C code, M message, D detail, H hint … */
export function errorFields(body: Uint8Array): Record<string, string> {
  return Object.fromEntries(Buffer.from(body).toString().split('\0').filter((field) => field !== '').map((field) => [field[0], field.slice(1)]))
}

/** The first error's fields, or undefined. */
export const errorOf = (replies: readonly Reply[]): Record<string, string> | undefined => {
  const error = replies.find(({ tag }) => tag === 'E')
  return error === undefined ? undefined : errorFields(error.body)
}

/** Cells of every DataRow, as bytes; null is NULL. */
export function cells(replies: readonly Reply[]): (Buffer | null)[][] {
  return replies.filter(({ tag }) => tag === 'D').map(({ body }) => {
    const row: (Buffer | null)[] = []
    for (let at = 2; at < body.length;) {
      const length = body.readInt32BE(at)
      at += 4
      row.push(length < 0 ? null : body.subarray(at, at + length))
      at += Math.max(0, length)
    }
    return row
  })
}

export const texts = (replies: readonly Reply[]): (string | null)[][] => cells(replies).map((row) => row.map((cell) => cell?.toString() ?? null))
