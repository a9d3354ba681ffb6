// A reader in another language, written from FORMAT.md alone, reaches the same verdicts (where python3 is at hand).
import test from 'ava'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyEvidence } from '../../../evidence/verify/verifier.ts'
import { cleanLog } from './sample-log.ts'

const root = mkdtempSync(join(tmpdir(), 'second-reader-'))
test.after.always(() => { rmSync(root, { recursive: true, force: true }) })
const withPython = spawnSync('python3', ['--version']).status === 0 ? test : test.skip
const script = join(import.meta.dirname, '..', '..', 'conformance', 'verify.py')
const read = (directory: string): { status: number | null; stdout: string } => spawnSync('python3', [script, directory], { encoding: 'utf8' })

withPython('both readers find the same batches, frames and sessions', (t) => {
  const log = cleanLog(join(mkdtempSync(join(root, 'one-')), 'evidence'))
  const { status, stdout } = read(log.directory)
  const { checked } = verifyEvidence({ directory: log.directory, trust: log.trust(), at: log.now })
  t.is(stdout, `${checked.batches} batches, ${checked.frames} frames, ${checked.sessions} sessions\n`)
  t.is(status, 0)
})

withPython('both readers refuse the same changed leaves and index objects', (t) => {
  const log = cleanLog(join(mkdtempSync(join(root, 'one-')), 'evidence'))
  for (const folder of ['leaves', 'index']) {
    const name = readdirSync(join(log.directory, 'store', folder), { recursive: true, encoding: 'utf8' }).find((file) => file.endsWith('.cborseq')) ?? ''
    const path = join(log.directory, 'store', folder, name)
    const original = readFileSync(path)
    writeFileSync(path, Buffer.concat([original, Buffer.of(0)]))
    t.is(read(log.directory).status, 1)
    t.is(verifyEvidence({ directory: log.directory, trust: log.trust(), at: log.now }).exit, 1)
    writeFileSync(path, original)
  }
})
