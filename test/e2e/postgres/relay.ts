// A way to the server on which a test decides when something arrives: what the gateway says in its sessions, and its cancel requests, can be held back.
import net from 'node:net'
import { once } from 'node:events'

const cancelRequest = 80_877_102

export interface Relay {
  readonly port: number
  /** What the gateway has said since `hold`, all of it held back. */
  readonly held: string
  /** Cancel requests that wait. */
  readonly cancels: number
  hold(): void
  release(): void
  /** Of the sessions in which the gateway says this from now on: what the server answers there is held back. */
  holdReplies(to: string): void
  /** Answers wait. */
  readonly isReplying: boolean
  releaseReplies(): void
  holdCancels(): void
  /** Resolves when the server has taken them. */
  releaseCancels(): Promise<void>
  close(): Promise<void>
}

export async function startRelay(to: number): Promise<Relay> {
  const sockets = new Set<net.Socket>()
  let held: (readonly [net.Socket, Buffer])[] | undefined
  let asked: string | undefined
  const late = new Map<net.Socket, Buffer[]>()
  let cancels: (() => Promise<unknown>)[] | undefined
  let waiting = 0
  const server = net.createServer((near) => {
    const far = net.connect({ host: '127.0.0.1', port: to, noDelay: true })
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.once('close', () => { sockets.delete(socket); other.destroy() })
    }
    far.on('data', (chunk: Buffer) => { const waiting = late.get(near); if (waiting === undefined) near.write(chunk); else waiting.push(chunk) })
    near.on('end', () => far.end())
    near.once('data', (first: Buffer) => {
      const isCancel = first.length >= 8 && first.readInt32BE(4) === cancelRequest
      const pass = (chunk: Buffer): void => {
        if (asked !== undefined && !late.has(near) && chunk.includes(asked)) late.set(near, [])
        if (held === undefined) far.write(chunk)
        else held.push([far, chunk])
      }
      if (!isCancel) {
        near.on('data', pass)
        return pass(first)
      }
      const send = (): Promise<unknown> => {
        const taken = once(far, 'close')
        far.write(first)
        return taken
      }
      if (cancels === undefined) return void send()
      cancels.push(send)
      waiting++
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as net.AddressInfo).port,
    get held() { return Buffer.concat((held ?? []).map(([, chunk]) => chunk)).toString('latin1') },
    get cancels() { return waiting },
    hold() { held = [] },
    release() {
      for (const [far, chunk] of held ?? []) far.write(chunk)
      held = undefined
    },
    holdReplies(to) { asked = to },
    get isReplying() { return [...late.values()].some((chunks) => chunks.length > 0) },
    releaseReplies() {
      asked = undefined
      for (const [near, chunks] of late) for (const chunk of chunks) near.write(chunk)
      late.clear()
    },
    holdCancels() { cancels = [] },
    async releaseCancels() {
      const sent = (cancels ?? []).map((send) => send())
      cancels = undefined
      waiting = 0
      await Promise.all(sent)
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
