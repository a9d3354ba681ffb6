// What stands between a suite and its server in the second of its two runs.

export interface Through {
  readonly host: string
  readonly port: number
  /** What a client gives as its password: for the gateway, a token. */
  readonly password: string
  stop(): Promise<unknown>
}
export type Start = (upstream: { readonly host: string; readonly port: number }) => Promise<Through>
