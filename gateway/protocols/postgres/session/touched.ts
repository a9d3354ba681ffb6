// Names that messages give or take away, with the segment (from Sync to Sync) in which they did: until the server has answered, nobody knows
// whether it came to that. What a later segment says by such a name waits for the answer.
import type { FrontendMessage } from '../messages.ts'

/** UTF-16 units of names that are kept, and of each besides; a client that gives more without a pause waits for the server. */
const maxTouchedUnits = 1_048_576
const unitsOfName = 64

/** Of one kind: statements, or portals. The unnamed one, which most drivers give anew each time, stands by itself. */
class Given {
  unnamed: number | undefined
  units = 0
  readonly #named = new Map<string, number>()

  clear(): void {
    this.unnamed = undefined
    if (this.#named.size > 0) this.#named.clear()
    this.units = 0
  }

  add(name: string, segment: number): void {
    if (name === '') this.unnamed = segment
    else {
      if (!this.#named.has(name)) this.units += name.length + unitsOfName
      this.#named.set(name, segment)
    }
  }

  isEarlier(name: string, segment: number): boolean {
    return ((name === '' ? this.unnamed : this.#named.get(name)) ?? segment) < segment
  }
}

export class Touched {
  readonly #statements = new Given()
  readonly #portals = new Given()
  /** The earliest segment that is kept. */
  #since: number | undefined

  get isFull(): boolean { return this.#statements.units + this.#portals.units > maxTouchedUnits }

  /** Nothing is due: what names stand for is known. */
  clear(): void {
    if (this.#since === undefined) return
    this.#statements.clear()
    this.#portals.clear()
    this.#since = undefined
  }

  add(message: FrontendMessage, segment: number): void {
    if (message.kind === 'parse') this.#statements.add(message.name, segment)
    else if (message.kind === 'bind') this.#portals.add(message.portal, segment)
    else if (message.kind === 'close') this.#of(message.of).add(message.name, segment)
    else return
    this.#since ??= segment
  }

  /** Is there a name in it that an earlier segment gave or took? An unnamed one that it gives itself may have been anything before. */
  has(message: FrontendMessage, segment: number): boolean {
    if (this.#since === undefined || this.#since === segment) return false
    switch (message.kind) {
      case 'parse': return message.name !== '' && this.#statements.isEarlier(message.name, segment)
      case 'bind': return this.#statements.isEarlier(message.statement, segment) || (message.portal !== '' && this.#portals.isEarlier(message.portal, segment))
      case 'execute': return this.#portals.isEarlier(message.portal, segment)
      case 'describe': return this.#of(message.of).isEarlier(message.name, segment)
      case 'close': return message.name !== '' && this.#of(message.of).isEarlier(message.name, segment)
      default: return false
    }
  }

  #of(kind: 'S' | 'P'): Given { return kind === 'S' ? this.#statements : this.#portals }
}
