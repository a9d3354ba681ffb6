// Who holds the connections of one listener. Those whose caller nobody knows yet are few (strangers.ts); of those who are known, nobody has most.
import type { Socket } from 'node:net'
import type { PeerAddress } from '../call.ts'
import * as limits from './limits.ts'
import { Strangers } from './strangers.ts'

/** One connection's place. */
export interface Seat {
  readonly peer: PeerAddress
  /** Its caller is known now, or another one's turn has come on it. False: they hold as many connections as one may, and it stays what it was. */
  readonly admit: (caller: string) => boolean
}

export class Seats {
  readonly #strangers: Strangers
  /** Connections of each caller who has any. */
  readonly #held = new Map<string, number>()

  /** @param dropped a connection that went to make room, before anybody knew whose it was */
  constructor(dropped: (peer: PeerAddress) => void) {
    this.#strangers = new Strangers(limits.maxStrangers, (socket) => {
      dropped(peerOf(socket))
      socket.destroy()
    })
  }

  /** Sockets whose caller is not known. */
  get strangers(): readonly Socket[] { return this.#strangers.sockets }

  /** For a connection that has just come; it is given up when its socket closes. */
  take(socket: Socket): Seat {
    const peer = peerOf(socket)
    let holder: string | undefined
    this.#strangers.add(peer.ip, socket)
    socket.once('close', () => {
      if (holder === undefined) this.#strangers.delete(peer.ip, socket)
      else this.#add(holder, -1)
    })
    return {
      peer,
      admit: (caller) => {
        if (caller === holder) return true
        if ((this.#held.get(caller) ?? 0) >= limits.maxOfCaller) return false
        if (socket.destroyed) return true                     // its end is on the way, and nothing would give the seat up any more
        if (holder === undefined) this.#strangers.delete(peer.ip, socket)
        else this.#add(holder, -1)
        this.#add(holder = caller, 1)
        return true
      },
    }
  }

  #add(caller: string, change: 1 | -1): void {
    const held = (this.#held.get(caller) ?? 0) + change
    if (held === 0) this.#held.delete(caller)
    else this.#held.set(caller, held)
  }
}

function peerOf(socket: Socket): PeerAddress {
  return { ip: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }
}
