// From a batch to the record, on one screen: store → sign → never twice → commit. The order is the argument; every step is durable before the next begins.
import path from 'node:path'
import { EvidenceError } from './errors.ts'
import { commitToLog, createRepository } from './repository/commit.ts'
import { latch, type Disk } from './repository/durable-fs.ts'
import { readme } from './repository/layout.ts'
import { LogReader } from './repository/read.ts'
import { Store, type StoreObject } from './repository/store.ts'
import type { Batch } from './seal/batch.ts'
import type { Place } from './seal/journal.ts'
import type { Sealed, SealerConfig } from './seal/protocol.ts'
import { reconcile } from './seal/reconcile.ts'
import type { SessionTable } from './seal/sessions.ts'
import { createKeys, hasKeys, loadSigner, type Signer } from './seal/signer.ts'
import { SealerState, type SignedHead } from './seal/state.ts'
import { CompactTree } from './tlog/compact.ts'
import { parseBatchLeaf } from './tlog/leaf.ts'

export class Ledger {
  readonly #disk: Disk
  readonly #store: Store
  readonly #state: SealerState
  readonly #signer: Signer
  readonly #gitdir: string
  readonly #reader: LogReader
  #head: SignedHead

  private constructor(config: SealerConfig, disk: Disk, state: SealerState, signer: Signer) {
    this.#disk = disk
    this.#state = state
    this.#signer = signer
    this.#store = new Store(config.evidence)
    this.#gitdir = path.join(config.evidence, 'log.git')
    this.#reader = new LogReader(config.evidence)
    this.#head = state.head()
  }

  /** Takes the log's lock and brings state, repository and store into step. @throws EvidenceError LOCKED, KEY, BEHIND, FORK, CORRUPT */
  static async open(config: SealerConfig, bareDisk: Disk): Promise<{ ledger: Ledger; republished: Sealed | undefined }> {
    const disk = latch(bareDisk)
    const state = new SealerState(config.sealer)
    try {
      if (!hasKeys(config.sealer) && state.head().size === 0 && await new LogReader(config.evidence).head() === undefined) createKeys(config.sealer, config.node, disk)
      const ledger = new Ledger(config, disk, state, loadSigner(config.sealer, config.node, disk))
      createRepository(ledger.#gitdir, disk)
      const standing = await reconcile(config.node, state, ledger.#reader, ledger.#store, ledger.#signer.verifier)
      ledger.#head = state.head()
      return { ledger, republished: standing === 'unpublished' ? await ledger.#publish(ledger.#head) : undefined }
    } catch (cause) {
      state.close()
      throw cause
    }
  }

  get head(): SignedHead { return this.#head }
  get state(): SealerState { return this.#state }

  /** Durable on return. Nothing names it yet: should its batch never be sealed here, the next run makes the same object. */
  keep(object: StoreObject): void { this.#store.put(this.#disk, object) }

  /** @param batch its bodies are kept @param place of the journal, behind the batch's cut */
  async seal(batch: Batch, sessions: SessionTable, place: Place): Promise<Sealed> {
    this.#keepAll(batch)                                                  // what the leaf names is there before the leaf
    const head = this.#sign(batch, place)                                 // still in this process only
    this.#state.advance(this.#head.size, head, sessions.touched)          // durable before anybody sees it: no second head of this size, ever
    this.#head = head
    sessions.settle()
    return this.#publish(head)                                            // a signed commit; made again from the state if it does not come to pass
  }

  #keepAll({ objects, bodies }: Batch): void {
    for (const object of objects) this.keep(object)
    this.#store.putBodyIndex(this.#disk, this.#head.size, bodies)
  }

  #sign({ leaf, leafHash }: Batch, place: Place): SignedHead {
    const log = CompactTree.from(this.#head.size, this.#head.frontier)
    log.append(leafHash)
    return { size: log.size, note: this.#signer.signCheckpoint(log.size, log.root()), leaf, leafHash, frontier: log.frontier, place }
  }

  async #publish({ size, note, leaf }: SignedHead): Promise<Sealed> {
    const { epoch, number, time } = parseBatchLeaf(leaf)
    const before = await this.#reader.head()
    if ((before?.checkpoint.size ?? 0) !== size - 1) throw new EvidenceError('ERR_EVIDENCE_FORK', `the repository is at size ${before?.checkpoint.size ?? 0} when size ${size} is to be committed`)
    await commitToLog(this.#gitdir, this.#disk, this.#reader, before, {
      index: size - 1, leaf, checkpoint: note, subject: `batch ${epoch}/${number}`, time, identity: this.#signer.identity,
      founding: size === 1 ? this.#foundingFiles() : new Map(),
      sign: (commit) => this.#signer.signCommit(commit),
    })
    return { epoch, number, size, checkpoint: note }
  }

  #foundingFiles(): Map<string, string> {
    const { origin, verifierKey, allowedSigners } = this.#signer
    return new Map([['README.md', readme(origin, verifierKey.trimEnd())], ['keys/log.vkey', verifierKey], ['keys/allowed_signers', allowedSigners]])
  }

  /** Lets the lock go. */
  close(): void { this.#state.close() }
}
