// The Model Context Protocol over Streamable HTTP, legacy and modern eras, as a protocol of the gateway.
import type { Protocol } from '../../protocol.ts'
import { refusal } from '../../refusal.ts'
import { McpUpstream } from './dial.ts'
import type { McpOperation } from './operation.ts'
import { serveExchange } from './serve.ts'
import { McpSessions } from './sessions.ts'

export interface McpOptions {
  /** Base URL that callers use; challenges point below it. */
  readonly publicUrl: string
}

export function createMcp(options: McpOptions): Protocol<McpOperation, McpUpstream> {
  /** Owned here: session ids are worth something at one target only. */
  const sessions = new Map<string, McpSessions>()
  return {
    name: 'mcp',
    dial: (access) => new McpUpstream(access),
    async run(client, door) {
      if (client.framing !== 'exchange') {
        door.turnAway(refusal('request.not_allowed', 'This target takes no upgrades'), client.peer)
        client.socket.destroy()
        return 'refused'
      }
      let ofTarget = sessions.get(client.target)
      if (ofTarget === undefined) sessions.set(client.target, ofTarget = new McpSessions())
      return serveExchange(client, door, ofTarget, options.publicUrl)
    },
  }
}
