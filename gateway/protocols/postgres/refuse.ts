// Refusals in PostgreSQL's words: the fields of an ErrorResponse, and the poison by which the server itself fails a denied message,
// aborts its transaction and skips to Sync (PostgreSQL 18, §54.2.2–54.2.4, §54.8, Appendix A).
import { randomUUID } from 'node:crypto'
import { refusalWords, type Refusal, type RefusalCode } from '../../refusal.ts'
import { encodeBind, encodeCopyFail, encodeError, encodeExecute, encodeFunctionCall, encodeParse, encodeQuery } from './messages.ts'

/** Of one field. A policy's message may be as long as its author likes; a client's log line should not. */
const maxFieldLength = 4_000
const maxReasons = 20

export function sqlStateOf(code: RefusalCode): string {
  return refusalWords[code].sqlState
}

export interface Saying {
  /** FATAL where the connection ends with it. */
  readonly severity: 'ERROR' | 'FATAL'
  /** 1-based character position in the text, where the parser gave one. */
  readonly position?: number
  /** Where something more exact is known than the refusal's code: 42601 of a parser, 22021 of a text that is not UTF-8, 57014 of a cancelled wait. */
  readonly sqlState?: string
  /** PostgreSQL's own words for what that code says; the reason stands in DETAIL all the same. */
  readonly message?: string
  /** Where more is known of what became of the statement than the refusal's code tells. */
  readonly advice?: string
}

/** Fields by letter, in PostgreSQL's order. They say why, by which rule and what to do, never what the statement held. */
export function refusalFields(refused: Refusal, saying: Saying): Map<string, string> {
  const fields = new Map([['S', saying.severity], ['V', saying.severity], ['C', saying.sqlState ?? stateOf(refused)], ['M', clean(saying.message ?? refused.message)]])
  const detail = detailOf(refused)
  if (detail !== '') fields.set('D', detail)
  fields.set('H', hintOf(refused, saying.advice))
  if (saying.position !== undefined && saying.position > 0) fields.set('P', String(saying.position))
  return fields
}

/** The ErrorResponse of a refusal that leaves the session alive. */
export function errorOf(refused: Refusal, saying: Partial<Saying> = {}): Uint8Array {
  return encodeError(refusalFields(refused, { severity: 'ERROR', ...saying }))
}

/** A limit that passes with time is PostgreSQL's `configuration_limit_exceeded`; any other is `program_limit_exceeded`. */
function stateOf(refused: Refusal): string {
  return refused.code === 'policy.limit' && refused.retryAfterS !== undefined ? '53400' : sqlStateOf(refused.code)
}

function detailOf({ reasons }: Refusal): string {
  const lines = reasons.slice(0, maxReasons).map(({ id, msg }) => `${id}: ${msg}`)
  if (reasons.length > maxReasons) lines.push(`and ${reasons.length - maxReasons} more`)
  return clean(lines.join('\n'))
}

function hintOf(refused: Refusal, advice = adviceOf(refused)): string {
  const receipt = [
    refused.decisionId === undefined ? '' : `Decision ${refused.decisionId}.`,
    refused.frame === undefined ? '' : `Recorded as frame ${refused.frame}.`,
  ].filter((part) => part !== '')
  return clean([advice, ...receipt].join(' '))
}

function adviceOf(refused: Refusal): string {
  switch (refused.code) {
    case 'approval.pending':
      if (refused.approval === undefined) return 'Nothing was run. Run exactly the same statement again to ask anew.'   // nobody decided in time
      return `Nothing was run. A person decides at ${refused.approval.url} (approval ${refused.approval.id}); then run exactly the same statement again.`
    case 'approval.rejected': return 'Nothing was run. Do not repeat it; ask the person who decides.'
    case 'approval.superseded': return 'Nothing was run. Run it again to ask under the policy in force now.'
    case 'policy.denied':
    case 'policy.error':
    case 'policy.unenforceable': return 'Nothing was run, and repeating it will be refused again: change what the reason names.'
    case 'mask.unenforceable': return 'Ask for the columns by name and as text.'
    case 'mask.failed':
    case 'upstream.too_large': return 'The statement was run and its result withheld: ask for less.'
    case 'record.ambiguous': return 'The statement may have taken effect: have a person look before it is repeated.'
    case 'upstream.timeout':
    case 'upstream.broken': return 'The statement may have taken effect: look before it is repeated.'
    case 'identity.token_missing':
    case 'identity.token_invalid':
    case 'identity.token_expired':
    case 'identity.audience': return 'Connect with a fresh token issued for this target as the password.'
    default: break
  }
  if (refused.retryAfterS !== undefined) return `Try again in ${refused.retryAfterS} s.`
  return refusalWords[refused.code].isRetryable ? 'Try again later.' : 'Repeating it will be refused again.'
}

/** A NUL would end the field early; the cut falls between code points. */
function clean(text: string): string {
  const whole = text.replaceAll('\0', '�')
  return whole.length <= maxFieldLength ? whole : `${whole.slice(0, maxFieldLength - 1).toWellFormed()}…`
}

/**
 * A name that nobody has given anything, in one poison and its one error. Make a fresh one for each refusal: a client can see a used one
 * (`client_min_messages = debug2` says names aloud, pg_stat_activity shows texts) and could name a statement or portal of its own like it.
 */
export function poisonNonce(): string {
  return `countersign_refused_${randomUUID().replaceAll('-', '')}`
}

/** 52 characters, so no server cuts it at 63 and none says NOTICE about it. */
const nonceForm = /^countersign_refused_[0-9a-f]{32}$/

function checked(nonce: string): string {
  if (!nonceForm.test(nonce)) throw new RangeError('a poison takes a nonce of poisonNonce()')
  return nonce
}

/** Instead of Query. No statement begins with an identifier: 42601 whatever the session's state and settings. */
export function poisonQuery(nonce: string): Uint8Array {
  return encodeQuery(checked(nonce))
}

/** Instead of Parse. Under the client's own name, so that the unnamed statement is lost as by any failing Parse. */
export function poisonParse(name: string, nonce: string): Uint8Array {
  return encodeParse(name, checked(nonce))
}

/** Instead of Bind. No such statement (26000); and if there were one, two formats for no value fit none (08P01). */
export function poisonBind(portal: string, nonce: string): Uint8Array {
  return encodeBind({ portal, statement: checked(nonce), formats: [0, 0], values: [], resultFormats: [] })
}

/** Instead of Execute (or Describe's portal): no such portal (34000). */
export function poisonExecute(nonce: string): Uint8Array {
  return encodeExecute(checked(nonce), 1)
}

/** Instead of FunctionCall: no function has OID 0 (42883; 25P02 in a failed transaction). */
export function poisonFunctionCall(): Uint8Array {
  return encodeFunctionCall({ oid: 0, formats: [], values: [], resultFormat: 0 })
}

/** Ends a COPY IN that was begun (57014). Only while the server waits for its data: outside of COPY it is ignored. */
export function poisonCopy(): Uint8Array {
  return encodeCopyFail('refused by the gateway')
}

/** Poison for each message, each with a nonce that nobody has seen. */
export const poison = {
  query: (): Uint8Array => poisonQuery(poisonNonce()),
  parse: (name: string): Uint8Array => poisonParse(name, poisonNonce()),
  bind: (portal: string): Uint8Array => poisonBind(portal, poisonNonce()),
  execute: (): Uint8Array => poisonExecute(poisonNonce()),
  functionCall: poisonFunctionCall,
  copy: poisonCopy,
} as const
