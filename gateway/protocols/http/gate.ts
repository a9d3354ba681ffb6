// HTTP's own names for what the pipeline hands a protocol: protocol.ts.
import type { Connection, Door, Gate } from '../../protocol.ts'
import type { HttpUpstream } from './dial.ts'
import type { HttpOperation } from './messages.ts'

export type HttpGate = Gate<HttpOperation, HttpUpstream>
export type HttpDoor = Door<HttpOperation, HttpUpstream>
export type HttpExchange = Extract<Connection, { framing: 'exchange' }>
