// Messages that are refused before policy is asked: in place like any other, by what stands for them, on record and in words of their own.
import type { Gate } from '../../../protocol.ts'
import type { Refusal } from '../../../refusal.ts'
import type { PostgresUpstream } from '../dial.ts'
import { encodeError, type Frame, type FrontendMessage, type Malformed } from '../messages.ts'
import { maxShownBytes } from '../operation/parameters.ts'
import type { PostgresOperation } from '../operation.ts'
import { errorOf, poison } from '../refuse.ts'
import { maxTextBytes } from '../sql/parser.ts'
import type { Step } from './draft.ts'
import { unlessUnread } from './texts.ts'

export class RefusedSteps {
  readonly #gate: Gate<PostgresOperation, PostgresUpstream>

  constructor(gate: Gate<PostgresOperation, PostgresUpstream>) {
    this.#gate = gate
  }

  tooLong(): Promise<Refusal> {
    return this.#gate.refuse('request.too_large', `The text is longer than ${maxTextBytes} bytes`)
  }

  tooMuch(): Promise<Refusal> {
    return this.#gate.refuse('request.too_large', `The values that policy reads are longer than ${maxShownBytes} bytes`)
  }

  unreadable(): Promise<Refusal> {
    return this.#gate.refuse('upstream.catalogue', 'What names mean in the database cannot be read now')
  }

  /** The session lives on. @throws whatever else the error is */
  async unread(message: FrontendMessage, { bytes }: Frame, error: unknown): Promise<Step> {
    unlessUnread(error)
    const make = message.kind === 'query' ? poison.query : message.kind === 'functionCall' ? poison.functionCall : message.kind === 'bind' ? () => poison.bind(message.portal) : poison.execute
    return { kind: message.kind, bytes, isExtended: message.kind === 'bind' || message.kind === 'execute', poison: make, refused: await this.unreadable() }
  }

  /** The server fails it before it would lose an unnamed statement: so does what stands for it. */
  async notUtf8(of: Extract<FrontendMessage, { kind: 'notUtf8' }>['of'], bytes: Uint8Array): Promise<Step> {
    const refused = await this.#gate.refuse('request.malformed', 'The text is not valid UTF-8')
    return { kind: of === 'copyFail' ? 'flush' : of, bytes, isExtended: of !== 'query', refused, poison: of === 'query' ? poison.functionCall : poison.execute }
  }

  /** The same. */
  async malformed({ of, why }: Malformed, bytes: Uint8Array): Promise<Step> {
    const isExtended = of !== 'query' && of !== 'functionCall'
    return { kind: of, bytes, isExtended, poison: isExtended ? poison.execute : poison.functionCall, error: errorOf(await this.#gate.refuse('request.malformed', why)) }
  }
}

/** Said as the server would say it, by the names the client used. */
export function nativeError(sqlState: string, message: string): Uint8Array {
  return encodeError(new Map([['S', 'ERROR'], ['V', 'ERROR'], ['C', sqlState], ['M', message]]))
}
