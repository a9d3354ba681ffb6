// The decision, as the host hands it on once it has passed `schema/decision.schema.json`.
export type Effect = 'allow' | 'deny' | 'require'
export type MaskOp = 'redact' | 'partial' | 'hash' | 'tokenize' | 'null' | 'drop'

/** `severity`: how much it matters to who reads about it; it decides nothing. */
export interface Reason { readonly id: string; readonly msg: string; readonly severity?: 'low' | 'medium' | 'high' | 'critical'; readonly controls: readonly string[]; readonly mode: 'enforce' | 'warn' | 'dryrun' }

/** `json_path`: RFC 6901 pointer below the result, `*` matches one segment; `columns`: field or column names at any depth; `class`: a detector's or the catalogue's class; `classes`: one rule for each, by the id `<id>.<class in lower case>`. */
export interface MaskRule {
  readonly id: string
  readonly match: { readonly columns?: readonly string[]; readonly json_path?: string; readonly class?: string; readonly classes?: readonly string[] }
  readonly op: MaskOp
  readonly keep_last?: number
}

export interface ApprovalRequirement {
  readonly template: string
  readonly groups: readonly { readonly any_of: readonly string[]; readonly min: number }[]
  readonly quorum: number
  readonly ttl_s: number
  readonly justification: 'required' | 'optional'
  readonly break_glass: boolean
}

export interface Limits { readonly rows?: number; readonly bytes?: number; readonly timeout_ms?: number; readonly rate?: { readonly key: 'subject' | 'client' | 'target'; readonly per_min: number } }

export interface Decision {
  readonly effect: Effect
  readonly reasons: readonly Reason[]
  readonly approval: ApprovalRequirement | null
  readonly mask: readonly MaskRule[]
  readonly limits: Limits
  readonly record: { readonly level: 'body' | 'digest' | 'meta'; readonly retention: string }
  readonly obligations: readonly { readonly id: string; readonly type: string }[]
}
