// A gateway's side of a policy repository elsewhere: nothing but an address, the pinned signers, and what the same commit compiled to before.
import fs from 'node:fs'
import { join } from 'node:path'
import { parseGoverned } from '../../../gateway/governed.ts'
import { createActivation, createBundleStore, createMirror, createPolicyMemory, createPolicyRepository, mirrorLimits, mirrorPath, type Activation, type ActivationEvent, type RemoteAccess } from '../../../gateway/policy/index.ts'
import { openDatabase } from '../../../gateway/state/database.ts'
import { shippedCapabilities } from '../../../rego/index.ts'
import { eli, lena, omar, startedAt, type Kept } from './two-people.ts'

/** A machine with much to do is no remote that hangs. */
const patience = { listMs: 100_000, fetchMs: 100_000, readMs: 100_000 }

export interface Follower extends Disposable {
  readonly activation: Activation
  readonly events: ActivationEvent[]
  /** What Git said, as the operator's log would have it. */
  readonly said: string[]
  readonly mirror: string
  readonly clock: { now: number }
}

export function followRemote(at: Kept, url: string, { environment = { PATH: process.env['PATH'] }, access, limits = {} }: { readonly environment?: Readonly<Record<string, string | undefined>>; readonly access?: RemoteAccess; readonly limits?: Partial<typeof mirrorLimits> } = {}): Follower {
  const state = fs.mkdtempSync(join(at.state, '..', 'follower-'))
  const database = openDatabase(join(state, 'state.db'))
  const mirror = mirrorPath(state)
  const events: ActivationEvent[] = [], said: string[] = []
  const clock = { now: startedAt }
  const ref = 'refs/heads/main'
  const outside = createMirror({ path: mirror, url, ref, environment, ...access === undefined ? {} : { access }, limits: { ...mirrorLimits, ...patience, ...limits }, now: Date.now, said: (words) => said.push(words) })
  const activation = createActivation({
    repository: createPolicyRepository(mirror, ref, outside),
    memory: { ...createPolicyMemory(database), buildOf: at.memory.buildOf }, bundles: createBundleStore(join(at.state, 'bundles')), pinned: { allowedSigners: eli.line + lena.line + omar.line, quorum: 2 },
    capabilities: shippedCapabilities(), evidence: { epoch: 0, lastActivation: () => undefined }, now: () => clock.now, parseGoverned: (text) => parseGoverned(text, []), onActive: () => undefined,
    onEvent: (event) => { events.push(event); return Promise.resolve() },
  })
  return { events, said, mirror, clock, activation, [Symbol.dispose]() { database.close() } }
}
