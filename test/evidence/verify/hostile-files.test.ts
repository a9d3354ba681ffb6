// A record on disk that is not made of files, or is dated to look young for ever: the verifier neither waits nor is fooled.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { CborError, CborReader } from '../../../evidence/verify/cbor.ts'
import { Leaf } from '../../../evidence/verify/leaf.ts'
import { writeReport } from '../../../evidence/verify/report.ts'
import { verifyEvidence } from '../../../evidence/verify/verifier.ts'
import { cleanLog, SampleLog, sha256, start } from './sample-log.ts'

const root = mkdtempSync(join(tmpdir(), 'verify-hostile-'))
test.after.always(() => rmSync(root, { recursive: true, force: true }))
let made = 0
const fresh = (): string => join(root, String(made++))
const later = start + 3_600_000

const places: readonly (readonly [string, (directory: string) => string, string])[] = [
  ['the branch', (directory) => join(directory, 'log.git', 'refs', 'heads', 'main'), 'git.ref'],
  ['a Git object', (directory) => firstFile(join(directory, 'log.git', 'objects')), 'git.object'],
  ['a pack\'s index', (directory) => join(directory, 'log.git', 'objects', 'pack', 'pack-1.idx'), 'git.pack'],
  ['leaves', (directory) => firstFile(join(directory, 'store', 'leaves')), 'leaves.file'],
  ['an index', (directory) => firstFile(join(directory, 'store', 'index')), 'index.file'],
  ['a body', (directory) => firstFile(join(directory, 'store', 'bodies')), 'body.file'],
  ['a body index', (directory) => join(directory, 'store', 'body-index', '0.cbor'), 'body.index'],
]
for (const [name, place, code] of places) {
  test(`a pipe in the place of ${name} is named at once, not waited for`, (t) => {
    const log = cleanLog(fresh())
    const path = place(log.directory)
    rmSync(path, { force: true })
    execFileSync('mkdir', ['-p', join(path, '..')])
    execFileSync('mkfifo', [path])
    const verdict = verifyEvidence({ directory: log.directory, trust: log.trust(), at: later })
    t.is(verdict.exit, 1)
    t.true(verdict.falsities.some((finding) => finding.code === code), JSON.stringify(verdict.falsities))
  })
}

test('a device in the place of leaves is named, not read', (t) => {
  const log = cleanLog(fresh())
  const path = firstFile(join(log.directory, 'store', 'leaves'))
  rmSync(path)
  symlinkSync('/dev/zero', path)
  const verdict = verifyEvidence({ directory: log.directory, trust: log.trust(), at: later })
  t.is(verdict.exit, 1)
  t.true(verdict.falsities.some(({ code, message }) => code === 'leaves.file' && message === 'neither a file nor a folder where a file is due'))
})

test('a body index of any length is named, not read', (t) => {
  const log = cleanLog(fresh())
  // Nobody signs it: whoever can write here can make it as long as the disk.
  writeFileSync(join(log.directory, 'store', 'body-index', '1.cbor'), Buffer.alloc(4 * 1024 * 1024 + 1, 0xf6))
  const verdict = verifyEvidence({ directory: log.directory, trust: log.trust(), at: later })
  t.is(verdict.exit, 1)
  t.true(verdict.falsities.some(({ code, message }) => code === 'body.index' && message === 'the file is larger than allowed'), JSON.stringify(verdict.falsities))
})

test('a commit larger than any is named before it is made', (t) => {
  const log = new SampleLog(fresh())
  log.close(log.startEpoch())
  log.bend.message = (text) => text + 'x'.repeat(300_000)
  log.cut(3)
  const { exit, falsities } = verifyEvidence({ directory: log.directory, trust: log.trust(), at: later })
  t.is(exit, 1)
  t.like(falsities.at(-1), { code: 'git.object', message: `${log.head} is larger than allowed` })
})

test('a large object that several batches name is read once', (t) => {
  const log = new SampleLog(fresh())
  const bytes = Buffer.alloc(1024 * 1024 + 1)
  const name = sha256(bytes)
  mkdirSync(join(log.directory, 'store', 'leaves', name.toString('hex').slice(0, 2)), { recursive: true })
  writeFileSync(join(log.directory, 'store', 'leaves', name.toString('hex').slice(0, 2), `${name.toString('hex')}.cborseq`), bytes)
  log.startEpoch()
  for (let i = 0; i < 2; i++) {
    log.bend.batchLeaf = (leaf) => leaf.set(11, name)
    log.cut()
  }
  const { exit, falsities } = verifyEvidence({ directory: log.directory, trust: log.trust(), at: later })
  t.is(exit, 1)
  t.true(falsities.some(({ code, item, message }) => code === 'leaves.file' && item.startsWith('batch 1, ') && message === 'the file is that of batch 0'), JSON.stringify(falsities))
})

test('after a thousand false claims no more is looked at, and the verdict says so', (t) => {
  const log = new SampleLog(fresh())
  const session = (log.startEpoch(), log.open())
  log.cut(1)
  for (let i = 0; i < 600; i++) log.frame(session, { kind: 5, ref: 0, structure: new Map([[1, 0]]) })
  log.cut()
  for (let i = 0; i < 600; i++) log.frame(session, { kind: 5, ref: 0, structure: new Map([[1, 0]]) })
  log.cut()
  log.cut()
  const verdict = verifyEvidence({ directory: log.directory, trust: log.trust(), at: later })
  t.like(verdict, { exit: 1, log: { size: 4 }, checked: { batches: 3 }, gaps: [] })
  t.regex(writeReport(verdict, false), /checked +3 batches of 4: NOT ALL · /)
})

test('a leaf of millions of values is named before they are made', (t) => {
  const values = 3_000_000
  const [head, count] = [Buffer.from(`a7010102${`50${'11'.repeat(16)}`}030004000500065820${'00'.repeat(32)}0da1019a`, 'hex'), Buffer.alloc(4)]
  count.writeUInt32BE(values)
  const error = t.throws(() => { new Leaf().read(new CborReader(Buffer.concat([head, count, Buffer.alloc(values, 0xf6)]))) }, { instanceOf: CborError })
  t.regex(error?.message ?? '', /^an item longer than allowed at byte 70$/)
})

test('an epoch without a close stays a gap when its last batch is dated in the future', (t) => {
  const log = new SampleLog(fresh())
  log.startEpoch()
  log.now = later + 50 * 365 * 86_400_000
  log.cut(1)
  const verdict = verifyEvidence({ directory: log.directory, trust: log.trust(), at: later })
  t.is(verdict.exit, 3)
  t.true(verdict.gaps.some(({ code, message }) => code === 'epoch.open' && message.includes('in the future')), JSON.stringify(verdict.gaps))
})

function firstFile(folder: string): string {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) if (entry.isFile()) return join(entry.parentPath, entry.name)
  throw new Error(`no file in ${folder}`)
}
