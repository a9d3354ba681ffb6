// The sealer: follows the journal to what is durable, seals at each cut, says so (protocol.ts). Owns nothing that it does not read back at start.
import { EvidenceError } from '../errors.ts'
import { Ledger } from '../ledger.ts'
import type { Disk } from '../repository/durable-fs.ts'
import { listSegments, readSegmentHeader } from '../session/reader.ts'
import { cutReason, parseCut, recordType, type Cut } from '../session/record.ts'
import { parseBatchLeaf, type BatchLeaf } from '../tlog/leaf.ts'
import { BatchBuilder } from './batch.ts'
import { JournalFollower, type FollowedRecord, type Place } from './journal.ts'
import type { OpenSession, Recovered, SealerConfig, SealerMessage } from './protocol.ts'
import { SessionTable } from './sessions.ts'

export class LogSealer {
  readonly #config: SealerConfig
  readonly #ledger: Ledger
  readonly #say: (message: SealerMessage) => void
  readonly #sessions = new SessionTable()
  readonly #builder: BatchBuilder
  #follower: JournalFollower | undefined
  /** The last sealed batch; undefined while the log is empty. */
  #last: BatchLeaf | undefined
  /** Of the journal, behind the last sealed cut; undefined while there is none. */
  #place: Place | undefined
  /** Segments below this one have been said to be done. */
  #doneBefore = 0

  private constructor(config: SealerConfig, ledger: Ledger, say: (message: SealerMessage) => void) {
    this.#config = config
    this.#ledger = ledger
    this.#say = say
    this.#builder = new BatchBuilder(config.node, this.#sessions, (body) => { ledger.keep(body) })
    this.#last = ledger.head.size === 0 ? undefined : parseBatchLeaf(ledger.head.leaf)
    for (const session of ledger.state.sessions()) this.#sessions.restore(session)
  }

  /** Brings everything up to the first durable place, and says `recovered`. @throws EvidenceError */
  static async start(config: SealerConfig, durable: Place, disk: Disk, say: (message: SealerMessage) => void): Promise<LogSealer> {
    const { ledger, republished } = await Ledger.open(config, disk)
    try {
      const sealer = new LogSealer(config, ledger, say)
      if (republished !== undefined) say({ sealed: republished })
      // `0 0` means a journal that is still to be made: the place in an earlier one is worth nothing.
      if (durable.segment > 0) {
        sealer.#place = sealer.#startPlace(durable)
        sealer.#follower = new JournalFollower(config.journal, sealer.#place)
        await sealer.sealTo(durable)
        if (sealer.#place !== undefined) sealer.#sayDone(sealer.#place)
      }
      say({ recovered: sealer.#recovered() })
      return sealer
    } catch (cause) {
      ledger.close()
      throw cause
    }
  }

  /** Seals each cut before the place, in order. @throws EvidenceError ERR_EVIDENCE_CORRUPT, and whatever writing throws: the sealer is over then */
  async sealTo(durable: Place): Promise<void> {
    if (durable.segment === 0) return
    this.#follower ??= new JournalFollower(this.#config.journal, undefined)
    for (const record of this.#follower.read(durable)) {
      if (record.type === recordType.write) this.#builder.write(record.payload)
      else if (record.type === recordType.cut) await this.#cut(record)
    }
  }

  async #cut({ epoch, payload, end }: FollowedRecord): Promise<void> {
    const cut = parseCut(payload)
    if (!isNext(this.#last, epoch, cut)) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `the journal cuts batch ${epoch}/${cut.number} behind ${nameOf(this.#last)}`)
    const batch = this.#builder.close(epoch, cut, this.#ledger.head.leafHash)
    const sealed = await this.#ledger.seal(batch, this.#sessions, end)
    this.#last = parseBatchLeaf(batch.leaf)
    this.#place = end
    this.#say({ sealed })
    this.#sayDone(end)
  }

  // A journal may have been lost and begun anew above the sealed segment, in a later epoch. Anything else that is missing is a fault, found when it is read.
  #startPlace(durable: Place): Place | undefined {
    const { place, size } = this.#ledger.head
    if (place === undefined) return size === 0 ? undefined : this.#findPlace(durable)
    const [oldest = 0] = listSegments(this.#config.journal)
    const isAnew = oldest > place.segment && (readSegmentHeader(this.#config.journal, oldest)?.epoch ?? 0) > (this.#last?.epoch ?? 0)
    return isAnew ? undefined : place
  }

  // An adopted log does not say where in the journal its last cut is: look for it. A journal without it must begin with the next batch.
  #findPlace(durable: Place): Place | undefined {
    for (const record of new JournalFollower(this.#config.journal, undefined).read(durable)) {
      if (record.type === recordType.cut && record.epoch === this.#last?.epoch && parseCut(record.payload).number === this.#last.number) return record.end
    }
    return undefined
  }

  // The segment that holds the last cut is never done.
  #sayDone({ segment }: Place): void {
    if (segment <= this.#doneBefore) return
    for (const done of listSegments(this.#config.journal)) if (done >= this.#doneBefore && done < segment) this.#say({ segment_done: done })
    this.#doneBefore = segment
  }

  #recovered(): Recovered {
    const { size, leafHash } = this.#ledger.head
    return {
      lastBatch: size === 0 ? null : size - 1, previousBatchLeaf: hex(leafHash), epoch: this.#last?.epoch ?? null, clean: this.#last?.why === cutReason.stop,
      nextBatch: this.#last === undefined ? 0 : this.#last.number + 1, time: this.#last?.time ?? 0, segment: (this.#place ?? this.#ledger.head.place)?.segment ?? 0, sessions: [...this.#sealedSessions()],
    }
  }

  // Frames behind the last cut may have been read already; what is told is the state at the cut, as it was kept.
  *#sealedSessions(): Generator<OpenSession> {
    for (const { id, epoch, ordinal, isNode, tree, last, openIntents, ordinals } of this.#ledger.state.sessions()) {
      yield { id: hex(id), epoch, ordinal, count: tree.size, root: hex(tree.root()), last: hex(Buffer.from(last, 'latin1')), frontier: tree.frontier.map(hex), isNode, openIntents: [...openIntents].sort((a, b) => a - b), ordinals: isNode ? ordinals : 0 }
    }
  }

  /** Lets the log go. */
  close(): void { this.#ledger.close() }
}

function isNext(last: BatchLeaf | undefined, epoch: number, { number }: Cut): boolean {
  if (last !== undefined && epoch === last.epoch) return number === last.number + 1
  return number === 0 && (last === undefined || epoch > last.epoch)
}

function nameOf(last: BatchLeaf | undefined): string {
  return last === undefined ? 'the beginning' : `batch ${last.epoch}/${last.number}`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
