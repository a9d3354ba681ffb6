// A target as `config.yaml` has it, before anything of it is checked against anything else. Schema: schema/governed.schema.json.
import type { PostgresConfig, PostgresSignIn } from './config.ts'

export interface WrittenTls { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly server_name?: string; readonly direct?: boolean }

export interface WrittenPostgres {
  readonly databases?: readonly string[]
  readonly unparsed?: PostgresConfig['unparsed']
  readonly unknown_origin?: PostgresConfig['unknownOrigin']
  readonly on_expiry?: PostgresConfig['onExpiry']
  readonly approval_wait_s?: number
  readonly sign_in?: readonly PostgresSignIn[]
  readonly parameters?: PostgresConfig['parameters']
}

export interface WrittenTarget {
  readonly name: string
  readonly protocol: 'mcp' | 'http' | 'postgres' | 'authzen'
  readonly prefix: string
  readonly upstream?: { readonly url: string; readonly credential?: { readonly header?: string; readonly secret: string; readonly scheme?: string }; readonly timeout_ms?: number; readonly insecure_allow_plaintext?: boolean; readonly user?: string; readonly tls?: WrittenTls }
  readonly postgres?: WrittenPostgres
  readonly authzen?: { readonly enforcement_points: readonly string[]; readonly claims?: readonly string[] }
  readonly env: string
  readonly labels?: readonly string[]
  readonly durability?: 'strict' | 'bounded'
  readonly catalogue?: Readonly<Record<string, { readonly effects?: readonly string[]; readonly labels?: readonly string[]; readonly request?: Readonly<Record<string, string>>; readonly result?: Readonly<Record<string, string>>; readonly opaque?: boolean; readonly body?: 'json' | 'form' | 'text'; readonly repeats?: readonly string[] }>>
  readonly limits?: { readonly max_body_bytes?: number; readonly max_result_bytes?: number; readonly max_depth?: number }
}

/** One whose protocol forwards calls */
export type WrittenCalled = WrittenTarget & Required<Pick<WrittenTarget, 'upstream'>>
