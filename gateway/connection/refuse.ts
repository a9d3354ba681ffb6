// Refusals that happen before a target is known, said as RFC 9457 problem+json (or on a bare socket, when there is no request yet).
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { refusalWords, type Refusal } from '../refusal.ts'
import { lingerMs } from './limits.ts'

function problem(refused: Refusal): Buffer {
  const { http, title } = refusalWords[refused.code]
  return Buffer.from(JSON.stringify({ type: `urn:countersign:${refused.code}`, title, status: http, detail: refused.message, code: refused.code }))
}

export function refuseResponse(response: ServerResponse, refused: Refusal): void {
  const body = problem(refused)
  response.writeHead(refusalWords[refused.code].http, { 'content-type': 'application/problem+json', 'content-length': body.length, 'cache-control': 'no-store', connection: 'close' })
  response.end(body)
}

/** On a socket that has no response object: a parse error, or an upgrade that goes nowhere. */
export function refuseSocket(socket: Duplex, status: number, refused: Refusal): void {
  if (!socket.writable) { socket.destroy(); return }
  const body = problem(refused)
  linger(socket)
  socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body.toString('latin1')}`)
}

/** Ends a socket that nobody reads any more: Node would keep one whose peer does not close, or has left bytes unread, for good. */
export function linger(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref()
  socket.once('close', () => clearTimeout(timer))
}
