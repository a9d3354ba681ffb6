// Memory that large results go through. Left to the collector, it would be asked to mark the whole heap for every few tens of megabytes that pass:
// what nobody reads any more is given back at once.
import type { Out } from './out.ts'

/** What is shorter may lie in the runtime's pool, beside others'. */
export const leastGivenBack = Buffer.poolSize >>> 1

/** Only of what nobody else holds: whoever does finds it empty, never with others' bytes in it. */
export function giveBack(bytes: Uint8Array): void {
  if (bytes.length >= leastGivenBack && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0)
}

/** A read of the server's that `items` were made from: kept while one of them lies in it, or is yet to be made from it. */
export function giveBackRead(chunk: Uint8Array, items: readonly Out[]): void {
  const { buffer } = chunk
  if (chunk.length === buffer.byteLength && items.every((item) => item.kind !== 'later' && (item.kind === 'bytes' ? item.bytes.buffer !== buffer : item.part.bytes.buffer !== buffer && item.part.content.buffer !== buffer))) giveBack(chunk)
}
