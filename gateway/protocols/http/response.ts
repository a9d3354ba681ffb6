// The head of an answer to the caller: only headers that carry no value of the result and no credential of the upstream.
import type { Permit } from '../../call.ts'
import type { AnswerHeaders } from '../../protocol.ts'
import { mediaType, type HttpOperation } from './messages.ts'

const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/
const words = /^[A-Za-z*][A-Za-z*, -]{0,199}$/
/** Set-Cookie and WWW-Authenticate are the upstream's business with the gateway, not with the caller. */
const passed = ['content-type', 'content-language', 'last-modified', 'retry-after', 'allow', 'vary', 'deprecation', 'sunset'] as const
/** What they may say where values are masked: dates, counts and names, and nothing that somebody could hide in them. */
const shapes: Readonly<Record<string, RegExp>> = {
  'content-language': words, 'last-modified': date, 'retry-after': /^\d{1,6}$/, allow: words, vary: words, deprecation: /^@\d{1,12}$/, sunset: date,
}
/** These can hold values of the result, where no mask would reach them. */
const passedUnmasked = ['etag', 'location', 'content-location', 'content-disposition', 'link'] as const

export function answerHeaders(answer: { readonly status: number; readonly headers: AnswerHeaders }, permit: Permit<HttpOperation>, length: number | undefined): Record<string, string | string[] | number> {
  const headers: Record<string, string | string[] | number> = {}
  const isMasked = permit.call.decision.mask.length > 0
  for (const name of passed) {
    const value = answer.headers[name]
    if (value !== undefined && (!isMasked || (typeof value === 'string' && shapes[name]?.test(value) === true))) headers[name] = value
  }
  if (isMasked) {
    // Parameters are the upstream's words; the charset is the one the masks read.
    const { type } = mediaType(answer.headers['content-type'])
    if (/^[a-z]+\/[a-z][a-z0-9.+-]{0,80}$/.test(type)) headers['content-type'] = type.startsWith('text/') ? `${type}; charset=utf-8` : type
  } else {
    for (const name of passedUnmasked) {
      const value = answer.headers[name]
      if (value !== undefined) headers[name] = value
    }
  }
  // What one caller may see another may not: no shared cache may keep it (RFC 9111 §5.2.2.7).
  const caching = answer.headers['cache-control']
  headers['cache-control'] = typeof caching === 'string' && /no-store/i.test(caching) ? 'no-store' : 'private, no-transform'
  const isBodiless = answer.status === 204 || answer.status === 304
  if (length !== undefined && !isBodiless && permit.call.operation.message.method !== 'HEAD') headers['content-length'] = length
  if (mediaType(answer.headers['content-type']).type === 'text/event-stream') headers['x-accel-buffering'] = 'no'
  return headers
}
