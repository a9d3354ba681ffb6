// Files of a running gateway: nobody else on the machine reads them, whatever rights their folders were made with.
import fs from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { bankOf } from './gateway-kit.ts'
import { startProcess } from './running.ts'

const bank = bankOf(test)

test('no file that the gateway or its sealer makes is open to others, in folders that were', async (t) => {
  const home = await bank().home()
  for (const folder of Object.values(home.directories)) {
    fs.mkdirSync(folder, { recursive: true })
    fs.chmodSync(folder, 0o755)
  }
  const before = new Set(files(home.dir))
  const gateway = await startProcess(home)
  await gateway.tool(await bank().token(), 'run_report')
  t.is(await gateway.stop(), 0)
  const made = files(home.dir).filter((file) => !before.has(file))
  t.true(made.length > 10)
  t.deepEqual(made.filter((file) => (fs.statSync(file).mode & 0o077) !== 0).map((file) => path.relative(home.dir, file)), [])
})

function files(folder: string): string[] {
  return fs.readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => entry.isFile() ? [path.join(entry.parentPath, entry.name)] : [])
}
