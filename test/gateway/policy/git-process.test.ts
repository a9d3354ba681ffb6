// What becomes of a child Git when the gateway that started it is gone.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import test from 'ava'
import { runGit } from '../../../gateway/policy/git-process.ts'

const start = (t: { teardown(done: () => void): void }, script: string): { readonly folder: string; readonly environment: { readonly PATH: string } } => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'countersign-git-process-'))
  t.teardown(() => fs.rmSync(folder, { recursive: true }))
  fs.writeFileSync(join(folder, 'git'), `#!/bin/sh\n${script.replaceAll('HERE', folder)}\n`, { mode: 0o755 })
  return { folder, environment: { PATH: `${folder}:${process.env['PATH'] ?? ''}` } }
}

const isGone = async (pid: number): Promise<boolean> => {
  for (let tries = 0; tries < 1_000; tries++) {
    try {
      process.kill(pid, 0)
    } catch {
      return true
    }
    await wait(20)
  }
  return false
}

test('a fetch ends with the gateway that asked for it, however that ended, and so does what Git started', async (t) => {
  // Of a remote that never answers: Git waits, and a program that it started does.
  const { folder, environment } = start(t, 'sleep 300 & echo "$! $$" > HERE/pids.new && mv HERE/pids.new HERE/pids && exec sleep 300')
  const module = new URL('../../../gateway/policy/git-process.ts', import.meta.url).href
  const asks = `const { runGit } = await import(${JSON.stringify(module)}); await runGit(${JSON.stringify({ gitdir: folder, environment, maxFileBytes: 1_048_576 })}, ['fetch'], { timeoutMs: 250_000, maxOutputBytes: 1_024, said: () => undefined })`
  const gateway = spawn(process.execPath, ['--input-type=module', '-e', asks], { stdio: 'inherit' })
  const pids = join(folder, 'pids')
  while (!fs.existsSync(pids) && gateway.exitCode === null) await wait(20)
  const [child = 0, git = 0] = fs.readFileSync(pids, 'utf8').trim().split(' ').map(Number)
  t.notThrows(() => process.kill(git, 0))
  gateway.kill('SIGKILL')
  await once(gateway, 'exit')
  t.deepEqual(await Promise.all([isGone(git), isGone(child)]), [true, true])
})

test('Git that ends by itself is heard to its end, and has nothing to read', async (t) => {
  const { folder, environment } = start(t, 'read -r line || echo "nothing to read"; echo done; exit "$(cat HERE/status 2>/dev/null || echo 0)"')
  const ask = () => runGit({ gitdir: folder, environment, maxFileBytes: 1_048_576 }, ['ls-remote'], { timeoutMs: 60_000, maxOutputBytes: 1_024, said: () => undefined })
  t.is(await ask(), 'nothing to read\ndone\n')
  fs.writeFileSync(join(folder, 'status'), '3')
  await t.throwsAsync(ask(), { code: 'ERR_POLICY_REMOTE', message: 'the remote policy repository could not be read: git ended with 3' })
})
