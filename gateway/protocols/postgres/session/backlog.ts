// Results of all sessions that wait for the record: what one of them may have waiting is little once all together have much.

/** Bytes of all sessions; a session that has no more than its least waiting goes on beyond it. */
export const maxBacklogBytes = 256 * 1024 * 1024
/** Of one session. Some 20 ms of a fast result: a slow sync of the disk's stops nobody. */
export const windowBytes = 4 * 1024 * 1024
/** Of one session while all together have too much: a read of the socket's. */
export const leastWindowBytes = 64 * 1024

/** Of one gateway. It only says how much may be read ahead: nobody waits for anybody else's bytes, so nobody can wait for ever. */
export class Backlog {
  #bytes = 0

  /** As things stand now. */
  get windowBytes(): number { return this.#bytes > maxBacklogBytes ? leastWindowBytes : windowBytes }
  get bytes(): number { return this.#bytes }

  add(bytes: number): void { this.#bytes += bytes }
  remove(bytes: number): void { this.#bytes -= bytes }
}
