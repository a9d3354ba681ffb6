// Connections whose caller nobody knows yet. They are few, so that whoever has no token cannot take the places of those who have:
// one too many, and the oldest goes of the address that holds the most.
import type { Socket } from 'node:net'

export class Strangers {
  readonly #max: number
  readonly #drop: (socket: Socket) => void
  /** By address, oldest first; an address without strangers has no entry. */
  readonly #byAddress = new Map<string, Set<Socket>>()
  #size = 0

  /** @param drop ends a connection that was dropped to make room */
  constructor(max: number, drop: (socket: Socket) => void) {
    this.#max = max
    this.#drop = drop
  }

  add(address: string, socket: Socket): void {
    const sockets = this.#byAddress.get(address)
    if (sockets === undefined) this.#byAddress.set(address, new Set([socket]))
    else sockets.add(socket)
    this.#size++
    if (this.#size > this.#max) this.#dropOne()
  }

  /** It is known now, or gone. Harmless when it is neither new. */
  delete(address: string, socket: Socket): void {
    const sockets = this.#byAddress.get(address)
    if (sockets?.delete(socket) !== true) return
    this.#size--
    if (sockets.size === 0) this.#byAddress.delete(address)
  }

  get sockets(): Socket[] { return [...this.#byAddress.values()].flatMap((sockets) => [...sockets]) }

  /** Linear in the addresses, of which there are no more than strangers. */
  #dropOne(): void {
    let address = ''
    let most: ReadonlySet<Socket> = new Set()
    for (const [one, sockets] of this.#byAddress) if (sockets.size > most.size) { address = one; most = sockets }
    for (const oldest of most) {
      this.delete(address, oldest)
      this.#drop(oldest)
      return
    }
  }
}
