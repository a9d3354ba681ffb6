// The methods of each era (schema.ts of 2025-03-26 … 2026-07-28), and what they touch. A method that is not here is refused.
interface Method {
  /** Where the name of what it touches stands in `params`. */
  readonly touches?: { readonly type: 'tool' | 'resource' | 'prompt'; readonly member: 'name' | 'uri' }
  /** The member of its result that `visible` filters. */
  readonly lists?: 'tools' | 'resources' | 'resourceTemplates' | 'prompts'
  /** Undeclared in the catalogue, a tool's effect is `write`; the rest is known from the protocol. */
  readonly effects: readonly string[]
}

const read: Method = { effects: ['read'] }
const write: Method = { effects: ['write'] }

const everyEra = {
  'tools/list': { lists: 'tools', effects: ['read'] },
  'tools/call': { touches: { type: 'tool', member: 'name' }, effects: ['write'] },
  'resources/list': { lists: 'resources', effects: ['read'] },
  'resources/templates/list': { lists: 'resourceTemplates', effects: ['read'] },
  'resources/read': { touches: { type: 'resource', member: 'uri' }, effects: ['read'] },
  'prompts/list': { lists: 'prompts', effects: ['read'] },
  'prompts/get': { touches: { type: 'prompt', member: 'name' }, effects: ['read'] },
  'completion/complete': read,
  'notifications/cancelled': read,
  'notifications/progress': read,
} satisfies Record<string, Method>

const legacyOnly = {
  'initialize': read,
  'ping': read,
  'logging/setLevel': read,
  'resources/subscribe': { touches: { type: 'resource', member: 'uri' }, effects: ['read'] },
  'resources/unsubscribe': { touches: { type: 'resource', member: 'uri' }, effects: ['read'] },
  'tasks/get': read,
  'tasks/result': read,
  'tasks/list': read,
  'tasks/cancel': write,
  'notifications/initialized': read,
  'notifications/roots/list_changed': read,
} satisfies Record<string, Method>

const modernOnly = {
  'server/discover': read,
  'subscriptions/listen': read,
  'tasks/get': read,
  'tasks/update': write,
  'tasks/cancel': write,
} satisfies Record<string, Method>

/** What the transport itself does: the listening GET and the DELETE of a legacy session. */
export const streamMethod = 'session/stream'
export const closeMethod = 'session/close'

const legacy: ReadonlyMap<string, Method> = new Map(Object.entries({ ...everyEra, ...legacyOnly, [streamMethod]: read, [closeMethod]: write }))
const modern: ReadonlyMap<string, Method> = new Map(Object.entries({ ...everyEra, ...modernOnly }))
/** Requests and notifications that a legacy server may send on a stream. */
const fromServer: ReadonlyMap<string, Method> = new Map(Object.entries({
  'ping': read, 'roots/list': read, 'sampling/createMessage': write, 'elicitation/create': write,
}))

export function methodOf(name: string, era: 'legacy' | 'modern'): Method | undefined {
  return (era === 'legacy' ? legacy : modern).get(name)
}

export function serverMethodOf(name: string): Method | undefined {
  return fromServer.get(name)
}
