// A policy repository that two people keep, small enough to compile in a moment, and an activation that follows it.
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import git from 'isomorphic-git'
import { parseGoverned } from '../../../gateway/governed.ts'
import { createActivation, createBundleStore, createPolicyMemory, createPolicyRepository, type Activation, type ActivationEvent, type BundleStore, type PolicyMemory, type PolicyRepository, type Statement } from '../../../gateway/policy/index.ts'
import type { Build } from '../../../gateway/policy/memory.ts'
import { openDatabase } from '../../../gateway/state/database.ts'
import { shippedCapabilities } from '../../../rego/index.ts'
import { readTarball, writeTarball } from '../../../rego/tarball.ts'
import { commit, config, endorse, newSigner, write, type Signer } from './policy-repository.ts'

export const eli = newSigner('eli'), lena = newSigner('lena'), omar = newSigner('omar')
export const startedAt = Date.UTC(2026, 10, 21)

export const twoOf = (more = ''): string => config.replace('activation: { quorum: 1 }', `activation: { quorum: 2${more} }`)
/** Lena may go ahead alone; everybody signs a review within an hour. */
export const withEmergency = twoOf(', emergency: { signers: [lena@bank.example], review_within_s: 3600 }')

/** Compiles in a moment. */
export const smallPolicy = {
  'policy/request.rego': 'package countersign.request\n\ndecision := {"effect": "deny", "reasons": [], "approval": null, "mask": [], "limits": {}, "record": {"level": "body", "retention": "7y"}, "obligations": []}\n',
  'policy/list.rego': 'package countersign.list\n\nvisible := []\n',
  'policy/request_test.rego': 'package countersign.request_test\n\nimport data.countersign.request\n\ntest_denies if request.decision.effect == "deny"\n',
}

export interface Kept extends Disposable {
  readonly dir: string
  readonly state: string
  readonly events: ActivationEvent[]
  readonly memory: PolicyMemory
  readonly repository: PolicyRepository
  activation: Activation
  now: number
  epoch: number
  /** What the record ends with. */
  onRecord?: (afterEpoch: number) => { readonly serial: number; readonly bundle: string | undefined } | undefined
  /** Called with each event, before it counts as recorded. */
  onEvent: (event: ActivationEvent) => Promise<void>
  /** What a lost state directory means. */
  forget(): void
  /** Before a commit's config is read. */
  onParse?: (() => void) | undefined
  /** As after a restart. */
  reopen(): Activation
  change(files: Readonly<Record<string, string>>, signer: Signer | undefined): Promise<string>
  /** A true statement of a commit; as if the commit had been built here already. */
  statement(revision: string, more?: Partial<Statement>): Promise<Statement>
  sign(statement: Statement, ...signers: readonly Signer[]): Promise<void>
}

/** @param from a folder to start from a copy of; else a repository with the first commit, signed by eli */
export async function keep(from?: string, first = withEmergency): Promise<Kept> {
  const home = fs.mkdtempSync(join(tmpdir(), 'countersign-two-'))
  const dir = join(home, 'policy'), state = join(home, 'state')
  if (from !== undefined) fs.cpSync(from, home, { recursive: true })
  else {
    fs.mkdirSync(dir)
    await git.init({ fs, dir, defaultBranch: 'main' })
    write(dir, { ...smallPolicy, 'config.yaml': first, allowed_signers: eli.line + lena.line + omar.line })
    await commit(dir, eli)
  }
  const database = openDatabase(join(state, 'state.db'))
  const memory = createPolicyMemory(database)
  const repository = createPolicyRepository(dir, 'refs/heads/main')
  const open = (): Activation => createActivation({
    repository, memory, bundles: createBundleStore(join(state, 'bundles')), pinned: { allowedSigners: eli.line + lena.line + omar.line, quorum: 2 }, capabilities: shippedCapabilities(),
    evidence: { epoch: it.epoch, lastActivation: (afterEpoch) => it.onRecord?.(afterEpoch) },
    now: () => it.now, parseGoverned: (text) => { it.onParse?.(); return parseGoverned(text, []) }, onActive: () => undefined,
    async onEvent(event) { await it.onEvent(event); it.events.push(event) },
  })
  const it: Kept = {
    dir, state, events: [], memory, repository, now: startedAt, epoch: 0, onEvent: () => Promise.resolve(), activation: undefined as unknown as Activation,
    forget: () => database.exec('DELETE FROM policy_in_force'),
    reopen: () => it.activation = open(),
    async change(files, signer) {
      write(dir, files)
      return await commit(dir, signer)
    },
    async statement(revision, more = {}) {
      const found = await repository.readCommit(revision)
      const { count } = await repository.countCommits(found)
      const serial = more.serial ?? count
      const build = await builtFor(memory, createBundleStore(join(state, 'bundles')), revision, serial)
      const { tree } = await treeOf(repository, revision)
      return { kind: 'activation', revision, tree, bundle: build?.bundle ?? '0'.repeat(64), tests: build?.tests ?? '0'.repeat(64), serial, ...more }
    },
    async sign(statement, ...signers) { for (const signer of signers) await endorse(dir, statement, signer) },
    [Symbol.dispose]() { database.close(); fs.rmSync(home, { recursive: true, force: true }) },
  }
  it.reopen()
  return it
}

/** What the commit would compile to, made of the bundle in force: the Rego is the same, and the compiler takes seconds. */
export async function builtFor(memory: PolicyMemory, bundles: BundleStore, revision: string, serial: number): Promise<Build | undefined> {
  const active = memory.active()
  const build = active === undefined ? undefined : memory.buildOf(active.revision, active.serial)
  const bytes = build === undefined ? undefined : await bundles.read(build.bundle)
  if (build === undefined || bytes === undefined) return undefined
  const made = { bundle: await bundles.write(rebranded(bytes, revision, serial)), tests: build.tests }
  memory.setBuild(revision, serial, made)
  return made
}

/** The same bundle of another commit. */
export function rebranded(bundle: Uint8Array, revision: string, serial: number): Uint8Array {
  const files = readTarball(bundle)
  const manifest = JSON.parse(Buffer.from(files.get('.manifest') ?? []).toString()) as { metadata: object }
  return writeTarball(new Map([...files, ['.manifest', Buffer.from(JSON.stringify({ ...manifest, revision, metadata: { ...manifest.metadata, serial } }))]]))
}

async function treeOf(repository: PolicyRepository, revision: string): Promise<{ readonly tree: string }> {
  return { tree: (await repository.readTree(await repository.readCommit(revision))).digest }
}
