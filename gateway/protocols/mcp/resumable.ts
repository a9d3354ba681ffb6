// Calls of one legacy session whose stream can be taken up again (2025-11-25, transports, "Resumability"): the result may come on a later
// stream, for the first time or, where the caller was gone when it was written, once more. Either way under the call's own masks.
import type { Permit } from '../../call.ts'
import { idKey, type RpcId } from './messages.ts'
import type { McpOperation } from './operation.ts'

/** Calls that one session remembers; the one answered longest ago goes first. */
const maxCalls = 32
/** An answered call with a longer message is not remembered: it would hold the message, too. */
const maxKeptBytes = 16 * 1024

export class ResumableCall {
  readonly permit: Permit<McpOperation>
  /** Its outcome is on record, whichever stream brought it. */
  isAnswered = false
  constructor(permit: Permit<McpOperation>) { this.permit = permit }
}

export class ResumableCalls {
  readonly #calls = new Map<string, ResumableCall>()

  /** @returns undefined where the session has as many calls open as it may, or one with this id */
  open(id: RpcId, permit: Permit<McpOperation>): ResumableCall | undefined {
    const key = idKey(id)
    if (this.#calls.get(key)?.isAnswered === false) return undefined
    this.#calls.delete(key)
    if (this.#calls.size >= maxCalls && !this.#dropAnswered()) return undefined
    const call = new ResumableCall(permit)
    this.#calls.set(key, call)
    return call
  }

  find(id: RpcId): ResumableCall | undefined { return this.#calls.get(idKey(id)) }

  /** From here on its result can only be sent again. */
  answer(id: RpcId, call: ResumableCall): void {
    if (call.permit.call.operation.message.body.length > maxKeptBytes) this.forget(id, call)
    else call.isAnswered = true
  }

  forget(id: RpcId, call: ResumableCall): void {
    call.isAnswered = true
    if (this.#calls.get(idKey(id)) === call) this.#calls.delete(idKey(id))
  }

  /** The session ends: those without an outcome, and none afterwards. */
  close(): Permit<McpOperation>[] {
    const open = [...this.#calls.values()].filter(({ isAnswered }) => !isAnswered)
    this.#calls.clear()
    for (const call of open) call.isAnswered = true
    return open.map(({ permit }) => permit)
  }

  #dropAnswered(): boolean {
    for (const [key, { isAnswered }] of this.#calls) if (isAnswered) return this.#calls.delete(key)
    return false
  }
}
