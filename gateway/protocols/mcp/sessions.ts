// Session ids of the legacy eras: minted here, bound to who got them; the upstream's own id is never shown.
import { randomBytes } from 'node:crypto'
import { EventIds } from './event-ids.ts'
import { ResumableCalls } from './resumable.ts'

/** Most sessions a target keeps; the one used longest ago goes first, and its client initializes again (404). */
const maxSessions = 20_000
/** Most of them that one caller may have, so that nobody crowds out the others. */
const maxOfOwner = 256
/** Requests of the server that one session may have open. */
const maxOpen = 256
const idBytes = 24

export interface McpSession {
  readonly id: string
  /** Principal and client. To everyone else the session does not exist. */
  readonly owner: string
  /** Unverified text of the upstream's; sent back to it alone. */
  readonly upstreamId: string
  /** Requests the server made on a stream, by id key: the only ones a client may answer. */
  readonly asked: Map<string, string>
  readonly calls: ResumableCalls
}

export class McpSessions {
  readonly eventIds = new EventIds()
  readonly #sessions = new Map<string, McpSession>()
  /** By owner, used longest ago first. */
  readonly #owned = new Map<string, Set<McpSession>>()

  mint(owner: string, upstreamId: string): McpSession {
    const session = { id: randomBytes(idBytes).toString('base64url'), owner, upstreamId, asked: new Map(), calls: new ResumableCalls() }
    const own = this.#owned.get(owner) ?? new Set()
    this.#owned.set(owner, own.add(session))
    this.#sessions.set(session.id, session)
    if (own.size > maxOfOwner) for (const oldest of own) { this.forget(oldest); break }
    if (this.#sessions.size > maxSessions) for (const oldest of this.#sessions.values()) { this.forget(oldest); break }
    return session
  }

  find(id: string, owner: string): McpSession | undefined {
    const session = this.#sessions.get(id)
    if (session?.owner !== owner) return undefined
    this.#sessions.delete(id)                                     // last in the map: used last
    this.#sessions.set(id, session)
    const own = this.#owned.get(owner)
    own?.delete(session)
    own?.add(session)
    return session
  }

  forget(session: McpSession): void {
    this.#sessions.delete(session.id)
    const own = this.#owned.get(session.owner)
    own?.delete(session)
    if (own?.size === 0) this.#owned.delete(session.owner)
  }
}

/** Adds, and lets the oldest go past the maximum. */
export function keep<V>(map: Map<string, V>, key: string, value: V): void {
  map.set(key, value)
  if (map.size > maxOpen) for (const oldest of map.keys()) { map.delete(oldest); break }
}
