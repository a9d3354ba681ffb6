// Seqs of one session (FORMAT §3), a bit each: as a Set they were most of the verifier's memory, and its growth made long records slower than short ones.

const bits = 32
const leastWords = 4

export class SeqSet {
  #words = new Uint32Array(leastWords)

  /** @param seq at most the frames read so far, so that a hostile record cannot buy memory with a number */
  add(seq: number): void {
    const word = Math.floor(seq / bits)
    if (word >= this.#words.length) this.#grow(word)
    this.#words[word] = (this.#words[word] ?? 0) | (1 << (seq % bits))
  }

  /** Any number may be asked for. */
  has(seq: number): boolean {
    return ((this.#words[Math.floor(seq / bits)] ?? 0) & (1 << (seq % bits))) !== 0
  }

  #grow(word: number): void {
    const words = new Uint32Array(Math.max(word + 1, this.#words.length * 2))
    words.set(this.#words)
    this.#words = words
  }
}
