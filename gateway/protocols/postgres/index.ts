// PostgreSQL (wire protocol 3.0 and 3.2) as a protocol of the gateway: one client connection, one server connection, one recorded session.
import type { Protocol, StreamAccess } from '../../protocol.ts'
import { PostgresUpstream } from './dial.ts'
import type { PostgresOperation } from './operation.ts'
import { createHost } from './serve.ts'

export interface PostgresOptions {
  /** ms since the Unix epoch */
  readonly now: () => number
}

/** Statements of one session that wait for their end. What one read brought is decided as a whole, however many; the next read waits (`maxDue`). */
const maxInFlight = 8_192

export function createPostgres(options: PostgresOptions): Protocol<PostgresOperation, PostgresUpstream, StreamAccess> {
  const host = createHost(options)
  return {
    name: 'postgres', sessions: 'connection', maxInFlight, countsRows: true,
    dial: (access) => new PostgresUpstream(access),
    async run(client, door) {
      if (client.framing === 'bytes') return await host.serve(client, door)
      if (client.framing === 'exchange') client.response.destroy()
      else client.socket.destroy()
      return 'refused'
    },
  }
}
