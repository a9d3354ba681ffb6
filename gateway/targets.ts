// Everything that serves one target under one governed config: its masks, projection, connections and protocol.
// Built anew with each policy that comes into force; connections of an unchanged upstream are kept.
import type { Operation } from './call.ts'
import type { Governed, TargetConfig } from './config.ts'
import { createMasking } from './mask/index.ts'
import { createDoor } from './pipeline.ts'
import type { Stages } from './pipeline.ts'
import { createProjector } from './project/index.ts'
import type { Projector } from './project/index.ts'
import type { Connection, ConnectionEnd, NoAccess, Protocol, Upstream } from './protocol.ts'
import { createTokens, deriveTargetKey } from './sensitive/tokens.ts'

/** Connections of an upstream that is no longer in the config live on this long, for calls in flight. */
const retireMs = 60_000

/** A protocol whose operations and upstreams only it can name. */
export interface AnyProtocol {
  readonly name: string
  /** Reached by byte-stream listeners, not by a path. */
  readonly isStream: boolean
  connect(target: TargetConfig, secret: (name: string) => string): Connected
}

/** One upstream, kept for as long as config says the same of it. */
interface Connected {
  open(target: TargetConfig, stages: Stages, tokenKey: Uint8Array): (client: Connection) => Promise<ConnectionEnd>
  close(): Promise<void>
}

/** Closes over a protocol's own types, so that the list of protocols is a plain list. `connect` makes what its upstreams are reached by. */
export function protocolEntry<O extends Operation, U extends Upstream<O>, A extends NoAccess>(protocol: Protocol<O, U, A>, connect: (target: TargetConfig, secret: (name: string) => string) => A & { close(): Promise<void> }): AnyProtocol {
  return {
    name: protocol.name,
    isStream: protocol.sessions === 'connection',
    connect(config, secret) {
      const access = connect(config, secret)
      return {
        open(target, stages, tokenKey) {
          const door = createDoor<O, U>(target, createMasking(target, createTokens(tokenKey)), stages, () => protocol.dial({ ...access, target }), protocol)
          return (client) => protocol.run(client, { ...door, enter: (credential) => door.enter(credential, client.admit) })
        },
        close: () => access.close(),
      }
    },
  }
}

/** For a protocol that has no upstream. */
export function openNothing(target: TargetConfig): NoAccess & { close(): Promise<void> } {
  return { target, close: () => Promise.resolve() }
}

export interface OpenTarget { readonly config: TargetConfig; readonly project: Projector; readonly isStream: boolean; serve(client: Connection): Promise<ConnectionEnd> }

export class Targets {
  readonly #protocols: ReadonlyMap<string, AnyProtocol>
  readonly #stages: Stages
  readonly #secrets: ReadonlyMap<string, string>
  readonly #tokenSecret: Uint8Array
  #open = new Map<string, OpenTarget>()
  #connected = new Map<string, Connected>()

  constructor(protocols: readonly AnyProtocol[], stages: Stages, secrets: ReadonlyMap<string, string>, tokenSecret: Uint8Array) {
    this.#protocols = new Map(protocols.map((protocol) => [protocol.name, protocol]))
    this.#stages = stages
    this.#secrets = secrets
    this.#tokenSecret = tokenSecret
  }

  get(name: string): OpenTarget | undefined { return this.#open.get(name) }

  /** @returns names of targets that are gone, or are not what they were: whoever is connected to one goes by a config that is no longer in force */
  follow({ targets }: Governed): ReadonlySet<string> {
    const before = this.#open
    const connected = new Map<string, Connected>()
    this.#open = new Map(targets.flatMap((config) => {
      const protocol = this.#protocols.get(config.protocol)
      if (protocol === undefined) return []             // the schema allows only protocols that are built
      const key = JSON.stringify([config.name, config.protocol, config.upstream, config.limits])
      const kept = this.#connected.get(key) ?? protocol.connect(config, (name) => this.#secrets.get(name) ?? '')
      connected.set(key, kept)
      const tokenKey = deriveTargetKey(this.#tokenSecret, config.name)
      const serve = kept.open(config, this.#stages, tokenKey)
      return [[config.name, { config, project: createProjector(config, createTokens(tokenKey)), isStream: protocol.isStream, serve }]]
    }))
    for (const [key, old] of this.#connected) if (!connected.has(key)) setTimeout(() => void old.close(), retireMs).unref()
    this.#connected = connected
    return new Set([...before.values()].filter(({ config }) => JSON.stringify(config) !== JSON.stringify(this.#open.get(config.name)?.config)).map(({ config }) => config.name))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#connected.values()].map((one) => one.close()))
  }
}
