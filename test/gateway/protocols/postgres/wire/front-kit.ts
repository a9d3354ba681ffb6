// The client's side of start-up in front of a real PostgreSQL: welcome, sign-in and login as a session would chain them, then bytes both ways.
// Identity is the real one; what passes between the two sides afterwards is nobody's concern here.
import { once } from 'node:events'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { Principal, Credential } from '../../../../../gateway/call.ts'
import type { PostgresSignIn } from '../../../../../gateway/config.ts'
import type { Machines } from '../../../../../gateway/identity/index.ts'
import { createIdentity } from '../../../../../gateway/identity/index.ts'
import { encodeBackendKeyData, encodeParameterStatus, encodeReady, parseDiagnostic } from '../../../../../gateway/protocols/postgres/messages.ts'
import { CancelKeys, type CancelMatch } from '../../../../../gateway/protocols/postgres/wire/cancel-keys.ts'
import { methodsFor, signIn, type SignedIn } from '../../../../../gateway/protocols/postgres/wire/credential.ts'
import { login, sendCancel, type LoggedIn } from '../../../../../gateway/protocols/postgres/wire/login.ts'
import { welcome, type Welcome } from '../../../../../gateway/protocols/postgres/wire/welcome.ts'
import type { ByteConnection, StreamAccess, TokenSource } from '../../../../../gateway/protocol.ts'
import type { Refusal } from '../../../../../gateway/refusal.ts'
import type { TestProvider } from '../../../identity/provider.ts'
import type { Authority } from './certificates.ts'

export const audience = 'https://gateway.bank.example/appdb'

export interface Front {
  readonly port: number
  readonly welcomed: Welcome[]
  readonly signedIn: SignedIn<Principal>[]
  readonly presented: Credential[]
  readonly cancels: CancelMatch<object>['kind'][]
  /** Ends everybody's time. */
  readonly timeout: AbortController
  close(): void
}

export interface FrontOptions {
  readonly tls?: Authority
  readonly methods?: readonly PostgresSignIn[]
  readonly machinePrefix?: string
  readonly allowAnyParameters?: boolean
  readonly provider?: TestProvider
  readonly machines?: Machines
  readonly tokensFrom?: TokenSource
  /** Absent: the client is let in and left alone. */
  readonly upstream?: StreamAccess
}

export async function openFront({ tls, methods = ['token'], machinePrefix, allowAnyParameters = false, provider, machines, tokensFrom, upstream }: FrontOptions = {}): Promise<Front> {
  const secureContext = tls === undefined ? undefined : createSecureContext(tls.issue('localhost', { dns: ['localhost'], ip: '127.0.0.1' }))
  const identity = createIdentity({ providers: provider === undefined ? [] : [provider.config], offBoarded: [], sponsors: {}, now: Date.now })
  const keys = new CancelKeys<LoggedIn>(Date.now)
  const open = new Set<Socket>()
  const front = { welcomed: [] as Welcome[], signedIn: [] as SignedIn<Principal>[], presented: [] as Credential[], cancels: [] as CancelMatch<object>['kind'][], timeout: new AbortController() }
  const entrance = {
    enter(credential: Credential): Promise<Principal | Refusal> | Principal | Refusal {
      front.presented.push(credential)
      return credential.kind === 'machine' && machines !== undefined ? machines.verify(credential.proof, 'appdb') : identity.verify(credential, audience)
    },
    ...machines === undefined ? {} : { challenge: (name: string) => machines.challenge(name) },
    ...tokensFrom === undefined ? {} : { tokensFrom: () => tokensFrom },
  }
  const serve = async (socket: Socket): Promise<void> => {
    const peer = { ip: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
    const client: ByteConnection = { framing: 'bytes', target: 'appdb', peer, socket, admit: () => true, ...secureContext === undefined ? {} : { secureContext } }
    const come = await welcome(client, { allowAnyParameters }, front.timeout.signal)
    front.welcomed.push(come)
    if (come.kind === 'cancel') {
      const found = keys.find(come.pid, come.key, peer.ip)
      front.cancels.push(found.kind)
      if (found.kind === 'session' && upstream !== undefined) await sendCancel(upstream, found.session.pid, found.session.key)
      socket.destroy()
    }
    if (come.kind !== 'startup') return
    const who = await signIn({ socket: come.socket, user: come.user, peer }, entrance, methodsFor(come.user, { signIn: methods, ...machinePrefix === undefined ? {} : { machinePrefix } }), front.timeout.signal)
    front.signedIn.push(who)
    if (who.kind !== 'entered' || upstream === undefined) return
    const there = await login({ access: upstream, user: 'bank', database: come.database, parameters: come.parameters, signal: front.timeout.signal })
    open.add(there.socket)
    const { pid, key, release } = keys.issue(there, come.minor, there.pid)
    come.socket.write(Buffer.concat([...[...there.parameters].map(([name, value]) => encodeParameterStatus(name, value)), encodeBackendKeyData(pid, key), encodeReady(there.status)]))
    come.socket.on('data', (chunk) => there.socket.write(chunk)).on('close', () => { there.socket.destroy(); release() })
    there.socket.on('data', (chunk) => come.socket.write(chunk)).on('close', () => come.socket.destroy())
  }
  const listener = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => undefined)
    serve(socket).catch(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return Object.assign(front, {
    port: (listener.address() as AddressInfo).port,
    close() {
      listener.close()
      for (const socket of open) socket.destroy()
    },
  })
}

/** A client that sends bytes and hears until the end. */
export interface Stranger {
  readonly socket: Socket
  send(...bytes: readonly (Uint8Array | string)[]): void
  /** The next so many bytes. */
  hear(length: number): Promise<Uint8Array>
  /** Everything until the server hangs up. */
  end(): Promise<Uint8Array>
}

export async function callOn(port: number): Promise<Stranger> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  await once(socket, 'connect')
  return strangerOn(socket)
}

export function strangerOn(socket: Socket): Stranger {
  let heard = Buffer.alloc(0)
  let isOver = false
  let wake = (): void => undefined
  socket.on('data', (chunk: Buffer) => { heard = Buffer.concat([heard, chunk]); wake() })
  socket.on('error', () => undefined)
  socket.on('close', () => { isOver = true; wake() })
  const until = async (isEnough: () => boolean): Promise<void> => { while (!isEnough() && !isOver) await new Promise<void>((resolve) => { wake = resolve }) }
  return {
    socket,
    send: (...bytes) => void socket.write(Buffer.concat(bytes.map((one) => Buffer.from(one as string)))),
    async hear(length) {
      await until(() => heard.length >= length)
      const taken = heard.subarray(0, length)
      heard = heard.subarray(length)
      return taken
    },
    async end() { await until(() => false); return heard },
  }
}

/** `FATAL 28000 message` of the ErrorResponse that these bytes are; their own text otherwise. */
export function spoken(bytes: Uint8Array): string {
  if (bytes[0] !== 0x45) return Buffer.from(bytes).toString('latin1')
  const length = Buffer.from(bytes).readInt32BE(1) + 1
  const fields = parseDiagnostic(bytes.subarray(0, length))
  return `${fields.get('V')} ${fields.get('C')} ${fields.get('M')}${bytes.length > length ? ' and more' : ''}`
}

/** The start-up packet as any client may spell it. */
export function startup(parameters: Readonly<Record<string, string>> | readonly (readonly [string, string])[], version = 0x3_0000, tail = '\0'): Uint8Array {
  const pairs = Array.isArray(parameters) ? parameters as readonly (readonly [string, string])[] : Object.entries(parameters)
  const body = Buffer.from(pairs.map(([name, value]) => `${name}\0${value}\0`).join('') + tail)
  return packet(version, body)
}

export function packet(code: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const bytes = Buffer.alloc(8 + body.length)
  bytes.writeInt32BE(bytes.length, 0)
  bytes.writeInt32BE(code, 4)
  bytes.set(body, 8)
  return bytes
}

export const sslRequest = packet(80877103)
export const gssRequest = packet(80877104)

