// Files that are whole or absent, and a disk that is not asked again after it failed.
import { existsSync, mkdtempSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'ava'
import { durableDisk, latch, type Disk } from '../../../evidence/repository/durable-fs.ts'
import { Store } from '../../../evidence/repository/store.ts'
import { sha256 } from '../../../evidence/tlog/hash.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'countersign-disk-'))
test.after.always(() => { rmSync(folder, { recursive: true, force: true }) })

test('a file is replaced as one step, with the mode asked for, and leaves nothing behind', (t) => {
  const file = path.join(folder, 'a', 'b', 'file')
  durableDisk.write(file, 'first', 0o600)
  durableDisk.write(file, Buffer.from('second'), 0o600)
  t.is(readFileSync(file, 'utf8'), 'second')
  t.is(statSync(file).mode & 0o777, 0o600)
  t.deepEqual(readdirSync(path.dirname(file)), ['file'])
})

test('a large file is whole whatever its length, and wherever in memory its bytes lie', (t) => {
  const memory = Buffer.from(new WebAssembly.Memory({ initial: 65 }).buffer)
  for (let i = 0; i < memory.length; i += 4) memory.writeUInt32LE(i, i)
  const file = path.join(folder, 'large', 'file')
  for (const start of [0, 1, 512, 4_096]) {
    for (const length of [1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 3 * 1024 * 1024 + 511, 4 * 1024 * 1024]) {
      const bytes = memory.subarray(start, start + length)
      durableDisk.write(file, bytes)
      t.is(Buffer.compare(readFileSync(file), bytes), 0, `${length} bytes from ${start}`)
    }
  }
  // Shorter than the one before it, by either way.
  durableDisk.write(file, 'short')
  t.is(readFileSync(file, 'utf8'), 'short')
})

test('a temporary file that a dead run left is no obstacle', (t) => {
  const file = path.join(folder, 'left', 'file')
  mkdirSync(path.dirname(file))
  writeFileSync(path.join(folder, 'left', 'tmp_obj_file'), 'a longer torn half')
  durableDisk.write(file, 'whole')
  t.is(readFileSync(file, 'utf8'), 'whole')
  t.deepEqual(readdirSync(path.join(folder, 'left')), ['file'])
})

test('after one failure a disk is not written to again', (t) => {
  const written: string[] = []
  const failing: Disk = { mkdir: () => {}, write: (file) => {
    written.push(file)
    if (file === 'bad') throw Object.assign(new Error('ENOSPC: injected'), { code: 'ENOSPC' })
  } }
  const disk = latch(failing)
  disk.write('good', '')
  for (const act of [() => { disk.write('bad', '') }, () => { disk.write('later', '') }, () => { disk.mkdir('folder') }]) t.like(t.throws(act), { code: 'ENOSPC', message: 'ENOSPC: injected' })
  t.deepEqual(written, ['good', 'bad'])
})

test('an object of the store is what its name says, or it is refused; a damaged one is replaced by its right bytes', (t) => {
  const store = new Store(path.join(folder, 'evidence'))
  const bytes = Buffer.from('leaves')
  const object = { kind: 'leaves', name: sha256(bytes), bytes } as const
  const hex = Buffer.from(object.name).toString('hex')
  t.like(t.throws(() => store.get('leaves', object.name)), { code: 'ERR_EVIDENCE_NOT_FOUND', message: `the store lacks leaves object ${hex}` })
  store.put(durableDisk, object)
  t.deepEqual(Buffer.from(store.get('leaves', object.name)), bytes)
  const file = path.join(folder, 'evidence', 'store', 'leaves', hex.slice(0, 2), `${hex}.cborseq`)
  t.true(existsSync(file))
  writeFileSync(file, 'leavez')
  t.like(t.throws(() => store.get('leaves', object.name)), { code: 'ERR_EVIDENCE_CORRUPT', message: `leaves object ${hex} of the store does not match its name` })
  store.put(durableDisk, object)
  t.deepEqual(Buffer.from(store.get('leaves', object.name)), bytes)
})
