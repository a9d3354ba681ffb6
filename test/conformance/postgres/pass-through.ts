// A TCP pass-through: the peer that changes nothing. What fails through it fails by its place in the network, not by what a gateway does.
import net from 'node:net'
import type { Through } from './through.ts'

export async function startPassThrough(upstream: { readonly host: string; readonly port: number }): Promise<Through> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const origin = net.connect({ host: upstream.host, port: upstream.port, allowHalfOpen: true, noDelay: true })
    for (const [from, to] of [[client, origin], [origin, client]] as const) {
      sockets.add(from)
      from.on('data', (chunk: Buffer) => { if (!to.write(chunk)) from.pause() })
      to.on('drain', () => from.resume())
      from.on('end', () => to.end())
      from.on('error', () => to.destroy())
      from.on('close', () => { sockets.delete(from); to.destroy() })
    }
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const at = server.address()
  if (at === null || typeof at === 'string') throw new Error('no port')
  return {
    host: '127.0.0.1', port: at.port, password: 'unused',
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
