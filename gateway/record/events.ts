// What the node itself records: the bootstrap file in force, policy activations, edges of approvals. Each is durable before it takes effect.
import { frameKind } from '../../evidence/index.ts'
import type { Recorder } from '../../evidence/index.ts'
import type { Sessions } from './sessions.ts'

/** As `policy/` tells it; FORMAT.md §4, kind 8. */
export interface PolicyEvent { readonly event: keyof typeof policyEvents; readonly revision: string; readonly serial: number; readonly bundle?: string; readonly [about: string]: unknown }

/** Structure of a policy frame, member 1. */
const policyEvents = { activated: 0, refused: 1, rolled_back: 2, emergency: 3, reviewed: 4, review_overdue: 5 } as const

/** As `approval/` tells it; FORMAT.md §10. `number` is the edge's number of kind 7. */
export interface EdgeEvent { readonly id: string; readonly session: string; readonly number: number; readonly statement: object; readonly salt: Uint8Array }

/** As `policy/` tells it; FORMAT.md §4, kind 14. `frame` is `session/seq`. */
export interface ShadowEvent { readonly frame: string; readonly revision: string; readonly flips: readonly object[]; readonly decision: Uint8Array; readonly bundle: Uint8Array }

export class Events {
  readonly #recorder: Recorder
  readonly #sessions: Sessions
  readonly #now: () => number

  constructor(recorder: Recorder, sessions: Sessions, now: () => number) {
    this.#recorder = recorder
    this.#sessions = sessions
    this.#now = now
  }

  async config(digest: Uint8Array, event: 'started' | 'reloaded'): Promise<void> {
    this.#recorder.node.append({ kind: frameKind.config, time: this.#now(), request: json({ event, digest: Buffer.from(digest).toString('hex') }), structure: new Map([[1, digest]]) })
    await this.#recorder.commit('strict')
  }

  async policy(event: PolicyEvent): Promise<void> {
    this.#recorder.node.append({
      kind: frameKind.policy, time: this.#now(), request: json(event),
      structure: new Map([[1, policyEvents[event.event]], [2, event.serial]]),
      ...(event.bundle === undefined ? {} : { bundle: Buffer.from(event.bundle, 'hex') }),
    })
    await this.#recorder.commit('strict')
  }

  /** Behind the call it is about, so nothing waits for it. @throws EvidenceError when it cannot be recorded */
  async shadow({ frame, revision, flips, decision, bundle }: ShadowEvent): Promise<void> {
    const [session = '', seq = ''] = frame.split('/')
    this.#recorder.node.append({
      kind: frameKind.shadow, time: this.#now(), request: json({ event: 'shadow', revision, flips }), decision, bundle,
      structure: new Map<number, Uint8Array | number>([[1, Buffer.from(session, 'hex')], [2, Number(seq)]]),
    })
    await this.#recorder.commit('bounded')
  }

  /** In the requester's session while that is open, else in the node's. The salt goes into the erasable body, beside the statement. */
  async approval({ id, session, number, statement, salt }: EdgeEvent): Promise<void> {
    const writer = this.#sessions.find(session)?.writer ?? this.#recorder.node
    writer.append({
      kind: frameKind.approval, time: this.#now(), request: json({ ...statement, salt: Buffer.from(salt).toString('base64url') }),
      structure: new Map<number, Uint8Array | number>([[1, Buffer.from(id, 'hex')], [2, number]]),
    })
    await this.#recorder.commit('strict')
  }
}

function json(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value))
}
