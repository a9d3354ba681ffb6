// The recorder of one node: one epoch from start to stop. Opens the journal, brings the record of a dead process to an end, and is ready only
// once its own beginning is sealed. FORMAT.md §4, §7, §12.
import { mkdirSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { Cleanup } from './cleanup.ts'
import { EvidenceError } from './errors.ts'
import { KeyStore } from './keys/store.ts'
import { Admission } from './session/admission.ts'
import { Committer } from './session/commitment.ts'
import { realDisk, type Disk } from './session/disk.ts'
import { closeReason, frameKind } from './session/frame.ts'
import { Journal, type Durability } from './session/journal.ts'
import { lockDirectory } from './session/lock.ts'
import { cutReason, defaultSegmentBytes, type CutReason } from './session/record.ts'
import { recoverJournal } from './session/recovery.ts'
import { Sealing, within } from './session/sealing.ts'
import { Segments } from './session/segments.ts'
import { Syncer } from './session/syncer.ts'
import { SessionWriter, type Epoch } from './session/writer.ts'
import type { Recovered, StartSealer } from './seal/protocol.ts'
import { startSealer } from './seal/spawn.ts'

/** The sealer may have a long journal to seal before this node is ready, and at its stop. */
const sealLimitMs = 120_000

export interface RecorderOptions {
  /** Name of this node, in every batch leaf. */
  readonly node: string
  readonly directories: { readonly journal: string, readonly keys: string, readonly sealer: string, readonly evidence: string }
  readonly intervalMs: number
  readonly maxUnsealedBytes: number
  readonly maxUnsealedMs: number
  /** ms since the Unix epoch */
  readonly now: () => number
  readonly spawnSealer?: StartSealer
  readonly segmentBytes?: number
  readonly disk?: Disk
}

export interface RecorderStatus {
  /** Frames can be recorded now, and the sealer keeps up. */
  readonly ready: boolean
  readonly fenced: boolean
  readonly full: boolean
  readonly lag: boolean
  readonly unsealedBytes: number
  /** Time of the oldest cut that is not sealed, ms. */
  readonly unsealedSince: number | undefined
  readonly lastBatch: { readonly epoch: number, readonly number: number, readonly size: number } | undefined
  readonly checkpoint: string | undefined
  /** In the batch that is not cut yet. */
  readonly largestWindowUs: number
  readonly sealerFault: string | undefined
  /** How far the clock was behind the last cut when it was last asked, ms: a batch's time never goes back. */
  readonly clockBehindMs: number
}

/** Locks the journal, recovers it, starts the sealer and a new epoch. Resolves when the epoch's beginning is sealed.
 * @throws EvidenceError `ERR_EVIDENCE_LOCKED`, `ERR_EVIDENCE_CORRUPT`, `ERR_EVIDENCE_BEHIND`, `ERR_EVIDENCE_FORK`, `ERR_EVIDENCE_KEY`, `ERR_EVIDENCE_FULL`, `ERR_EVIDENCE_SEALER` */
export async function openRecorder(options: RecorderOptions): Promise<Recorder> {
  const { directories, now, disk = realDisk } = options
  for (const directory of Object.values(directories)) mkdirSync(directory, { recursive: true, mode: 0o700 })
  await using opened = new Cleanup()
  opened.use(lockDirectory(directories.journal))
  const keys = opened.use(new KeyStore(directories.keys))
  const journal = recoverJournal(directories.journal, now)

  // The sealer's word comes first: it alone knows what the log holds. Segments it names before there is a journal are kept for it.
  const parts: { journal?: Journal, segments?: Segments, done: number[] } = { done: [] }
  const sealing = new Sealing({
    config: { node: options.node, journal: directories.journal, evidence: directories.evidence, sealer: directories.sealer },
    start: options.spawnSealer ?? startSealer, now,
    maxUnsealedBytes: options.maxUnsealedBytes, maxUnsealedMs: options.maxUnsealedMs,
    writtenBytes: () => parts.journal?.writtenBytes ?? 0,
    segmentDone: (segment) => {
      if (parts.segments === undefined) parts.done.push(segment)
      else parts.segments.recycle(segment)
    },
  })
  opened.defer(() => sealing.end())
  const recovered = await within(sealing.start(journal.durable), sealLimitMs, 'the sealer did not recover the record', () => sealing.lastFault)

  const epoch = Math.max(journal.epoch, recovered.epoch ?? -1) + 1
  const segments = new Segments({
    directory: directories.journal, disk, epoch, first: Math.max(journal.durable.segment, recovered.segment) + 1,
    segmentBytes: options.segmentBytes ?? defaultSegmentBytes, changed: () => parts.journal?.resume(),
  })
  opened.defer(() => segments.close())
  parts.segments = segments
  for (const segment of parts.done) segments.recycle(segment)
  await segments.prepare()
  if (segments.fault !== undefined) throw new EvidenceError('ERR_EVIDENCE_FULL', 'the journal cannot make its first segments', { cause: segments.fault })

  const syncer = new Syncer(segments, disk, (error) => parts.journal?.fence(error))
  const admission = new Admission(segments, sealing, disk.elapsedUs)
  parts.journal = new Journal(segments, syncer, admission)
  const recorder = new Recorder({ number: epoch, journal: parts.journal, admission, committer: new Committer(), now }, {
    keys, sealing, syncer, intervalMs: options.intervalMs, lastCutTime: Math.max(journal.lastCutTime, recovered.time), node: options.node, resources: opened.move(),
  })
  try {
    await recorder.begin(recovered)
  } catch (error) {
    await recorder.abandon()
    throw error
  }
  return recorder
}

interface RecorderParts {
  readonly keys: KeyStore
  readonly sealing: Sealing
  readonly syncer: Syncer
  readonly intervalMs: number
  readonly lastCutTime: number
  readonly node: string
  readonly resources: Cleanup
}

export class Recorder implements AsyncDisposable {
  readonly epoch: number
  readonly node: SessionWriter
  readonly #context: Epoch
  readonly #parts: RecorderParts
  readonly #sessions = new Set<SessionWriter>()
  #cutNumber = 0
  #cutOrdinals = 0
  #lastCutTime: number
  #cutting: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isReady = false
  #stopping: Promise<void> | undefined

  /** Made by `openRecorder` only. */
  constructor(context: Epoch & { readonly number: number }, parts: RecorderParts) {
    this.epoch = context.number
    this.#context = context
    this.#parts = parts
    this.#lastCutTime = parts.lastCutTime
    this.node = this.#newSession()
  }

  /** Opens a session: its key is durable, its open frame appended.
   * @param request who it is, FORMAT.md §6
   * @throws EvidenceError `ERR_EVIDENCE_FULL`, `ERR_EVIDENCE_FENCED`, `ERR_EVIDENCE_LAG`, `ERR_EVIDENCE_KEY` */
  openSession(request: Uint8Array): SessionWriter {
    if (this.#stopping !== undefined) throw new EvidenceError('ERR_EVIDENCE_SESSION_CLOSED', 'the recorder is stopping')
    // Before a key is spent.
    this.#context.admission.admit(frameKind.open, request.length)
    const session = this.#newSession()
    session.open({ kind: frameKind.open, epoch: this.epoch, request })
    return session
  }

  /** Resolves once every frame appended so far is on record: `strict`, on the disk; `bounded`, written, and nothing un-synced older than 5 ms.
   * @throws EvidenceError `ERR_EVIDENCE_FULL` (frames since the last write are undone), `ERR_EVIDENCE_FENCED` */
  commit(durability: Durability): Promise<void> {
    return this.#context.journal.commit(durability)
  }

  status(): RecorderStatus {
    const { sealing, syncer } = this.#parts
    const { admission, now } = this.#context
    const sealed = sealing.lastSealed
    return {
      ready: this.#isReady && !admission.isFenced && !admission.isFull && !sealing.isLagging,
      fenced: admission.isFenced, full: admission.isFull, lag: sealing.isLagging,
      unsealedBytes: sealing.unsealedBytes, unsealedSince: sealing.unsealedSince,
      lastBatch: sealed === undefined ? undefined : { epoch: sealed.epoch, number: sealed.number, size: sealed.size },
      checkpoint: sealed?.checkpoint,
      largestWindowUs: syncer.largestWindowUs, sealerFault: sealing.lastFault,
      clockBehindMs: Math.max(0, this.#lastCutTime - now()),
    }
  }

  /** Seals all that is on record so far as one batch, now. */
  cut(reason: CutReason = cutReason.interval): Promise<void> {
    // One after the other; a failed one does not keep the next from being made.
    const cut = this.#cutting.then(() => this.#cut(reason))
    this.#cutting = cut.catch(() => undefined)
    return cut
  }

  /** Closes all sessions and the epoch, and resolves when all of it is sealed and the sealer is gone. A fenced epoch is left to recovery. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** The first frames: the epoch, what the dead epochs left open, and the cut that makes the node ready. Called by `openRecorder`. */
  async begin(recovered: Recovered): Promise<void> {
    const { node } = this
    const how = recovered.lastBatch === null ? 0 : recovered.clean ? 1 : 2
    node.open({ kind: frameKind.epoch, epoch: this.epoch, node: this.#parts.node, how, previousBatch: fromHex(recovered.previousBatchLeaf) })
    for (const dead of recovered.sessions) {
      const id = fromHex(dead.id)
      for (const seq of dead.openIntents) node.append({ kind: frameKind.recovery, time: this.#context.now(), structure: new Map<number, number | Uint8Array>([[1, id], [2, seq]]) })
      const chain = { count: dead.count, last: fromHex(dead.last), frontier: dead.frontier.map(fromHex) }
      const session = new SessionWriter(this.#context, { id, ordinal: dead.ordinal, openedAt: 0, key: undefined }, chain)
      session.close(closeReason.abandoned, dead.isNode ? dead.ordinals : undefined)
    }
    await this.cut(cutReason.start)
    await within(this.#parts.sealing.sealed(this.epoch, 0), sealLimitMs, 'the start of the epoch was not sealed', () => this.#parts.sealing.lastFault)
    this.#isReady = true
    this.#schedule()
  }

  /** Lets go of everything without closing the epoch. Called by `openRecorder` when it could not begin. */
  async abandon(): Promise<void> {
    this.#stopping ??= Promise.resolve()
    clearTimeout(this.#timer)
    await this.#parts.resources.disposeAsync()
  }

  #newSession(): SessionWriter {
    const { journal, now } = this.#context
    const session = new SessionWriter(this.#context, { id: randomBytes(16), ordinal: journal.nextOrdinal, openedAt: now(), key: this.#parts.keys.take() })
    this.#sessions.add(session)
    return session
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      // A cut that fails is said by `status`, and made at the next interval.
      void this.cut().catch(() => undefined).then(() => { if (this.#stopping === undefined) this.#schedule() })
    }, this.#parts.intervalMs)
  }

  async #cut(reason: CutReason): Promise<void> {
    for (const session of this.#sessions) {
      if (session.isDone) this.#sessions.delete(session)
      else session.retryClose()
    }
    const { journal, now } = this.#context
    const number = this.#cutNumber
    let ordinalsAfter = this.#cutOrdinals
    const place = await journal.cut((ordinals, largestWindowUs) => {
      // A clock that stepped back must not make time run backwards in the log.
      this.#lastCutTime = Math.max(now(), this.#lastCutTime)
      ordinalsAfter = ordinals
      return { number, time: this.#lastCutTime, ordinalsBefore: this.#cutOrdinals, ordinalsAfter, largestWindowUs, reason }
    })
    this.#cutNumber = number + 1
    this.#cutOrdinals = ordinalsAfter
    this.#parts.sealing.cut({ epoch: this.epoch, number, writtenBytes: journal.writtenBytes, time: this.#lastCutTime }, place)
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#isReady = false
    try {
      await this.#cutting
      if (this.#context.admission.isFenced) return
      for (const session of this.#sessions) if (session !== this.node) session.close(closeReason.stop)
      this.node.close(closeReason.stop, this.#context.journal.nextOrdinal)
      const number = this.#cutNumber
      await this.cut(cutReason.stop)
      await within(this.#parts.sealing.sealed(this.epoch, number), sealLimitMs, 'the end of the epoch was not sealed', () => this.#parts.sealing.lastFault)
    } finally {
      await this.#parts.resources.disposeAsync()
    }
  }
}

function fromHex(text: string): Uint8Array {
  return Buffer.from(text, 'hex')
}
