// What passes between the gateway (which alone writes the journal) and the sealer (which alone holds the log's keys).
// Gateway → sealer, on the sealer's stdin, text lines. Sealer → gateway, on its stdout, one JSON object a line. Nothing else is shared but files.
//
// 1. The sealer is started with the path of a JSON file (`SealerConfig`) as its only argument. It touches nothing until the first `durable`
//    line of the run, which the gateway sends at once: `durable 0 0` means "there is no journal yet". (Bytes it could find by scanning may
//    lie in the page cache only; what it was told is on the disk.)
// 2. `durable <segment> <offset>` (sent after the fdatasync of each cut): every byte of the journal before that place has been fdatasynced, including all of earlier segments.
//    Places never go back within a run. The sealer never reads beyond the last one, and seals exactly up to the last cut before it.
// 3. Once every cut before the first `durable` place is sealed (store, Git), it says `recovered`, once a run: also after a restart of the
//    sealer alone, when the gateway takes only `lastBatch` from it.
// 4. One `sealed` for each batch that is durable in the store and in Git, in order.
// 5. `segment_done`: every record of that segment, its `next` included, lies behind the last sealed cut. Said again at each start for all
//    such segments still there; the gateway may then rename the file. The segment holding the last cut is never done.
// 6. stdin ends: seal to the last cut that is known durable, exit 0. Any other exit is a death: the gateway starts another, with back-off.
//
// A segment file whose header is not valid, or names another segment than the file's name, has not begun: it is a spare. Segments are
// numbered from 1. A segment holds records of one epoch; the next one begins behind a `next` record. Recovery may rewrite the last two
// segments into new files of the same name, byte for byte the same up to the place where the dead epoch was cut.

/** All paths absolute. */
export interface SealerConfig { readonly node: string; readonly journal: string; readonly evidence: string; readonly sealer: string }

/** A session that has not closed, of whatever epoch, after the last sealed batch. All hashes in hex. */
export interface OpenSession {
  readonly id: string
  readonly epoch: number
  readonly ordinal: number
  /** Leaves so far: the next seq. */
  readonly count: number
  readonly root: string
  /** Leaf hash of the last leaf. */
  readonly last: string
  readonly frontier: readonly string[]
  readonly isNode: boolean
  /** seqs of intents without an outcome, rising. */
  readonly openIntents: readonly number[]
  /** Of a node session: ordinals its epoch had given out at its last cut; 0 otherwise. */
  readonly ordinals: number
}

export interface Recovered {
  /** Index of the last batch leaf in the log; null when the log is empty. */
  readonly lastBatch: number | null
  /** Leaf hash (hex) of that batch leaf; 64 zeros when the log is empty. */
  readonly previousBatchLeaf: string
  /** Epoch of the last batch; null when the log is empty. */
  readonly epoch: number | null
  /** The last batch was cut by a stop. */
  readonly clean: boolean
  /** Number, within `epoch`, that its next batch would have. */
  readonly nextBatch: number
  /** Time of the last cut, ms; 0 when there is none. */
  readonly time: number
  /** Segment of the journal that holds the last sealed cut; 0 when there is none. A journal that was lost goes on above it. */
  readonly segment: number
  readonly sessions: readonly OpenSession[]
}

export interface Sealed {
  readonly epoch: number
  readonly number: number
  /** Size of the log with this batch in it. */
  readonly size: number
  /** The signed note. */
  readonly checkpoint: string
}

export type SealerMessage =
  | { readonly recovered: Recovered }
  | { readonly sealed: Sealed }
  | { readonly segment_done: number }

/** One line of the sealer's stdout is at most this long; a longer one is a fault of the sealer. */
export const maxMessageBytes = 16 * 1024 * 1024

/** What the gateway wants to hear of one run of the sealer. */
export interface SealerEvents {
  message(message: SealerMessage): void
  /** The process is gone; nothing follows. `reason` names the exit code or signal, and the last line of stderr. */
  exited(reason: string): void
}

/** One run of the sealer. */
export interface Sealer {
  /** Tells a durable place. Never throws: a dead sealer is told by `exited`. */
  durable(segment: number, offset: number): void
  /** Closes stdin: the sealer seals what it knows and exits, which `exited` tells. */
  end(): void
  /** Ends it without more ado (SIGKILL). */
  kill(): void
}

/** Starts one run; `seal/spawn.ts` does it as a child process, writing the config to `<sealer>/sealer.json`. It never restarts by itself. */
export type StartSealer = (config: SealerConfig, events: SealerEvents) => Sealer
