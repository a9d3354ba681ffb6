// One run over an evidence directory, in the order of FORMAT: pin a commit, then history, batches, frames, bodies, and last what is missing.
// It shares no code with what wrote the record, reads nothing the pinned commit does not name, and writes nothing.
import { join } from 'node:path'
import { BatchChain, parseBatchLeaf } from './batch.ts'
import { BodyChecker } from './bodies.ts'
import { findGaps, findUnwitnessed } from './completeness.ts'
import type { NodeEnd, Outside } from './completeness.ts'
import { FalseClaim } from './finding.ts'
import type { Findings } from './finding.ts'
import { FrameReader } from './frames.ts'
import type { GitRepository } from './git.ts'
import { LeafFiles, readOwnKeys, walkHistory } from './history.ts'
import type { History } from './history.ts'
import { emptyRoot, Frontier, isEqual, TreeHasher } from './merkle.ts'
import { isSignedBy } from './note.ts'
import type { Checkpoint } from './note.ts'
import type { SessionKeys } from './session-keys.ts'
import { Sessions } from './sessions.ts'
import { Store } from './store.ts'
import { ownTrust, parseTrust } from './trust.ts'
import type { Trust } from './trust.ts'

export interface VerifyOptions {
  /** Holds `log.git/` and `store/`. */
  readonly directory: string
  /** Texts of the files, not their paths. */
  readonly trust?: string
  readonly since?: string
  readonly keys?: SessionKeys
  /** The time the verdict is for, ms since the Unix epoch. */
  readonly at: number
  readonly progress?: (done: number, total: number) => void
}

const branch = 'main'

/** One run's state; what the report is made of. */
export class Verification {
  readonly sessions: Sessions
  readonly bodies: BodyChecker
  head: string | undefined
  trust: Trust | undefined
  history: History = { entries: [], origin: '', witnessedSize: 0, witnesses: [] }
  outside: Outside = { keptSize: 0, witnessedSize: 0, witnesses: [] }
  checked = 0
  largestWindow = 0
  readonly #options: VerifyOptions
  readonly #kept: Checkpoint | undefined
  readonly #findings: Findings
  readonly #hasher = new TreeHasher()
  readonly #store: Store
  readonly #ends = new Map<string, NodeEnd>()
  /** ms, by batch */
  readonly #times: number[] = []

  constructor(options: VerifyOptions, kept: Checkpoint | undefined, findings: Findings) {
    this.#options = options
    this.#kept = kept
    this.#findings = findings
    this.#store = new Store(join(options.directory, 'store'))
    this.sessions = new Sessions(this.#hasher, findings)
    this.bodies = new BodyChecker(this.#store, options.keys, findings)
  }

  all(repository: GitRepository): void {
    const findings = this.#findings
    // Pinned here, once: a gateway that goes on writing cannot move what is judged.
    const pinned = findings.attempt(`log.git, refs/heads/${branch}`, () => ({ head: repository.branch(branch) }))
    if (pinned === undefined) return
    this.head = pinned.head
    if (pinned.head === undefined) { this.#noCommits(); return }
    const head = pinned.head
    const own = findings.attempt(`commit ${head}`, () => readOwnKeys(repository, head)) ?? { vkey: '', allowedSigners: '' }
    const trust = this.trust = this.#options.trust === undefined ? ownTrust(own) : parseTrust(this.#options.trust, own)
    this.history = walkHistory(repository, head, trust, findings)
    const isWhole = this.#checkBatches(repository)
    this.#checkKept(trust)
    if (!isWhole) return
    findGaps(this.sessions, this.#ends, trust, this.#options.at, findings)
    for (const session of this.bodies.withoutKey) findings.gap('body.no_key', `session ${session}`, 'its key was not among those given: its bodies were not opened')
    this.#checkOutside(trust)
  }

  #noCommits(): void {
    if (this.#options.trust !== undefined) parseTrust(this.#options.trust, { vkey: '', allowedSigners: '' })
    if (this.#kept !== undefined && this.#kept.size > 0) this.#findings.fail('since.prefix', 'log.git', `the log is empty; the kept checkpoint has ${this.#kept.size} entries`)
    else this.#findings.gap('log.empty', 'log.git', 'there is no commit yet')
  }

  /** @returns false when not all batches were looked at, so that nothing can be said of what is missing */
  #checkBatches(repository: GitRepository): boolean {
    const findings = this.#findings
    const log = new Frontier(this.#hasher)
    const chain = new BatchChain()
    const files = new LeafFiles(repository)
    const frames = new FrameReader(this.#store, this.sessions, this.#hasher, findings)
    const kept = this.#kept
    if (kept?.size === 0 && !isEqual(kept.root, emptyRoot)) findings.fail('since.prefix', 'checkpoint kept by the examiner', 'it has no entries, yet a root')
    const { entries } = this.history
    for (const [index, entry] of entries.entries()) {
      const item = `batch ${index}`
      const found = findings.attempt(`${item}, commit ${entry.id}`, () => files.next(entry, index))
      if (found === undefined) return false
      const leafHash = this.#hasher.leaf(found)
      log.append(leafHash)
      if (entry.size !== index + 1) findings.fail('checkpoint.size', `${item}, commit ${entry.id}`, `its checkpoint is of size ${entry.size}, where ${index + 1} is due`)
      else if (!isEqual(log.root(), entry.root)) findings.fail('checkpoint.root', `${item}, commit ${entry.id}`, 'the root of the checkpoint is not that of the batch leaves')
      if (kept?.size === index + 1 && !isEqual(log.root(), kept.root)) findings.fail('since.prefix', `batch ${index}`, 'the log up to here is not the one under the kept checkpoint: history was rewritten')
      const leaf = findings.attempt(`${item}, leaf/${(index % 256).toString(16).padStart(2, '0')}/${index}`, () => parseBatchLeaf(found))
      if (leaf === undefined) return false
      if (leaf.epoch !== entry.epoch || leaf.number !== entry.number) findings.fail('commit.message', `commit ${entry.id}`, `it says batch ${entry.epoch}/${entry.number}; its leaf says ${leaf.epoch}/${leaf.number}`)
      if (entry.time !== Math.floor(leaf.time / 1000)) findings.fail('commit.time', `commit ${entry.id}`, 'its time is not that of the cut')
      const place = { index, node: leaf.node, epoch: leaf.epoch, previousOfNode: chain.lastHashOf(leaf.node), time: leaf.time, previousTime: chain.lastTimeOf(leaf.node) }
      chain.check(leaf, leafHash, item, findings)
      const batch = frames.read(leaf, place)
      frames.checkIndex(leaf, batch, index)
      this.sessions.checkOrdinals(place, leaf.ordinalsAfter)
      if (batch?.isWhole === true) this.bodies.check(index, batch)
      this.#ends.set(leaf.node, { index, leaf })
      this.#times.push(leaf.time)
      this.largestWindow = Math.max(this.largestWindow, leaf.window)
      this.checked = index + 1
      this.#options.progress?.(this.checked, entries.length)
      if (findings.isEnough) return false
    }
    return entries.length > 0
  }

  /** The examiner's own checkpoint: signed by this log's key, and a prefix of it. The root was compared on the way. */
  #checkKept(trust: Trust): void {
    const kept = this.#kept
    if (kept === undefined) return
    const item = 'checkpoint kept by the examiner'
    this.#findings.attempt(item, () => {
      if (!isSignedBy(kept, trust.logKeys)) throw new FalseClaim('since.signature', 'the kept checkpoint is not signed by the key of this log')
    })
    const { entries, origin } = this.history
    if (origin !== '' && kept.origin !== origin) this.#findings.fail('since.prefix', item, 'the kept checkpoint is of another log')
    if (kept.size > entries.length) this.#findings.fail('since.prefix', item, `the log has ${entries.length} entries; the kept checkpoint has ${kept.size}: the end was cut off`)
  }

  #checkOutside(trust: Trust): void {
    const findings = this.#findings
    const { entries, witnessedSize, witnesses } = this.history
    this.outside = { keptSize: this.#kept?.size ?? 0, witnessedSize, witnesses }
    const hasKept = this.#kept !== undefined && this.#kept.size > 0
    if (trust.isOwnWord && !hasKept) findings.gap('trust.own_keys', 'keys', 'the keys are the record\'s own word: give --trust, or a checkpoint kept outside with --since')
    findUnwitnessed(this.outside, hasKept, entries.length, (index) => this.#times[index] ?? this.#options.at, trust, this.#options.at, findings)
  }
}
