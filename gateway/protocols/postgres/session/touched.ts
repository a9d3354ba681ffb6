// Names that messages give or take away, with the segment (from Sync to Sync) in which they did: until the server has answered, nobody knows
// whether it came to that. What a later segment says by such a name waits for the answer.
import type { FrontendMessage } from '../messages.ts'

export class Touched {
  readonly #statements = new Map<string, number>()
  readonly #portals = new Map<string, number>()
  /** Of the earliest that is kept. */
  #since: number | undefined

  /** Nothing is due: what names stand for is known. */
  clear(): void {
    if (this.#since === undefined) return
    this.#statements.clear()
    this.#portals.clear()
    this.#since = undefined
  }

  add(message: FrontendMessage, segment: number): void {
    if (message.kind === 'parse') this.#statements.set(message.name, segment)
    else if (message.kind === 'bind') this.#portals.set(message.portal, segment)
    else if (message.kind === 'close') this.#of(message.of).set(message.name, segment)
    else return
    this.#since ??= segment
  }

  /** Is there a name in it that an earlier segment gave or took? An unnamed one that it gives itself may have been anything before. */
  has(message: FrontendMessage, segment: number): boolean {
    if (this.#since === undefined || this.#since === segment) return false
    const isEarlier = (names: ReadonlyMap<string, number>, name: string): boolean => (names.get(name) ?? segment) < segment
    switch (message.kind) {
      case 'parse': return message.name !== '' && isEarlier(this.#statements, message.name)
      case 'bind': return isEarlier(this.#statements, message.statement) || (message.portal !== '' && isEarlier(this.#portals, message.portal))
      case 'execute': return isEarlier(this.#portals, message.portal)
      case 'describe': return isEarlier(this.#of(message.of), message.name)
      case 'close': return message.name !== '' && isEarlier(this.#of(message.of), message.name)
      default: return false
    }
  }

  #of(kind: 'S' | 'P'): Map<string, number> { return kind === 'S' ? this.#statements : this.#portals }
}
