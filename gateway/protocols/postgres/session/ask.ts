// Questions of the gateway's own on a session's connection: how names resolve there now. In extended messages under names of our own, so that
// they neither end the client's implicit transaction nor take its unnamed statement; the client sees nothing of them.
import { randomBytes } from 'node:crypto'
import type { PostgresUpstream } from '../dial.ts'
import { RowReader, encodeBind, encodeClose, encodeExecute, encodeParse, parseDiagnostic } from '../messages.ts'
import type { Ask } from '../sql/catalogue.ts'
import type { Own, SessionState } from './state.ts'

/** @returns a function for moments at which no reply is due; it rejects with the server's SQLSTATE */
export function createAsk(state: SessionState, upstream: PostgresUpstream): Ask {
  const name = `countersign_${randomBytes(12).toString('hex')}`
  /** A question that failed has left its statement, and its portal. */
  let isLeft = false
  return (sql) => new Promise((resolve, reject) => {
    const rows: (string | null)[][] = []
    const reader = new RowReader()
    const own: Own = {
      row(bytes) { rows.push(reader.reset(bytes).texts()) },
      failed(error) { isLeft = true; reject(new Error(`the server refused a question of the gateway: ${error === undefined ? 'no answer' : parseDiagnostic(error).get('C') ?? ''}`)) },
    }
    const last: Own = { ...own, end: () => resolve(rows) }
    if (isLeft) {
      for (const kind of ['P', 'S'] as const) {
        upstream.control({ kind: 'own', bytes: encodeClose(kind, name) })
        state.expect({ reply: 'close', own })
      }
      isLeft = false
    }
    for (const bytes of [encodeParse(name, sql, []), encodeBind({ portal: name, statement: name, formats: [], values: [], resultFormats: [] }), encodeExecute(name, 0), encodeClose('P', name), encodeClose('S', name)]) upstream.control({ kind: 'own', bytes })
    state.expect({ reply: 'parse', own })
    state.expect({ reply: 'bind', own })
    state.expect({ reply: 'execute', own })
    state.expect({ reply: 'close', own })
    state.expect({ reply: 'close', own: state.isUnsynced ? last : own })
    if (state.isUnsynced) upstream.control({ kind: 'flush' })
    else {
      upstream.control({ kind: 'sync' })
      state.expect({ reply: 'ready', isSync: true, own: last })
    }
    upstream.flush()
  })
}
