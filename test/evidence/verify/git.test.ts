// The Git reader against repositories that Git itself packed.
import test from 'ava'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FalseClaim } from '../../../evidence/verify/finding.ts'
import { applyDelta } from '../../../evidence/verify/git-delta.ts'
import { GitRepository } from '../../../evidence/verify/git.ts'
import type { GitType } from '../../../evidence/verify/git-pack.ts'
import { verifyEvidence } from '../../../evidence/verify/verifier.ts'
import { SampleLog } from './sample-log.ts'

const hasGit = spawnSync('git', ['--version']).status === 0
const withGit = hasGit ? test : test.skip
const root = mkdtempSync(join(tmpdir(), 'verify-git-'))
const git = (dir: string, ...args: string[]): string => spawnSync('git', ['-C', dir, ...args], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' } }).stdout

/** 300 heartbeats: leaf folders with several files, so that trees become deltas of each other. */
function longLog(name: string): SampleLog {
  const log = new SampleLog(join(root, name))
  const node = log.startEpoch()
  for (let i = 0; i < 300; i++) log.cut(i === 0 ? 1 : 0)
  log.close(node)
  log.cut(3)
  return log
}

withGit('a repository packed by Git, deltas and packed refs included, reads as its loose objects did', (t) => {
  const log = longLog('packed')
  const bare = join(log.directory, 'log.git')
  t.is(git(bare, 'fsck', '--strict', '--no-dangling'), '')
  const loose = new GitRepository(bare)
  const ids = git(bare, 'cat-file', '--batch-all-objects', '--batch-check').trim().split('\n').map((line) => line.split(' ') as [string, GitType])
  const before = new Map(ids.map(([id, type]) => [id, Buffer.from(loose.read(id, type)).toString('hex')]))
  git(bare, 'gc', '-q', '--aggressive', '--prune=now')
  git(bare, 'pack-refs', '--all')
  t.true(/chain length = [1-9]/.test(git(bare, 'verify-pack', '-v', ...readdirSync(join(bare, 'objects', 'pack')).filter((file) => file.endsWith('.idx')).map((file) => join('objects', 'pack', file)))))
  const packed = new GitRepository(bare)
  t.is(packed.branch('main'), log.head)
  for (const [id, type] of ids) t.is(Buffer.from(packed.read(id, type)).toString('hex'), before.get(id) ?? '')
  packed.close()
  loose.close()
  t.like(verifyEvidence({ directory: log.directory, trust: log.trust(), at: log.now }), { exit: 0, checked: { batches: 301 } })
})

withGit('commits that Git\'s own verifier accepts are those ours accepts', (t) => {
  const log = new SampleLog(join(root, 'signed'))
  log.close(log.startEpoch())
  log.cut(3)
  const signers = join(root, 'allowed_signers')
  writeFileSync(signers, `${log.allowedSigners()}\n`)
  const { status } = spawnSync('git', ['-C', join(log.directory, 'log.git'), '-c', 'gpg.format=ssh', '-c', `gpg.ssh.allowedSignersFile=${signers}`, 'verify-commit', 'main'])
  t.is(status, 0)
  t.is(verifyEvidence({ directory: log.directory, trust: log.trust(), at: log.now }).exit, 0)
})

withGit('a changed byte in a pack or its index is a false claim', (t) => {
  t.timeout(110_000)
  const log = new SampleLog(join(root, 'changed'))
  const node = log.startEpoch()
  for (let i = 0; i < 20; i++) log.cut(i === 0 ? 1 : 0)
  log.close(node)
  log.cut(3)
  const bare = join(log.directory, 'log.git')
  git(bare, 'gc', '-q', '--prune=now')
  const folder = join(bare, 'objects', 'pack')
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.pack') || name.endsWith('.idx'))) {
    const path = join(folder, file)
    const original = readFileSync(path)
    chmodSync(path, 0o644)
    for (let offset = 0; offset < original.length; offset += 311) {
      const changed = Buffer.from(original)
      changed[offset]! ^= 0x10
      writeFileSync(path, changed)
      const { exit } = verifyEvidence({ directory: log.directory, trust: log.trust(), at: log.now })
      if (exit !== 1) t.fail(`${file}, byte ${offset}: exit ${exit}`)
    }
    writeFileSync(path, original)
  }
  t.is(verifyEvidence({ directory: log.directory, trust: log.trust(), at: log.now }).exit, 0)
})

withGit('a pack without its index is not there, as for Git: what it held is missing, and a repack under way is no lie', (t) => {
  const log = new SampleLog(join(root, 'no-index'))
  log.close(log.startEpoch())
  log.cut(3)
  const bare = join(log.directory, 'log.git')
  git(bare, 'gc', '-q', '--prune=now')
  for (const file of readdirSync(join(bare, 'objects', 'pack'))) if (file.endsWith('.idx')) rmSync(join(bare, 'objects', 'pack', file))
  const { exit, falsities } = verifyEvidence({ directory: log.directory, trust: log.trust(), at: log.now })
  t.is(exit, 1)
  t.like(falsities[0], { code: 'git.object', message: `${log.head} is missing` })
  const repacking = new SampleLog(join(root, 'repacking'))
  repacking.close(repacking.startEpoch())
  repacking.cut(3)
  const packs = join(repacking.directory, 'log.git', 'objects', 'pack')
  mkdirSync(packs)
  // A pack comes before its index and goes after it; another is gone between two looks.
  writeFileSync(join(packs, 'pack-1.pack'), 'PACK')
  symlinkSync('gone', join(packs, 'pack-2.idx'))
  t.is(verifyEvidence({ directory: repacking.directory, trust: repacking.trust(), at: repacking.now }).exit, 0)
})

const base = Buffer.from('the base of a delta')
const deltas: readonly (readonly [what: string, delta: number[], message: RegExp])[] = [
  ['made for another base', [5, 1, 1, 65], /another base/],
  ['that is cut short', [19], /cut short/],
  ['that copies from outside its base', [19, 10, 0x91, 15, 10], /outside its base/],
  ['that inserts more than it holds', [19, 10, 10, 65], /inserts more/],
  ['with the reserved instruction', [19, 1, 0], /inserts more/],
  ['that makes less than it says', [19, 10, 1, 65], /makes less/],
  ['that says it makes more than allowed', [19, 0xff, 0xff, 0xff, 0xff, 0x7f], /larger than allowed/],
]
for (const [what, delta, message] of deltas) {
  test(`a delta ${what} is refused`, (t) => { t.throws(() => applyDelta(base, Buffer.from(delta), 1000), { instanceOf: FalseClaim, message }) })
}
