// Who masks a result: by the plan of its decision, and by what names meant when that was made.
import type { PostgresConfig } from '../../../config.ts'
import type { MaskPlan } from '../../../mask/index.ts'
import { refusal, RefusalError } from '../../../refusal.ts'
import { Few } from '../few.ts'
import { createResultMasker, type ResultMasker } from '../mask.ts'
import type { RowKernel } from '../mask/kernel/row-kernel.ts'
import type { Reach } from '../mask/reach.ts'
import type { Statement } from '../sql/analysis.ts'
import type { Act } from './act.ts'
import type { Names } from './names.ts'
import type { Settings } from './settings.ts'
import type { SessionNames } from './state.ts'

export interface MaskersOptions {
  readonly config: PostgresConfig
  readonly names: Names
  readonly settings: Settings
  readonly reach: Reach
  readonly kernel: RowKernel
  /** The target's catalogue: class of a column. */
  classOf(relation: string, column: string): string | undefined
}

interface Last { readonly masker: ResultMasker; readonly plan: MaskPlan; readonly names: SessionNames | undefined; readonly keepsBodies: boolean }

export class Maskers {
  readonly #o: MaskersOptions
  /** Of the last run of what an analysis found: the next one has the same columns under the same masks. */
  readonly #last = new Few<readonly Statement[], Last>()

  constructor(options: MaskersOptions) {
    this.#o = options
  }

  /** @param keepsBodies the record has rows as they were shown. @throws RefusalError `mask.unenforceable` */
  for({ statements }: Act, plan: MaskPlan, keepsBodies: boolean): ResultMasker {
    const { config, classOf, reach, kernel, settings, names: { last: names } } = this.#o
    if (settings.misread !== undefined && !plan.isEmpty) throw new RefusalError(refusal('mask.unenforceable', 'The session has a setting that makes the server read and write texts otherwise than the gateway'))
    const last = this.#last.get(statements)
    if (last?.masker.isFree === true && last.plan === plan && last.names === names && last.keepsBodies === keepsBodies) {
      last.masker.lend()
      return last.masker
    }
    const masker = createResultMasker({
      plan, classOf, keepsBodies, kernel, snapshot: names?.snapshot, unknownOrigin: config.unknownOrigin,
      ...names === undefined ? {} : { viewLineage: names.viewLineage },
      reachesSensitive: !plan.isEmpty && (names === undefined || reach.reaches(statements, names.snapshot, plan)),
    })
    this.#last.set(statements, { masker, plan, names, keepsBodies })
    return masker
  }
}
