// The shapes of the two configurations. Bootstrap: one node's own file. Governed: `config.yaml` of the policy repository, under review.
// Both are parsed once, whole, by `parseBootstrap` and `parseGoverned`, and frozen.
import type { Durability, ProtocolName, TargetName } from './call.ts'

/** `gateway --config FILE`: where things are on this machine. Nothing here decides a call. */
export interface Bootstrap {
  readonly node: string
  readonly listen: readonly ListenConfig[]
  /** `publicUrl`: where approvers reach the console; absent: the listener itself. */
  readonly admin: { readonly host: string; readonly port: number; readonly publicUrl?: string }
  /** Base URL that callers use; also the `resource` of RFC 9728 metadata, per target: `<publicUrl><prefix>`. */
  readonly publicUrl: string
  readonly directories: { readonly journal: string; readonly keys: string; readonly sealer: string; readonly evidence: string; readonly state: string }
  /** `repository`: a path, or the address of one elsewhere. `quorum`: how many of `allowedSigners` bring the first commit into force. */
  readonly policy: { readonly repository: string; readonly isRemote: boolean; readonly ref: string; /** A candidate that decides in the shadow. */ readonly shadowRef?: string; readonly allowedSigners: string; readonly quorum: number; readonly pollS: number } & RemoteConfig
  readonly evidence: { readonly intervalS: number; readonly maxUnsealedBytes: number; readonly maxUnsealedS: number }
  readonly drainS: number
  readonly decisionLog?: DecisionLogConfig
  readonly secrets: Readonly<Record<string, SecretSource>>
  /** SHA-256 of the file's bytes, recorded at start. */
  readonly digest: Uint8Array
}

/** How the node comes to a policy repository elsewhere; absent: as the operator's own Git and SSH settings say. */
export interface RemoteConfig {
  /** `ca`: a file, the only authorities for it. `secret`: the name of one, a bearer token, or with `user` a password. */
  readonly https?: { readonly ca?: string; readonly user?: string; readonly secret?: string }
  /** `key`: the name of the secret that is the private key. `knownHosts`: a file. */
  readonly ssh?: { readonly key: string; readonly knownHosts: string }
}

/** A copy of every decision in OPA's event shape, to one place; calls wait up to `waitMs` for room while that place is slow. */
export type DecisionLogConfig = { readonly waitMs: number } & (
  | { readonly to: 'file'; readonly path: string; readonly maxBytes: number; readonly keep: number }
  | { readonly to: 'http'; readonly url: string; /** Name of the secret that is its bearer token. */ readonly token?: string })

export interface ListenConfig {
  readonly host: string
  readonly port: number
  /** Absent only on loopback. TLS 1.3; on a listener with a target, 1.2 too. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** Every byte stream that comes in belongs to this target (PostgreSQL); absent: HTTP, where a path's prefix names the target. */
  readonly target?: TargetName
}

export type SecretSource = { readonly file: string } | { readonly env: string }

/** `config.yaml` in the policy repository. */
export interface Governed {
  readonly identity: readonly IdentityProviderConfig[]
  readonly targets: readonly TargetConfig[]
  readonly approvals: Readonly<Record<string, ApproverTemplate>>
  /** Principals (`issuer|subject`) that are refused whatever their token or password says. */
  readonly offBoarded: readonly string[]
  /** Workload principal → the person answerable for it. */
  readonly sponsors: Readonly<Record<string, string>>
  /** Machine users of protocols that have no room for a token; each is the principal `machine|NAME`. */
  readonly machines: readonly MachineConfig[]
  readonly activation: ActivationRules
}

/** What it takes to bring the next commit into force. */
export interface ActivationRules {
  /** People who must have signed. */
  readonly quorum: number
  /** Fewer, named ones, in a hurry; the ordinary quorum signs a review within the time. Absent: there is no such way. */
  readonly emergency?: { readonly quorum: number; readonly signers: readonly string[]; readonly reviewWithinS: number }
}

export interface MachineConfig {
  /** The user name it connects with. */
  readonly name: string
  /** Name of the secret that holds its SCRAM-SHA-256 verifier, in PostgreSQL's form. */
  readonly verifier: string
  readonly groups: readonly string[]
  /** Where it may connect. */
  readonly targets: readonly TargetName[]
}

export interface IdentityProviderConfig {
  readonly issuer: string
  readonly jwksUri: string
  readonly audiences: readonly string[]
  readonly algorithms: readonly string[]
  readonly groupsClaim: string
  readonly clockSkewS: number
  /** clientIds whose tokens are a workload's own: their subject is a service. */
  readonly services: readonly string[]
  /** clientIds that are agents acting for a person. */
  readonly agents?: readonly string[]
  /** Nobody whom this provider knows is known to another: its people can approve what another's ask for, and the other way round. */
  readonly arePeopleApart?: boolean
  /** Further claims that policy may read; each of them is also in the record. */
  readonly claims?: readonly string[]
}

export interface TargetConfig {
  readonly name: TargetName
  readonly protocol: ProtocolName
  /** Path prefix on the listener, e.g. `/bank`; the target owns all paths below it. Where a target has listeners of its own it still names the audience of its tokens. */
  readonly prefix: string
  readonly upstream: UpstreamConfig
  readonly env: string
  readonly labels: readonly string[]
  /** `bounded` is granted here and applies to operations whose effects are all `read`. */
  readonly durability: Durability
  /** By name of a tool or prompt, URI of a resource, or route pattern (`GET /customers/{id}`). */
  readonly catalogue: Readonly<Record<string, CatalogueEntry>>
  readonly limits: { readonly maxBodyBytes: number; readonly maxResultBytes: number; readonly maxDepth: number }
  /** There exactly where `protocol` is postgres. */
  readonly postgres?: PostgresConfig
  /** There exactly where `protocol` is authzen. */
  readonly authzen?: AuthzenConfig
}

/** A decision point for other enforcement points. */
export interface AuthzenConfig {
  /** Groups, or principals (`issuer|subject`), that may ask. What they say of a subject and a resource is believed. */
  readonly enforcementPoints: readonly string[]
  /** Properties of a subject that policy may read as claims; each of them is also in the record. */
  readonly claims: readonly string[]
}

export interface UpstreamConfig {
  /** `https://host/base`, or `postgres://host:port/database`; never with a user or password in it. Empty for authzen: nothing is behind it. */
  readonly url: string
  /** `header` is there for HTTP and MCP; for PostgreSQL the secret is the password. */
  readonly credential?: { readonly secret: string; readonly header?: string; readonly scheme?: string }
  /** For HTTP: an answer's head. For PostgreSQL: connecting and signing in. */
  readonly timeoutMs: number
  readonly insecureAllowPlaintext: boolean
  /** PostgreSQL: the role that the gateway signs in as; absent: the name that the client gives. */
  readonly user?: string
  readonly tls?: UpstreamTls
}

/** PostgreSQL: TLS is used wherever this is given and off loopback, and the server's name is always verified. `ca`, `cert` and `key` are names of secrets. */
export interface UpstreamTls {
  /** Absent: the authorities that Node ships. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** The name that the certificate must be for; absent: the URL's host. */
  readonly serverName?: string
  /** TLS from the first byte (PostgreSQL 17+), without an SSLRequest. */
  readonly isDirect: boolean
}

export interface PostgresConfig {
  /** Databases that a client may name; absent: any. */
  readonly databases?: readonly string[]
  /** A statement that PostgreSQL's grammar cannot parse: never forwarded, or forwarded and recorded as unparsed. */
  readonly unparsed: 'deny' | 'transparent'
  /** A column of a masked result whose origin nobody can tell: masked, or the result is refused. */
  readonly unknownOrigin: 'mask' | 'deny'
  /** When the token expires: the statement under way may finish, or is cut. */
  readonly onExpiry: 'finish' | 'close'
  /** Seconds that a statement waits for a human; 0: it is refused at once as pending. */
  readonly approvalWaitS: number
  readonly signIn: readonly PostgresSignIn[]
  /** With `token` and `scram` together: user names that begin so prove a password, all others are asked for a token. */
  readonly machinePrefix?: string
  /** Start-up parameters: those that are known to be harmless, or any. */
  readonly parameters: 'known' | 'any'
}

export type PostgresSignIn = 'token' | 'oauthbearer' | 'scram'

export interface CatalogueEntry {
  /** Undeclared = `["write"]`; never taken from the upstream. */
  readonly effects: readonly string[]
  readonly labels: readonly string[]
  /** Pointer below the arguments or body (`/customer/ssn`, `*` for any index or name) → class. */
  readonly request: Readonly<Record<string, string>>
  /** Pointer below the result, or a bare field name, → class. */
  readonly result: Readonly<Record<string, string>>
  /** Bytes are not parsed: pass-through, upgrade, upload; over MCP: images, audio and files of its results pass unread beside masks. */
  readonly isOpaque: boolean
  /** HTTP: what the request body is; another type is refused. Absent: JSON. */
  readonly body?: 'json' | 'form' | 'text'
  /** HTTP: query and form names that may come more than once. Policy sees each of them as an array, always. */
  readonly repeats?: readonly string[]
}

export interface ApproverTemplate {
  readonly groups: readonly { readonly anyOf: readonly string[]; readonly min: number }[]
  readonly ttlS: number
}
