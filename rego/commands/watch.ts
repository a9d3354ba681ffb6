// `--watch`: the same again whenever a file of the policy changes, by one compiler that stays.
import { watch } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { defaultFolder } from '../folder.ts'

// An editor's save is several events, and a checkout many.
const settleMs = 20
const relevant = ['.rego', '.json', '.yaml', '.yml']

/**
 * Runs `round` now and after each change below `folder`, until the process is ended. Each begins with the line `<doing> …` and ends
 * with `watching for changes`, which a problem matcher takes for its begin and end.
 */
export async function watchFolder(folder: string | undefined, doing: string, round: () => Promise<void>): Promise<never> {
  let changed = Promise.withResolvers<undefined>()
  const watcher = watch(path.resolve(folder ?? defaultFolder()), { recursive: true }, (_event, file) => {
    if (file === null || relevant.includes(path.extname(file))) changed.resolve(undefined)
  })
  // A folder that goes away ends the watch; what it was is said by the next round.
  watcher.on('error', () => changed.resolve(undefined))
  for (;;) {
    process.stdout.write(`${doing} …\n`)
    await settled(round)
    process.stdout.write('watching for changes\n')
    await changed.promise
    await wait(settleMs)
    changed = Promise.withResolvers()
  }
}

/** A file that is gone between listing and reading is one in the middle of a save: there will be another round. */
async function settled(round: () => Promise<void>): Promise<void> {
  try {
    await round()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
