// Names that messages gave and code of somebody's own took: a function may DEALLOCATE, PREPARE and open cursors under any name, and what it made would run as
// what was decided on. The server knows which is which: a cursor of the same text is another one when it was made at another time.
import type { Ask } from '../sql/catalogue.ts'
import type { Statement } from '../sql/analysis.ts'
import { mayNameAnything } from './held.ts'
import type { SessionState } from './state.ts'

const question = `SELECT 'S', name::pg_catalog.text, from_sql::pg_catalog.text, '' FROM pg_catalog.pg_prepared_statements
UNION ALL SELECT 'P', name::pg_catalog.text, statement, (pg_catalog.date_part('epoch', creation_time) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8::pg_catalog.text FROM pg_catalog.pg_cursors`

/** When all that was sent is answered. Asked before such code runs, too, it learns of portals when they were made. @throws what `ask` throws */
export async function forgetGivenAnew({ prepared, portals }: SessionState, ask: Ask): Promise<void> {
  if (prepared.size === 0 && portals.size === 0) return
  const said = new Map((await ask(question)).map(([of, name, what, madeAt]) => [`${of}${name}`, { what, madeAt: madeAt ?? '' }]))
  for (const name of prepared.keys()) if (name !== '' && said.get(`S${name}`)?.what !== 'false') prepared.delete(name)
  for (const [name, portal] of portals) {
    const { what, madeAt } = said.get(`P${name}`) ?? {}
    if (what !== portal.prepared.text || (portal.madeAt ?? madeAt) !== madeAt) portals.delete(name)
    else portal.madeAt = madeAt
  }
}

/** Code of somebody's own, or nobody knows what; also what is not volatile may close a portal and open another. @param running the one it runs in, which it cannot close */
export function mayTakePortal({ portals }: SessionState, statements: readonly Statement[], running = ''): boolean {
  for (const name of portals.keys()) if (name !== '' && name !== running) return statements.length === 0 || statements.some(mayNameAnything)
  return false
}

/** Portals of which nobody could say later whether they are still what they were. Code cannot take the unnamed one's name. */
export function isAnyUnnoted({ portals }: SessionState): boolean {
  for (const [name, { madeAt }] of portals) if (name !== '' && madeAt === undefined) return true
  return false
}

/** Nobody could look: what cannot be told from another by its name is not believed. */
export function forgetUnnoted({ portals }: SessionState): void {
  for (const [name, { madeAt }] of portals) if (name !== '' && madeAt === undefined) portals.delete(name)
}
