// Everything that serves one target under one governed config: its masks, projection, connections and protocol.
// Built anew with each policy that comes into force; connections of an unchanged upstream are kept.
import type { Operation } from './call.ts'
import type { Governed, TargetConfig } from './config.ts'
import { createMasking } from './mask/index.ts'
import { createDoor } from './pipeline.ts'
import type { Stages } from './pipeline.ts'
import { createProjector } from './project/index.ts'
import type { Projector } from './project/index.ts'
import type { Connection, ConnectionEnd, Protocol, Upstream } from './protocol.ts'
import { createTokens, deriveTargetKey } from './sensitive/tokens.ts'
import { openUpstream } from './upstream/index.ts'
import type { OwnedAccess } from './upstream/index.ts'

/** Connections of an upstream that is no longer in the config live on this long, for calls in flight. */
const retireMs = 60_000

/** A protocol whose operations only it can name. */
export interface AnyProtocol { readonly name: string; open(target: TargetConfig, access: OwnedAccess, stages: Stages, tokenKey: Uint8Array): (client: Connection) => Promise<ConnectionEnd> }

/** Closes over a protocol's own types, so that the list of protocols is a plain list. */
export function protocolEntry<O extends Operation, U extends Upstream<O>>(protocol: Protocol<O, U>): AnyProtocol {
  return {
    name: protocol.name,
    open(target, access, stages, tokenKey) {
      const door = createDoor<O, U>(target, createMasking(target, createTokens(tokenKey)), stages, () => protocol.dial(access))
      return (client) => protocol.run(client, door)
    },
  }
}

export interface OpenTarget { readonly config: TargetConfig; readonly project: Projector; serve(client: Connection): Promise<ConnectionEnd> }

export class Targets {
  readonly #protocols: ReadonlyMap<string, AnyProtocol>
  readonly #stages: Stages
  readonly #secrets: ReadonlyMap<string, string>
  readonly #tokenSecret: Uint8Array
  #open = new Map<string, OpenTarget>()
  #access = new Map<string, OwnedAccess>()

  constructor(protocols: readonly AnyProtocol[], stages: Stages, secrets: ReadonlyMap<string, string>, tokenSecret: Uint8Array) {
    this.#protocols = new Map(protocols.map((protocol) => [protocol.name, protocol]))
    this.#stages = stages
    this.#secrets = secrets
    this.#tokenSecret = tokenSecret
  }

  get(name: string): OpenTarget | undefined { return this.#open.get(name) }

  follow({ targets }: Governed): void {
    const access = new Map<string, OwnedAccess>()
    this.#open = new Map(targets.flatMap((config) => {
      const protocol = this.#protocols.get(config.protocol)
      if (protocol === undefined) return []             // the schema allows only protocols that are built
      const key = JSON.stringify([config.name, config.upstream, config.limits])
      const kept = this.#access.get(key) ?? openUpstream(config, (name) => this.#secrets.get(name) ?? '')
      access.set(key, kept)
      const tokenKey = deriveTargetKey(this.#tokenSecret, config.name)
      const serve = protocol.open(config, { ...kept, target: config }, this.#stages, tokenKey)
      return [[config.name, { config, project: createProjector(config, createTokens(tokenKey)), serve }]]
    }))
    for (const [key, old] of this.#access) if (!access.has(key)) setTimeout(() => void old.close(), retireMs).unref()
    this.#access = access
  }

  async close(): Promise<void> {
    await Promise.all([...this.#access.values()].map((access) => access.close()))
  }
}
