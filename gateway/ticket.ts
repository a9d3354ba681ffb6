// The change ticket that a caller names for what it does. It is the caller's word: nobody looked it up, and a policy that asks for one asks
// for a claim that an auditor can follow up. So it is short, of characters that no log, header or ticket system reads otherwise, or refused.
import type { Json } from './call.ts'
import { refusal, RefusalError } from './refusal.ts'

const maxTicketChars = 64
/** Letters and digits at both ends: `CHG0031042`, `JIRA-7`, `ops/db#412`. */
const form = /^[A-Za-z0-9](?:[A-Za-z0-9._:/#-]*[A-Za-z0-9])?$/
export const ticketForm = `at most ${maxTicketChars} letters, digits and . _ : / # -, a letter or digit first and last`

/** Of HTTP, and of MCP over it; never forwarded. */
export const ticketHeader = 'countersign-ticket'
/** Member of an MCP message's `_meta`. */
export const ticketMeta = 'countersign/ticket'
/** PostgreSQL start-up parameter, also in `options` (`-c countersign.ticket=CHG0031042`): the connection's, never forwarded. */
export const ticketParameter = 'countersign.ticket'

export function isTicket(text: string): boolean {
  return text.length <= maxTicketChars && form.test(text)
}

/**
 * @param written absent or empty: none
 * @param at how the caller knows the place it wrote it in
 * @throws RefusalError `request.params`: half a ticket is no ticket
 */
export function readTicket(written: Json | readonly string[] | undefined, at: string): string | undefined {
  if (written === undefined || written === '') return undefined
  if (typeof written !== 'string' || !isTicket(written)) throw new RefusalError(refusal('request.params', `${at}: expected ${ticketForm}`))
  return written
}
