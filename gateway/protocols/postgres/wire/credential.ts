// Asks a client who it is (PostgreSQL 18 §54.2.1, §54.3): a token as the password, OAUTHBEARER, or SCRAM-SHA-256 for machine users.
// What it presents goes to the door unread; the client is told AuthenticationOk or FATAL, in that order of events and no other.
import type { Socket } from 'node:net'
import type { Challenge, Credential, PeerAddress } from '../../../call.ts'
import type { PostgresConfig, PostgresSignIn } from '../../../config.ts'
import type { TokenSource } from '../../../protocol.ts'
import { isRefusal, type Refusal } from '../../../refusal.ts'
import {
  encodeAuthenticationCleartext, encodeAuthenticationOk, encodeAuthenticationSasl, encodeAuthenticationSaslContinue, encodeAuthenticationSaslFinal, encodeError,
  frontendTag, parsePassword, parseSaslInitial, ProtocolViolation,
} from '../messages.ts'
import { refusalFields } from '../refuse.ts'
import { encodeFatal, farewell, turnedAway, type Fatal, type TurnedAway } from './farewell.ts'
import { IntakeError, takeMessage } from './intake.ts'
import { bearerDummy, bearerError, parseBearerMessage } from './oauth-bearer.ts'

/** A token with a thousand groups is 16 KB; PostgreSQL's own PG_MAX_AUTH_TOKEN_LENGTH. */
export const maxCredentialBytes = 65_535

/** Where credentials are judged: the part of a `Door` that is needed here. */
export interface Entrance<G extends object> {
  enter(credential: Credential): Promise<G | Refusal> | G | Refusal
  challenge?(user: string): Challenge
  /** Told to OAUTHBEARER clients that come without a token or with a bad one. */
  tokensFrom?(): TokenSource | undefined
}

export interface Applicant { readonly socket: Socket; readonly user: string; readonly peer: PeerAddress }

/** Somebody is known (AuthenticationOk is sent), or the socket is ended with FATAL. */
export type SignedIn<G extends object> = { readonly kind: 'entered'; readonly gate: G } | TurnedAway

/** What asking came to. `lastWords` go out before AuthenticationOk; `refused` is the FATAL that ends it. */
type Presented<G extends object> = { readonly gate: G; readonly lastWords: Uint8Array[] } | { readonly refused: Uint8Array; readonly away: TurnedAway }

const mechanisms = { oauthbearer: 'OAUTHBEARER', scram: 'SCRAM-SHA-256' } as const

/**
 * A server asks one thing, and knows a user name only (§54.2.1). Where people and machines share a listener the spelling of the name tells, never
 * whether somebody has it: nobody learns who exists, and a machine that left the config is not asked for its password in the clear.
 */
export function methodsFor(user: string, { signIn: offered, machinePrefix }: Pick<PostgresConfig, 'signIn' | 'machinePrefix'>): readonly PostgresSignIn[] {
  if (machinePrefix === undefined) return offered
  return user.startsWith(machinePrefix) ? ['scram'] : ['token']
}

/**
 * @param methods what this client is offered; with `token` nothing else is: every driver can send a password
 * @param signal the one that `welcome` had: there is one time-out for both. Never throws but for a fault of the door.
 */
export async function signIn<G extends object>(applicant: Applicant, entrance: Entrance<G>, methods: readonly PostgresSignIn[], signal: AbortSignal): Promise<SignedIn<G>> {
  const { socket } = applicant
  try {
    const asking = new Asking(applicant, entrance, methods, signal)
    const presented = methods.includes('token') ? await asking.token() : await asking.sasl()
    if ('refused' in presented) {
      farewell(socket, presented.refused)
      return presented.away
    }
    socket.write(Buffer.concat([...presented.lastWords, encodeAuthenticationOk()]))
    return { kind: 'entered', gate: presented.gate }
  } catch (error) {
    if (error instanceof IntakeError && error.code !== 'ERR_PG_MALFORMED') socket.destroy()
    else if (error instanceof IntakeError || error instanceof ProtocolViolation) farewell(socket, encodeFatal({ sqlState: '08P01', message: error.message }))
    else { socket.destroy(); throw error }
    return turnedAway(error)
  }
}

class Asking<G extends object> {
  readonly #applicant: Applicant
  readonly #entrance: Entrance<G>
  readonly #methods: readonly PostgresSignIn[]
  readonly #signal: AbortSignal

  constructor(applicant: Applicant, entrance: Entrance<G>, methods: readonly PostgresSignIn[], signal: AbortSignal) {
    this.#applicant = applicant
    this.#entrance = entrance
    this.#methods = methods
    this.#signal = signal
  }

  async token(): Promise<Presented<G>> {
    const token = parsePassword(await this.#ask(encodeAuthenticationCleartext()))
    const from = this.#applicant.peer
    const entered = await this.#entrance.enter(token === '' ? { kind: 'none', from } : { kind: 'bearer', token, from })
    return isRefusal(entered) ? refusedBy(entered) : { gate: entered, lastWords: [] }
  }

  async sasl(): Promise<Presented<G>> {
    const offered = this.#methods.flatMap((method) => method === 'token' || (method === 'scram' && this.#entrance.challenge === undefined) ? [] : [mechanisms[method]])
    if (offered.length === 0) return refused({ sqlState: '28000', message: 'this listener has no way to sign in' })
    const { mechanism, response } = parseSaslInitial(await this.#ask(encodeAuthenticationSasl(offered)))
    if (!offered.includes(mechanism as typeof offered[number])) return refused({ sqlState: '08P01', message: 'the client chose a SASL mechanism that was not offered' })
    // Without an initial response the server's first challenge is empty (RFC 4422 §3.3).
    const first = response ?? await this.#ask(encodeAuthenticationSaslContinue(new Uint8Array(0)))
    return mechanism === mechanisms.scram ? await this.#scram(first) : await this.#bearer(first)
  }

  async #bearer(first: Uint8Array): Promise<Presented<G>> {
    const token = parseBearerMessage(first)
    if (token === undefined) return refused({ sqlState: '08P01', message: 'the OAUTHBEARER message is malformed' })
    // To ask where tokens come from is no attempt to get in: nothing is put on record for it.
    const entered = token === '' ? undefined : await this.#entrance.enter({ kind: 'bearer', token, from: this.#applicant.peer })
    if (entered !== undefined && !isRefusal(entered)) return { gate: entered, lastWords: [] }
    const source = this.#entrance.tokensFrom?.()
    if (source !== undefined) {
      const dummy = await this.#ask(encodeAuthenticationSaslContinue(bearerError(source)))
      if (Buffer.compare(dummy, bearerDummy) !== 0) return refused({ sqlState: '08P01', message: 'the client did not answer the OAUTHBEARER error as RFC 7628 asks' })
    }
    return entered === undefined ? refused({ sqlState: '28000', message: 'a bearer token is required' }) : refusedBy(entered)
  }

  async #scram(first: Uint8Array): Promise<Presented<G>> {
    const malformed = refused({ sqlState: '08P01', message: 'the SCRAM message is malformed, or asks for what is not offered' })
    const { user, peer } = this.#applicant
    const challenge = this.#entrance.challenge?.(user)
    const serverFirst = challenge?.first(textOf(first))
    if (challenge === undefined || serverFirst === undefined) return malformed
    const final = challenge.final(textOf(await this.#ask(encodeAuthenticationSaslContinue(Buffer.from(serverFirst)))))
    if (final === undefined) return malformed
    const entered = await this.#entrance.enter({ kind: 'machine', proof: final.proof, from: peer })
    return isRefusal(entered) ? refusedBy(entered) : { gate: entered, lastWords: [encodeAuthenticationSaslFinal(Buffer.from(final.serverFinal))] }
  }

  /** Sends a question and takes the content of the `password` message (p) that answers it. */
  async #ask(question: Uint8Array): Promise<Uint8Array> {
    const { socket } = this.#applicant
    socket.write(question)
    const message = await takeMessage(socket, 5 + maxCredentialBytes, this.#signal)
    if (message[0] !== frontendTag.password) throw new IntakeError('ERR_PG_MALFORMED', 'expected a password or SASL response')
    return message.subarray(5)
  }
}

function refused(fatal: Fatal): { readonly refused: Uint8Array; readonly away: TurnedAway } {
  return { refused: encodeFatal(fatal), away: { kind: 'ended', reason: fatal.message, ...fatal.sqlState === '08P01' ? { code: 'request.malformed' } : {} } }
}

/** The door has put it on record. */
function refusedBy(refusal: Refusal): { readonly refused: Uint8Array; readonly away: TurnedAway } {
  return { refused: encodeError(refusalFields(refusal, { severity: 'FATAL' })), away: { kind: 'ended', reason: refusal.message } }
}

/** SCRAM's grammar is ASCII; anything else becomes a character that it does not have. */
function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}
