// Policy is asked about all of one read together, and what it said holds when a message leaves: another policy, other names and a mask that cannot be enforced
// each stop a statement here, on record, before any of it is sent.
import type { Permit, SqlFinding } from '../../../call.ts'
import type { Gate } from '../../../protocol.ts'
import { isRefusal, refusal, RefusalError, type Refusal } from '../../../refusal.ts'
import type { PostgresUpstream } from '../dial.ts'
import type { ResultMasker } from '../mask.ts'
import type { PostgresOperation } from '../operation.ts'
import type { Act } from './act.ts'
import type { Holding } from './holding.ts'

export interface DecisionsOptions {
  readonly gate: Gate<PostgresOperation, PostgresUpstream>
  readonly isTransparent: boolean
  /** Whether what a text names is still what was decided on, and approved. */
  stands(act: Act): Promise<boolean>
  /** @throws RefusalError `mask.unenforceable` */
  masker(permit: Permit<PostgresOperation>, act: Act): ResultMasker
  /** For what got a permit and no masker: says only that it failed. */
  bareMasker(act: Act): ResultMasker
  /** For a request that may be held; ended by `answered`. */
  hold(): Holding
  answered(holding: Holding): void
}

const superseded = () => refusal('approval.superseded', 'What it names is not in the database any more what it was when this was decided')

export class Decisions {
  readonly #o: DecisionsOptions

  constructor(options: DecisionsOptions) {
    this.#o = options
  }

  /** Each gets its permit, or its refusal. */
  async ask(acts: readonly Act[]): Promise<void> {
    const holding = this.#o.hold()
    let verdicts: readonly (Permit<PostgresOperation> | Refusal)[]
    try {
      verdicts = await this.#o.gate.request(acts.map(({ operation }) => operation), 'client', holding)
    } finally {
      this.#o.answered(holding)
    }
    for (const [index, act] of acts.entries()) {
      const verdict = verdicts[index] ?? refusal('gateway.fault')
      if (isRefusal(verdict)) {
        act.refused = verdict
        act.isWaitOver = verdict.code === 'approval.pending' && holding.isAborted
        continue
      }
      // First, so that it is masked by what names mean now.
      const stands = !holding.hasHeld || await this.#o.stands(act)
      const stopped = this.#admit(act, verdict)
      if (stopped !== undefined) await stopped
      if (!stands && act.refused === undefined) await this.#stop(act, verdict, superseded())
    }
  }

  /** A mask that cannot be enforced stops the statement here, and the record says so. */
  #admit(act: Act, permit: Permit<PostgresOperation>): Promise<void> | undefined {
    act.permit = permit
    const { limits, mask } = permit.call.decision
    act.mayBeWithheld = act.mayHaveRows && (mask.length > 0 || limits.rows !== undefined || limits.bytes !== undefined || limits.timeout_ms !== undefined)
    try {
      // Whatever policy says: only the transparent profile sends what nobody could read.
      if (unparsed(act) !== undefined && !this.#o.isTransparent) throw new RefusalError(refusal('policy.denied', 'The text cannot be parsed, and this target forwards only what can'))
      act.masker = this.#o.masker(permit, act)
    } catch (error) {
      if (!(error instanceof RefusalError)) throw error
      return this.#stop(act, permit, error.refusal)
    }
    return undefined
  }

  /** Decided with what it has waited behind, for as long as that took: what policy says and what names mean may be something else by now. */
  async reconsider(act: Act, permit: Permit<PostgresOperation>): Promise<void> {
    if (!this.#o.gate.holds(permit)) await this.#stop(act, permit, refusal('approval.superseded', 'Another policy came into force while this waited for a statement before it'))
    else if (!await this.#o.stands(act)) await this.#stop(act, permit, superseded())
  }

  /** Cancelled before it began: the record says so before the client is told. */
  async drop(act: Act): Promise<void> {
    const dropped = act.stream === undefined ? act.take({ title: 'not run: cancelled', status: 'cancelled', isFinal: true }) : undefined
    if (dropped !== undefined) await this.#o.gate.deliver([dropped])
  }

  async #stop(act: Act, permit: Permit<PostgresOperation>, refused: Refusal): Promise<void> {
    const { gate } = this.#o
    act.masker = this.#o.bareMasker(act)
    const failed = act.take({ title: 'not run', status: 'failed', isFinal: true, code: refused.code })
    if (failed !== undefined) await gate.deliver([failed])
    act.refused = { ...refused, decisionId: Buffer.from(permit.call.decisionId).toString('hex'), frame: `${gate.session}/${permit.seq}` }
  }
}

/** What the parser said of a text that it could not read. */
export function unparsed({ operation: { findings } }: Act): Extract<SqlFinding, { status: 'error' }> | undefined {
  return findings?.sql.status === 'error' ? findings.sql : undefined
}
