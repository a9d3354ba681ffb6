// Targets that take no calls because the outcome of one could not be recorded: what became of it is ambiguous, and stays so.
// Once the recorder takes frames again the ambiguous outcome is written and the target opens; after a crash, recovery writes it.
import { EvidenceError, frameKind } from '../../evidence/index.ts'
import type { Recorder } from '../../evidence/index.ts'
import type { Session } from './sessions.ts'

interface Unresolved { readonly session: Session; readonly seq: number }

export class Fence {
  readonly #recorder: Recorder
  readonly #now: () => number
  /** By target; the session of each entry is held open until its outcome is written. */
  readonly #unresolved = new Map<string, Unresolved[]>()

  constructor(recorder: Recorder, now: () => number) {
    this.#recorder = recorder
    this.#now = now
  }

  has(target: string): boolean { return this.#unresolved.has(target) }

  get targets(): readonly string[] { return [...this.#unresolved.keys()] }

  add(target: string, session: Session, seq: number): void {
    session.begin()
    const entries = this.#unresolved.get(target)
    if (entries === undefined) this.#unresolved.set(target, [{ session, seq }])
    else entries.push({ session, seq })
  }

  /** Tries to write what is ambiguous. Called on a timer by the composition root; does nothing while the recorder still refuses. */
  async resolve(): Promise<void> {
    for (const [target, entries] of this.#unresolved) {
      try {
        while (entries.length > 0) {
          const { session, seq } = entries[0] as Unresolved
          // Appended once: a write that found no room says so by undoing it.
          if (session.writer.hasOpenIntent(seq)) session.writer.append({ kind: frameKind.outcome, time: this.#now(), ref: seq, structure: new Map([[1, 2]]), result: Buffer.from('{"title":"ambiguous","status":"ambiguous","bytes":0,"code":"record.ambiguous"}') })
          await this.#recorder.commit('strict')
          entries.shift()
          session.end()
        }
        this.#unresolved.delete(target)
      } catch (error) {
        if (!(error instanceof EvidenceError)) throw error
        return
      }
    }
  }
}
