// How the gateway proves itself to a database (PostgreSQL 18 §54.2.1, §54.3): trust, a password in the clear or as MD5, SCRAM-SHA-256 and -PLUS.
// A client certificate is proved by TLS. The database proves itself too wherever SCRAM is used.
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { encodePassword, encodeSaslInitial, encodeSaslResponse, type Authentication } from '../messages.ts'
import { LoginError } from './login-error.ts'
import { chooseMechanism, scramClient, type ScramClient } from './scram-client.ts'

/** The gateway's side of authentication: one proof, of the kind that the server asks for. */
export class Proof {
  readonly #socket: Socket
  readonly #user: string
  readonly #configured: () => string | undefined
  #scram: ScramClient | undefined
  #step: 'none' | 'given' | 'begun' | 'proven' | 'mutual' = 'none'
  isAccepted = false

  /** @param configured the password, asked for only when the server asks */
  constructor(socket: Socket, user: string, configured: () => string | undefined) {
    this.#socket = socket
    this.#user = user
    this.#configured = configured
  }

  /** @returns what to send, if anything */
  async answer(asked: Authentication): Promise<Uint8Array | undefined> {
    if (asked.kind === 'ok') {
      // A server that leaves out its own half of SCRAM does not know the password.
      if (this.#step === 'begun' || this.#step === 'proven') throw outOfOrder()
      this.isAccepted = true
      return undefined
    }
    if (asked.kind === 'saslContinue') return await this.#continue(asked.data)
    if (asked.kind === 'saslFinal') return this.#finish(asked.data)
    if (this.#step !== 'none') throw outOfOrder()
    switch (asked.kind) {
      case 'cleartext':
        if (!(this.#socket instanceof TLSSocket) && !isLoopback(this.#socket.remoteAddress)) throw new LoginError('upstream.unavailable', 'The database asks for the password in the clear, without TLS')
        this.#step = 'given'
        return encodePassword(this.#password)
      case 'md5':
        this.#step = 'given'
        return encodePassword(`md5${md5(md5(this.#password + this.#user), asked.salt)}`)
      case 'sasl': {
        const certificate = this.#socket instanceof TLSSocket ? this.#socket.getPeerX509Certificate()?.raw : undefined
        const binding = chooseMechanism(asked.mechanisms, certificate)
        if (binding === undefined) throw new LoginError('upstream.unavailable', 'The database offers no SASL mechanism that the gateway knows')
        this.#scram = scramClient(this.#password, binding)
        this.#step = 'begun'
        return encodeSaslInitial({ mechanism: binding.mechanism, response: Buffer.from(this.#scram.first) })
      }
      case 'unsupported':
        throw new LoginError('upstream.unavailable', `The database asks for an authentication method that the gateway does not know (${asked.code})`)
    }
  }

  async #continue(data: Uint8Array): Promise<Uint8Array> {
    if (this.#step !== 'begun' || this.#scram === undefined) throw outOfOrder()
    const final = await this.#scram.final(Buffer.from(data).toString('utf8'))
    if (final === undefined) throw new LoginError('upstream.broken', 'The database sent a SCRAM challenge that is not valid')
    this.#step = 'proven'
    return encodeSaslResponse(Buffer.from(final))
  }

  #finish(data: Uint8Array): undefined {
    if (this.#step !== 'proven' || this.#scram === undefined) throw outOfOrder()
    if (!this.#scram.isServer(Buffer.from(data).toString('utf8'))) throw new LoginError('upstream.broken', 'The database did not prove that it knows the password')
    this.#step = 'mutual'
  }

  get #password(): string {
    const password = this.#configured()
    if (password === undefined) throw new LoginError('upstream.unavailable', 'The database asks for a password, and none is configured')
    return password
  }
}

function outOfOrder(): LoginError {
  return new LoginError('upstream.broken', 'The database authenticates out of order')
}

/** PostgreSQL §54.2.1 AuthenticationMD5Password: md5(md5(password ‖ user) ‖ salt), in hex. */
function md5(text: string, salt: Uint8Array = new Uint8Array(0)): string {
  return createHash('md5').update(text).update(salt).digest('hex')
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && (address === '::1' || /^(::ffff:)?127\./.test(address))
}
