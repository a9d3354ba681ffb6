// The sealer's writes fail one by one, before and after they reach the disk; and the process is killed at any time. A restart must end where an undisturbed run ends.
import { cpSync } from 'node:fs'
import test from 'ava'
import { durableDisk, type Disk } from '../../../evidence/repository/durable-fs.ts'
import type { SealerMessage } from '../../../evidence/seal/protocol.ts'
import { LogSealer } from '../../../evidence/seal/sealer.ts'
import { segmentHeaderBytes } from '../../../evidence/session/record.ts'
import { evidenceBytes, folders, gitAccepts, run, smallJournal } from './sealer-fixture.ts'

/** Fails the n-th write, once; `persisted`: after it reached the disk, as a lost answer would. Everything before and after works. */
function failingDisk(at: number, persisted: boolean): { disk: Disk; writes: () => number } {
  let count = 0
  const fault = Object.assign(new Error('EIO: injected'), { code: 'EIO' })
  return {
    writes: () => count,
    disk: {
      ...durableDisk,
      write(file, bytes, mode) {
        if (count++ === at) {
          if (persisted) durableDisk.write(file, bytes, mode)
          throw fault
        }
        durableDisk.write(file, bytes, mode)
      },
    },
  }
}

for (const persisted of [false, true]) {
  test(`a write that fails${persisted ? ' after it reached the disk' : ''}, whichever it is, is made good by a restart`, async (t) => {
    t.timeout(110_000)
    const model = folders(t)
    smallJournal(model)
    // Two batches: a first commit and one behind it.
    const place = { segment: 2, offset: segmentHeaderBytes }
    await run(model, { segment: 0, offset: 0 })
    const keys = `${model.sealer}.keys`
    cpSync(model.sealer, keys, { recursive: true })
    await run(model, place)
    const expected = evidenceBytes(model)

    let at = 0
    for (let isOver = false; !isOver; at++) {
      const config = { ...folders(t), journal: model.journal }
      cpSync(keys, config.sealer, { recursive: true })
      const { disk, writes } = failingDisk(at, persisted)
      const said: SealerMessage[] = []
      try {
        const sealer = await LogSealer.start(config, place, disk, (message) => { said.push(message) })
        sealer.close()
      } catch (cause) {
        t.like(cause as object, { code: 'EIO', message: 'EIO: injected' })
      }
      isOver = writes() <= at
      // What was said to be sealed before the fault is not said again, and nothing is left out.
      const second: SealerMessage[] = []
      const sealer = await LogSealer.start(config, place, durableDisk, (message) => { second.push(message) })
      sealer.close()
      const sizes = [...said, ...second].flatMap((message) => ('sealed' in message ? [message.sealed.size] : []))
      t.true([[1, 2], [1], [2]].some((possible) => String(possible) === String(sizes)), String(sizes))
      t.deepEqual(evidenceBytes(config), expected, `write ${at}`)
    }
    // The repository's own files, and for each batch its objects, body index, blobs, trees, commit and branch.
    t.true(at > 25, String(at))
  })
}

test('no write follows a failed one', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  const { disk, writes } = failingDisk(14, false)
  await t.throwsAsync(LogSealer.start(config, journal.sync(), disk, () => {}), { code: 'EIO', message: 'EIO: injected' })
  t.is(writes(), 15)
})

test('a sealer that is killed at any time, again and again, ends where an undisturbed one ends', async (t) => {
  t.timeout(110_000)
  const model = folders(t)
  const { journal } = smallJournal(model)
  const place = journal.sync()
  await run(model, { segment: 0, offset: 0 })
  const config = { ...folders(t), journal: model.journal }
  cpSync(model.sealer, config.sealer, { recursive: true })
  const whole = performance.now()
  await run(model, place)
  const length = performance.now() - whole
  for (let round = 0; round < 10; round++) {
    const { exit } = await run(config, place, length * (0.3 + 0.7 * Math.random()))
    t.true(exit === 'SIGKILL' || exit === 'exit 0', exit)
  }
  t.is((await run(config, place)).exit, 'exit 0')
  gitAccepts(t, config, 4)
  t.deepEqual(evidenceBytes(config), evidenceBytes(model))
})
