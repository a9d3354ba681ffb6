// A request's body: collected whole up to a cap, or handed on as a stream from its first byte.
import type { IncomingMessage } from 'node:http'
import type { RequestBody } from '../protocol.ts'

const nothing = new Uint8Array(0)

/** Reads at most `maxBytes`; a longer body comes back as a stream and stays in the socket until somebody reads it. */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<RequestBody> {
  const declared = request.headers['content-length']
  if (declared === undefined && request.headers['transfer-encoding'] === undefined) {
    request.resume()
    return Promise.resolve({ kind: 'whole', bytes: nothing })
  }
  // llhttp has already refused a length that is not a number, is given twice, or comes with Transfer-Encoding.
  if (declared !== undefined && Number(declared) > maxBytes) return Promise.resolve({ kind: 'long', chunks: request })
  return collect(request, maxBytes)
}

function collect(request: IncomingMessage, maxBytes: number): Promise<RequestBody> {
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = []
    let size = 0
    const settle = (body: RequestBody): void => {
      request.off('data', onData)
      request.off('end', onEnd)
      request.off('close', onClose)
      request.off('error', onClose)
      resolve(body)
    }
    const onData = (chunk: Uint8Array): void => {
      chunks.push(chunk)
      size += chunk.length
      if (size <= maxBytes) return
      request.pause()
      settle({ kind: 'long', chunks: continued(chunks, request) })
    }
    const onEnd = (): void => {
      const only = chunks[0]
      settle({ kind: 'whole', bytes: chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, size) })
    }
    const onClose = (): void => settle({ kind: 'aborted' })
    request.on('data', onData)
    request.on('end', onEnd)
    request.on('close', onClose)
    request.on('error', onClose)
  })
}

/** What was read before the cap was passed, then the rest. */
async function* continued(chunks: readonly Uint8Array[], request: IncomingMessage): AsyncGenerator<Uint8Array> {
  yield* chunks
  for await (const chunk of request) yield chunk as Uint8Array
}
