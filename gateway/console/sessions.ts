// Console sessions: who sits at this browser, for a quarter of an hour. Kept here, not in the cookie, so that they can be ended.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Principal } from '../call.ts'
import type { SignInStart } from '../identity/index.ts'

const maxSessions = 1_000
const maxStarts = 1_000

export interface ConsoleSession { readonly principal: Principal; readonly csrf: string }
export interface PendingSignIn { readonly start: SignInStart; readonly returnTo: string }

export interface ConsoleSessions {
  open(principal: Principal): string
  get(secret: string | undefined, now: number): ConsoleSession | undefined
  close(secret: string | undefined): void
  begin(signIn: PendingSignIn): string
  /** Once. */
  take(secret: string | undefined, now: number): PendingSignIn | undefined
}

export function createConsoleSessions(): ConsoleSessions {
  const sessions = new Map<string, ConsoleSession>()      // by the hash of the cookie: a leaked heap page opens no session
  const starts = new Map<string, PendingSignIn>()
  return {
    open(principal) {
      const secret = newSecret()
      makeRoom(sessions, maxSessions)
      sessions.set(nameOf(secret), { principal, csrf: newSecret() })
      return secret
    },
    get(secret, now) {
      if (secret === undefined) return undefined
      const session = sessions.get(nameOf(secret))
      if (session === undefined || session.principal.expiresAt > now) return session
      sessions.delete(nameOf(secret))
      return undefined
    },
    close(secret) { if (secret !== undefined) sessions.delete(nameOf(secret)) },
    begin(signIn) {
      const secret = newSecret()
      makeRoom(starts, maxStarts)
      starts.set(nameOf(secret), signIn)
      return secret
    },
    take(secret, now) {
      if (secret === undefined) return undefined
      const begun = starts.get(nameOf(secret))
      starts.delete(nameOf(secret))
      return begun !== undefined && begun.start.expiresAt > now ? begun : undefined
    },
  }
}

export function isSameSecret(a: string, b: string): boolean {
  const hash = (text: string): Uint8Array => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(a), hash(b))
}

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}

function nameOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

function makeRoom(map: Map<string, unknown>, max: number): void {
  if (map.size < max) return
  const oldest = map.keys().next()
  if (oldest.done !== true) map.delete(oldest.value)
}
