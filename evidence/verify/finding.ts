// What the verifier found: false claims (exit 1), gaps (exit 3), and the one reason it could not run (exit 2). FORMAT §11.
// A finding names the item an examiner can look at: a file, a commit, a batch, a session and seq.

export const falseCodes = [
  'git.ref', 'git.object', 'git.pack', 'commit.shape', 'commit.parents', 'commit.signature', 'commit.message', 'commit.time', 'commit.files',
  'checkpoint.malformed', 'checkpoint.signature', 'checkpoint.origin', 'checkpoint.size', 'checkpoint.root', 'since.prefix', 'since.signature',
  'batch.malformed', 'batch.previous', 'batch.number', 'batch.time', 'batch.ordinals', 'leaves.file', 'leaves.count', 'leaves.root', 'leaf.malformed',
  'index.file', 'index.malformed', 'index.row', 'session.seq', 'session.previous', 'session.time', 'session.kind', 'session.ref', 'session.outcome', 'session.close',
  'epoch.claim', 'body.index', 'body.file', 'body.malformed', 'body.missing', 'body.box', 'body.commitment',
] as const
export type FalseCode = (typeof falseCodes)[number]

export const gapCodes = [
  'log.empty', 'trust.own_keys', 'witness.none', 'witness.quorum', 'tail.old', 'epoch.open', 'epoch.lost', 'session.open', 'intent.open', 'body.no_key',
] as const
export type GapCode = (typeof gapCodes)[number]

export interface Finding<C extends string = FalseCode | GapCode> { readonly code: C; readonly item: string; readonly message: string }

/** Bytes that are not what they claim to be. The caller that knows which item it was reading catches it. */
export class FalseClaim extends Error {
  readonly code: FalseCode
  constructor(code: FalseCode, message: string) {
    super(message)
    this.name = 'FalseClaim'
    this.code = code
  }
}

/** Wrong flags, unreadable folder, malformed trust file: nothing can be said about the record. Exit 2. */
export class CannotRun extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'CannotRun'
  }
}

/** Listed findings of each sort; more are counted, not kept, so that a hostile record cannot buy memory. */
export const maxListed = 200
/** So many false claims, and no more is looked at: a record made to be read for days is not. */
const enoughFalsities = 1000

export class Findings {
  readonly falsities: Finding<FalseCode>[] = []
  readonly gaps: Finding<GapCode>[] = []
  falseCount = 0
  gapCount = 0

  get isEnough(): boolean { return this.falseCount >= enoughFalsities }

  fail(code: FalseCode, item: string, message: string): void {
    this.falseCount += 1
    if (this.falsities.length < maxListed) this.falsities.push({ code, item, message })
  }

  gap(code: GapCode, item: string, message: string): void {
    this.gapCount += 1
    if (this.gaps.length < maxListed) this.gaps.push({ code, item, message })
  }

  /** Runs one check of one item; a false claim becomes a finding and the answer `undefined`. */
  attempt<T>(item: string, check: () => T): T | undefined {
    try {
      return check()
    } catch (cause) {
      if (!(cause instanceof FalseClaim)) throw cause
      this.fail(cause.code, item, cause.message)
      return undefined
    }
  }
}
