// The upstream side of a session: one connection, signed in with credentials the client never sees. A statement leaves with its permit;
// everything else that leaves is one of a closed list, which carries no statement.
import type { Socket } from 'node:net'
import type { Permit } from '../../call.ts'
import type { StreamAccess, Upstream } from '../../protocol.ts'
import { encodeClose, encodeDescribe, encodeFlush, encodeSync, encodeTerminate, type Framer } from './messages.ts'
import type { PostgresOperation } from './operation.ts'
import { login, sendCancel, type LoggedIn } from './wire/login.ts'

/** What goes to the server and is no operation. */
export type Control =
  | { readonly kind: 'sync' | 'flush' | 'terminate' }
  | { readonly kind: 'describe' | 'close'; readonly of: 'S' | 'P'; readonly name: string }
  /** Made from a refusal, never from the refused bytes. */
  | { readonly kind: 'poison'; readonly bytes: Uint8Array }
  /** The gateway's own question, whole: its text is a constant of ours. */
  | { readonly kind: 'own'; readonly bytes: Uint8Array }

/** Leave to write the messages of one permitted operation; they may be spread over several reads. */
export interface RequestStream { write(bytes: Uint8Array): void }

export class PostgresUpstream implements Upstream<PostgresOperation> {
  readonly #access: StreamAccess
  #signedIn: LoggedIn | undefined
  #pending: Uint8Array[] = []

  constructor(access: StreamAccess) {
    this.#access = access
  }

  /** @throws RefusalError `upstream.*` */
  async start(options: { readonly user: string; readonly database: string; readonly parameters: ReadonlyMap<string, string>; readonly signal: AbortSignal }): Promise<LoggedIn> {
    const user = this.#access.user ?? options.user
    const database = this.#access.database ?? options.database
    return this.#signedIn = await login({ ...options, access: this.#access, user, database })
  }

  get access(): StreamAccess { return this.#access }
  /** The one that the session is in: config's, else the client's. */
  databaseFor(asked: string): string { return this.#access.database ?? asked }

  get socket(): Socket { return this.#connected.socket }
  get framer(): Framer { return this.#connected.framer }

  /** Spends the permit. Nothing is sent before `flush`. */
  forward(permit: Permit<PostgresOperation>): RequestStream {
    permit.spend()
    return { write: (bytes) => void this.#pending.push(bytes) }
  }

  control(message: Control): void {
    this.#pending.push(encodeControl(message))
  }

  /** One write for all of one read. @returns false when the server should be given time */
  flush(): boolean {
    const pieces = this.#pending
    const [only] = pieces
    if (only === undefined) return true
    this.#pending = []
    const { socket } = this
    return socket.destroyed || socket.write(pieces.length === 1 ? only : Buffer.concat(pieces))
  }

  /** Asks the server to end the statement under way. Resolves once it has taken the request, so that it cannot hit a later one. */
  async cancel(): Promise<void> {
    const { pid, key } = this.#connected
    await sendCancel(this.#access, pid, key)
  }

  end(): void {
    const { socket } = this.#signedIn ?? {}
    if (socket === undefined || socket.destroyed) return
    socket.end(encodeTerminate())
    setTimeout(() => socket.destroy(), closeGraceMs).unref()
  }

  get #connected(): LoggedIn {
    if (this.#signedIn === undefined) throw new Error('the upstream was not started')
    return this.#signedIn
  }
}

/** For a server that does not close its side. */
const closeGraceMs = 2_000

const sync = encodeSync()
const flush = encodeFlush()
const describePortal = encodeDescribe('P', '')

function encodeControl(message: Control): Uint8Array {
  switch (message.kind) {
    case 'sync': return sync
    case 'flush': return flush
    case 'terminate': return encodeTerminate()
    case 'describe': return message.of === 'P' && message.name === '' ? describePortal : encodeDescribe(message.of, message.name)
    case 'close': return encodeClose(message.of, message.name)
    case 'poison':
    case 'own': return message.bytes
  }
}
