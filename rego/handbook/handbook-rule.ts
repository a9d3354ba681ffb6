// One rule as the handbook tells it, whether a package, the library or data says it.
import type { NamedTest } from './tests.ts'

export type HandbookVerb = 'allow' | 'deny' | 'require' | 'mask' | 'unmasked' | 'limit' | 'library'

export interface HandbookRule {
  /** As decisions and the record name it; empty for what has none: limits, lists of masks. */
  readonly id: string
  readonly verb: HandbookVerb
  readonly title: string
  readonly description: string
  /** What the caller is told; empty where it is computed or nothing is said. */
  readonly msg: string
  readonly severity: string
  readonly controls: readonly string[]
  /** By environment, `*` for all others. */
  readonly modes: Readonly<Record<string, string>>
  /** Empty where the library or data says it. */
  readonly file: string
  readonly row: number
  readonly tests: readonly NamedTest[]
}
