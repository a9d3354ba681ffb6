// Which policy a record ends with: what a node asks whose state is not from the record's end.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { frameKind, lastActivation, openRecorder } from '../../../evidence/index.ts'

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const bundle = (serial: number): Uint8Array => new Uint8Array(32).fill(serial)
const hex = (serial: number): string => Buffer.from(bundle(serial)).toString('hex')

test('the newest activation on record counts, and a call that the known policy decided ends the search only where none came after', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'countersign-last-'))
  t.teardown(() => rmSync(root, { recursive: true }))
  const evidence = join(root, 'evidence')
  /** One epoch: activations (positive) and calls (negative), by serial. */
  const live = async (...events: readonly number[]): Promise<void> => {
    const directories = { journal: join(root, 'journal'), keys: join(root, 'keys'), sealer: join(root, 'sealer'), evidence }
    const recorder = await openRecorder({ node: 'node-1', directories, intervalMs: 3_600_000, maxUnsealedBytes: 1e9, maxUnsealedMs: 1e6, now: Date.now })
    const session = recorder.openSession(json({ subject: 'ada' }))
    for (const serial of events) {
      const { seq } = serial > 0
        ? session.append({ kind: frameKind.policy, time: Date.now(), request: json({}), bundle: bundle(serial), structure: new Map([[1, 0], [2, serial]]) })
        : session.append({ kind: frameKind.intent, time: Date.now(), request: json({}), decision: json({}), decisionId: new Uint8Array(16), bundle: bundle(-serial) })
      if (serial < 0) session.append({ kind: frameKind.outcome, time: Date.now(), ref: seq, result: json({}), structure: new Map([[1, 0]]) })
    }
    await recorder.commit('strict')
    await recorder.stop()
  }
  await live(5)
  await live(-5)
  t.deepEqual(lastActivation(evidence, -1), { serial: 5, bundle: hex(5) })
  t.is(lastActivation(evidence, -1, hex(5)), undefined, 'the known policy was in force to the end')
  t.deepEqual(lastActivation(evidence, -1, hex(4)), { serial: 5, bundle: hex(5) })
  await live(-5, 6, -5)                                      // a call that had begun before the swap
  t.deepEqual(lastActivation(evidence, -1, hex(5)), { serial: 6, bundle: hex(6) })
  await live(-6)
  t.deepEqual(lastActivation(evidence, -1, hex(5)), { serial: 6, bundle: hex(6) }, 'a copy of older state does not know of the sixth')
})
