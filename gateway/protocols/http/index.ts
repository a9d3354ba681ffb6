// Plain HTTP (RFC 9110) as a protocol of the gateway.
import type { Protocol } from '../../protocol.ts'
import { HttpUpstream } from './dial.ts'
import type { HttpOperation } from './messages.ts'
import { compileRoutes, type Routes } from './routes.ts'
import { serveExchange } from './serve.ts'
import { serveUpgrade } from './upgrade.ts'

export interface HttpOptions {
  /** Base URL that callers use; challenges point below it. */
  readonly publicUrl: string
}

export function createHttp(options: HttpOptions): Protocol<HttpOperation, HttpUpstream> {
  /** Owned here: one entry per catalogue in force, gone with it. */
  const compiled = new WeakMap<object, Routes>()
  return {
    name: 'http',
    dial: (access) => new HttpUpstream(access),
    async run(client, door) {
      const { catalogue } = door.target
      let routes = compiled.get(catalogue)
      if (routes === undefined) compiled.set(catalogue, routes = compileRoutes(catalogue))
      if (client.framing === 'exchange') return serveExchange(client, door, routes, options.publicUrl)
      if (client.framing === 'upgrade') return serveUpgrade(client, door, routes, options.publicUrl)
      client.socket.destroy()
      return 'refused'
    },
  }
}
