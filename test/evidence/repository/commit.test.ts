// The repository as stock git sees it, and the log as exported: proofs that hold, and that stop holding when anything changes.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { exportTlog, proveBatch, proveFrame } from '../../../evidence/repository/export.ts'
import { LogReader } from '../../../evidence/repository/read.ts'
import { leafHash } from '../../../evidence/tlog/hash.ts'
import { verifyInclusion } from '../../../evidence/tlog/inclusion.ts'
import { parseBatchLeaf } from '../../../evidence/tlog/leaf.ts'
import { parseVerifierKey } from '../../../evidence/tlog/note.ts'
import { verifyTlogProof } from '../../../evidence/tlog/proof.ts'
import { folders, git, gitAccepts, run, smallJournal } from '../seal/sealer-fixture.ts'
import type { SealerConfig } from '../../../evidence/seal/protocol.ts'

const logKey = (config: SealerConfig) => parseVerifierKey(readFileSync(path.join(config.sealer, 'log.vkey'), 'utf8').trimEnd())

test('a commit with one letter changed is not accepted by git verify-commit', async (t) => {
  const config = folders(t)
  await run(config, smallJournal(config).journal.sync())
  git(config, 'verify-commit', 'main')
  const raw = git(config, 'cat-file', 'commit', 'main')
  const file = path.join(config.sealer, 'changed')
  for (const changed of [raw.replace('batch 1/3', 'batch 1/4'), raw.replace(/\n4\n/, '\n5\n'), raw.replace('+0000', '+0100')]) {
    writeFileSync(file, changed)
    const oid = git(config, 'hash-object', '-t', 'commit', '-w', file).trim()
    t.throws(() => git(config, 'verify-commit', oid), { message: /Could not verify signature|incorrect signature/ })
  }
})

test('git can pack and prune the repository, and the sealer goes on in it', async (t) => {
  const config = folders(t)
  const { journal } = smallJournal(config)
  await run(config, { segment: 3, offset: 64 })
  git(config, 'gc', '--quiet', '--prune=now')
  const { sealed, exit } = await run(config, journal.sync())
  t.is(exit, 'exit 0')
  t.deepEqual(sealed.map(({ size }) => size), [4])
  gitAccepts(t, config, 4)
  const head = (await new LogReader(config.evidence).head())!
  t.is(head.checkpoint.size, 4)
})

test('a copy made as README.md says is whole, verified by stock git, and runs nothing that the log\'s configuration names', async (t) => {
  const config = folders(t)
  await run(config, smallJournal(config).journal.sync())
  const clone = path.join(config.sealer, 'clone')
  // Git itself would run this in log.git, where it checks a signature.
  const ran = path.join(config.sealer, 'ran')
  writeFileSync(path.join(config.sealer, 'gpg'), `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 })
  execFileSync('git', ['-C', path.join(config.evidence, 'log.git'), 'config', 'gpg.ssh.program', path.join(config.sealer, 'gpg')])
  execFileSync('git', ['clone', '--quiet', '--no-local', path.join(config.evidence, 'log.git'), clone], { stdio: 'pipe' })
  t.deepEqual(readdirSync(clone).sort(), ['.git', 'README.md', 'checkpoint', 'keys', 'leaf'])
  // The command that README.md gives the examiner, run in the clone.
  t.is(execFileSync('git', ['-c', 'gpg.ssh.allowedSignersFile=keys/allowed_signers', 'log', '--format=%G? %s'], { cwd: clone, encoding: 'utf8' }), 'G batch 1/3\nG batch 1/2\nG batch 1/1\nG batch 1/0\n')
  t.false(existsSync(ran))
  const readme = readFileSync(path.join(clone, 'README.md'), 'utf8')
  t.true(readme.includes('`git clone --no-local log.git copy`'), readme)
  t.true(readme.includes(readFileSync(path.join(config.sealer, 'log.vkey'), 'utf8').trim()))
})

test('every batch has a proof that leads to the checkpoint, and none for a batch that is not there', async (t) => {
  const config = folders(t)
  await run(config, smallJournal(config).journal.sync())
  const reader = new LogReader(config.evidence)
  const head = (await reader.head())!
  for (let i = 0; i < 4; i++) t.is(verifyTlogProof(await proveBatch(config.evidence, i), await reader.leaf(head.tree, i), logKey(config)).size, 4)
  t.like(await t.throwsAsync(proveBatch(config.evidence, 4)), { code: 'ERR_EVIDENCE_NOT_FOUND', message: 'the log of 4 batches has no batch 4' })
})

test('every frame has a proof from its leaf to the checkpoint, and none for a frame that was never recorded', async (t) => {
  const config = folders(t)
  const { journal, sessions } = smallJournal(config)
  await run(config, journal.sync())
  for (const session of sessions) {
    for (const [seq, leaf] of session.leaves.entries()) {
      const proof = await proveFrame(config.evidence, session.id, seq)
      t.is(proof.leaf, Buffer.from(leaf).toString('base64'))
      const batch = Buffer.from(proof.batch, 'base64')
      const { frameRoot, frames } = parseBatchLeaf(batch)
      t.is(proof.frames, frames)
      t.true(verifyInclusion(proof.hashes.map((hash) => Buffer.from(hash, 'base64')), proof.index, frames, leafHash(leaf), frameRoot))
      t.is(verifyTlogProof(proof.proof, batch, logKey(config)).size, 4)
    }
  }
  t.like(await t.throwsAsync(proveFrame(config.evidence, sessions[2]!.id, 4)), { code: 'ERR_EVIDENCE_NOT_FOUND', message: 'frame 4 of session 00000000000000000000000000000003 is not in a sealed batch' })
})

test('the log is exported as C2SP tiles beside its key, into an empty folder only', async (t) => {
  const config = folders(t)
  await run(config, smallJournal(config).journal.sync())
  const out = path.join(config.sealer, 'out')
  const { size } = await exportTlog(config.evidence, out)
  t.is(size, 4)
  t.deepEqual(readdirSync(out, { recursive: true }).map(String).sort(), ['checkpoint', 'log.vkey', 'tile', 'tile/0', 'tile/0/000.p', 'tile/0/000.p/4', 'tile/entries', 'tile/entries/000.p', 'tile/entries/000.p/4'])
  t.like(await t.throwsAsync(exportTlog(config.evidence, out)), { code: 'ERR_EVIDENCE_EXPORT', message: 'the folder to export to is not empty' })
  const empty = folders(t)
  mkdirSync(empty.evidence, { recursive: true })
  t.like(await t.throwsAsync(exportTlog(empty.evidence, path.join(empty.sealer, 'out'))), { code: 'ERR_EVIDENCE_NOT_FOUND', message: 'the evidence log is empty' })
})
