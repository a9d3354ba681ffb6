// A client that sends what it is told, byte by byte, and shows what the server answers: for tests of what no driver would send.
import { connect, type Socket } from 'node:net'
import { backendTag, encodeStartup, Framer, parseCommandTag, parseDiagnostic, parseReady, type Frame } from '../../../../gateway/protocols/postgres/messages.ts'

export interface RawClient {
  readonly socket: Socket
  /** What came before the first ReadyForQuery. */
  readonly greeting: readonly Frame[]
  /** Sends, and reads until so many ReadyForQuery messages are there. */
  ask(bytes: readonly Uint8Array[], readies?: number): Promise<readonly Frame[]>
  close(): void
}

/** To a server that trusts everybody. */
export async function openRaw(port: number, { minor = 0, parameters = {} }: { minor?: number; parameters?: Record<string, string> } = {}): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  const framer = new Framer('backend')
  let frames: Frame[] = []
  let wake: () => void = () => undefined
  let ended: Error | undefined
  socket.on('data', (chunk: Buffer) => {
    try { frames.push(...framer.push(chunk)) } catch (error) { ended = error as Error }
    wake()
  })
  socket.on('error', (error) => { ended = error; wake() })
  socket.on('close', () => { ended ??= new Error('the server closed the connection'); wake() })
  const read = async (readies: number): Promise<readonly Frame[]> => {
    while (frames.filter(({ tag }) => tag === backendTag.ready).length < readies) {
      if (ended !== undefined) throw ended
      await new Promise<void>((resolve) => { wake = resolve })
    }
    const taken = frames
    frames = []
    return taken
  }
  const ask = (bytes: readonly Uint8Array[], readies = 1) => {
    socket.write(Buffer.concat(bytes))
    return read(readies)
  }
  const greeting = await ask([encodeStartup({ major: 3, minor, parameters: new Map(Object.entries({ user: 'bank', database: 'postgres', ...parameters })) })])
  return { socket, greeting, ask, close: () => { socket.destroy() } }
}

/** The answer as a line: `1 2 C(INSERT 0 1) E(42601) Z(I)`. */
export function said(frames: readonly Frame[]): string {
  return frames.map(({ tag, bytes }) => {
    const letter = String.fromCharCode(tag)
    switch (tag) {
      case backendTag.error: return `${letter}(${parseDiagnostic(bytes).get('C')})`
      case backendTag.commandComplete: return `${letter}(${parseCommandTag(bytes)})`
      case backendTag.ready: return `${letter}(${parseReady(bytes)})`
      default: return letter
    }
  }).join(' ')
}
