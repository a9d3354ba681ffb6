// What was worked out of texts under one catalogue: by the exact text, and by what texts that differ in constants alone have in common.
import { isModel, keyOf, likeModel, patternOf, watch, type Fixed, type Model, type Pattern, type Watch } from './alike.ts'
import type { Analysis } from './analysis.ts'
import { RecentTexts } from './recent.ts'

/** A text that is about to be analysed, because nothing is known of it. */
export interface Fresh { readonly status: 'fresh'; readonly text: string; readonly pattern: Pattern | undefined }

/** UTF-16 units that a constant takes; what else is known of a statement is a few of its text. */
const literalUnits = 100

export class Remembered {
  readonly #exact = new RecentTexts<Analysis>()
  readonly #fixed = new RecentTexts<Fixed>()
  readonly #models = new RecentTexts<Model>()

  /** @param isAtOnce as for `keep` */
  get(path: string, text: string, isAtOnce: boolean): Analysis | Fresh {
    const exact = this.#exact.get(path, text)
    if (exact !== undefined) return exact
    const pattern = patternOf(text)
    const fixed = pattern === undefined ? undefined : this.#fixed.get(path, pattern.frame)
    if (pattern === undefined || fixed === 'all') return { status: 'fresh', text, pattern: undefined }
    const model = fixed === undefined ? undefined : this.#models.get(path, keyOf(pattern, text, fixed))
    if (model === undefined) return { status: 'fresh', text, pattern }
    const analysis = likeModel(model, pattern, text)
    this.#exact.add(path, text, analysis, isAtOnce, unitsOf(analysis))
    return analysis
  }

  /** Before the tree is read. */
  watch({ text, pattern }: Fresh, statements: readonly unknown[]): Watch | undefined {
    return pattern === undefined ? undefined : watch(statements, pattern, text)
  }

  /** @param isAtOnce it will be seen again; others are kept when they come a second time */
  keep(path: string, { text, pattern }: Fresh, analysis: Analysis, watched: Watch | undefined, isAtOnce: boolean): void {
    this.#exact.add(path, text, analysis, isAtOnce, unitsOf(analysis))
    if (pattern === undefined || watched === undefined || analysis.status === 'error' || !isModel(analysis, pattern)) return
    const fixed = joined(this.#fixed.get(path, pattern.frame), watched.fixed())
    this.#fixed.add(path, pattern.frame, fixed, false)
    if (fixed !== 'all') this.#models.add(path, keyOf(pattern, text, fixed), { pattern, analysis }, fixed.length === 0)
  }
}

function unitsOf(analysis: Analysis): number {
  return analysis.status === 'ok' ? analysis.literals.length * literalUnits : 0
}

/** What one reading passed over, another may have read: it must be the same from now on. */
function joined(known: Fixed | undefined, found: Fixed): Fixed {
  if (known === undefined || found === 'all') return found
  return known === 'all' ? known : [...new Set([...known, ...found])].sort((a, b) => a - b)
}
