// MCP's own names for what the pipeline hands a protocol: protocol.ts.
import type { Connection, Door, Gate } from '../../protocol.ts'
import type { McpUpstream } from './dial.ts'
import type { McpOperation } from './operation.ts'

export type McpGate = Gate<McpOperation, McpUpstream>
export type McpDoor = Door<McpOperation, McpUpstream>
export type McpExchange = Extract<Connection, { framing: 'exchange' }>
