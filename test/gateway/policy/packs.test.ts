// Objects out of packs: what Git packs comes back, and nothing is unpacked before its size is known to be allowed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { readPacked } from '../../../gateway/policy/pack.ts'
import { createPolicyRepository } from '../../../gateway/policy/repository.ts'

const hasGit = spawnSync('git', ['version']).status === 0
const withGit = hasGit ? test : test.skip
const MiB = 1024 * 1024

function git(dir: string, args: readonly string[], input?: Uint8Array | string): string {
  const environment = { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_AUTHOR_NAME: 'eli', GIT_AUTHOR_EMAIL: 'eli@bank.example', GIT_COMMITTER_NAME: 'eli', GIT_COMMITTER_EMAIL: 'eli@bank.example' }
  const { status, stdout, stderr } = spawnSync('git', args, { cwd: dir, env: environment, maxBuffer: 64 * MiB, ...input === undefined ? {} : { input } })
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`)
  return stdout.toString().trim()
}

function folder(t: ExecutionContext): string {
  const dir = fs.mkdtempSync(join(tmpdir(), 'countersign-packs-'))
  t.teardown(() => { fs.rmSync(dir, { recursive: true, force: true }) })
  git(dir, ['init', '-q', '-b', 'main'])
  return dir
}

/** Thirty versions of a file, each a little of the one before. */
function history(t: ExecutionContext, repack: readonly string[]): string {
  const dir = folder(t)
  const versions = Array.from({ length: 30 }, (_, version) => Array.from({ length: 100 + version }, (_, line) => `${createHash('sha1').update(`${line} ${line < version * 3 ? 'new' : 'old'}`).digest('hex')}\n`).join(''))
  git(dir, ['fast-import', '--quiet'], versions.map((text, n) => `commit refs/heads/main\ncommitter eli <eli@bank.example> ${1_790_000_000 + n} +0000\ndata 9\nversion\n\nM 644 inline data.json\ndata ${text.length}\n${text}\n`).join(''))
  git(dir, [...repack, 'repack', '-q', '-a', '-d', '-f', '--depth=50', '--window=50'])
  return dir
}

for (const [title, repack] of [['by offset', []], ['by name', ['-c', 'repack.useDeltaBaseOffset=false']]] as const) {
  withGit(`every object of a pack comes back as Git has it, with deltas that name their base ${title}`, async (t) => {
    const dir = history(t, repack)
    const deepest = git(dir, ['verify-pack', '-v', ...fs.readdirSync(join(dir, '.git', 'objects', 'pack')).filter((name) => name.endsWith('.idx')).map((name) => join('.git', 'objects', 'pack', name))])
    t.regex(deepest, /chain length = [3-9]/)
    const lines = git(dir, ['cat-file', '--batch-all-objects', '--batch-check']).split('\n')
    t.is(lines.length, 90)
    for (const line of lines) {
      const [oid = '', type = '', size] = line.split(' ')
      const found = await readPacked(join(dir, '.git'), oid, MiB)
      t.is(found?.type, type)
      t.is(createHash('sha1').update(`${type} ${size}\0`).update(found?.bytes ?? '').digest('hex'), oid)
    }
    t.is(await readPacked(join(dir, '.git'), 'f'.repeat(40), MiB), undefined)
  })
}

withGit('a file of a packed repository that is larger than allowed is refused before it is unpacked', async (t) => {
  const dir = folder(t)
  fs.mkdirSync(join(dir, 'data'))
  fs.writeFileSync(join(dir, 'data', 'data.json'), Buffer.alloc(64 * MiB, ' '))
  fs.writeFileSync(join(dir, 'config.yaml'), '')
  git(dir, ['add', '-A'])
  git(dir, ['commit', '-q', '-m', 'bomb'])
  git(dir, ['repack', '-q', '-a', '-d'])
  const repository = createPolicyRepository(dir, 'refs/heads/main')
  const commit = await repository.readCommit(await repository.head())
  const error = await t.throwsAsync(repository.readTree(commit), { code: 'ERR_POLICY_REPOSITORY', message: /blob [0-9a-f]{40} cannot be read$/ })
  t.is(error?.cause instanceof Error ? error.cause.message : '', 'it is larger than 4194304 bytes')
})

interface Entry { readonly kind: number; readonly content: Uint8Array; readonly size?: number; /** Its base's place in the list. */ readonly base?: number }

/** A pack by hand, whose index names the last of its entries as `oid`. @returns the folder, to be read as a gitdir */
function pack(t: ExecutionContext, entries: readonly Entry[], oid: string): string {
  const dir = folder(t)
  const head = Buffer.alloc(12)
  head.write('PACK')
  head.writeUInt32BE(2, 4)
  head.writeUInt32BE(entries.length, 8)
  const offsets: number[] = []
  let all: Buffer = head
  for (const { kind, content, size = content.length, base } of entries) {
    offsets.push(all.length)
    all = Buffer.concat([all, typeAndSize(kind, size), base === undefined ? Buffer.alloc(0) : back(all.length - (offsets[base] ?? 0)), deflateSync(content)])
  }
  const name = join(dir, '.git', 'objects', 'pack', `pack-${'0'.repeat(40)}`)
  fs.writeFileSync(`${name}.pack`, Buffer.concat([all, Buffer.alloc(20)]))
  const fanOut = Buffer.alloc(256 * 4)
  for (let first = Number.parseInt(oid.slice(0, 2), 16); first < 256; first++) fanOut.writeUInt32BE(1, first * 4)
  const offset = Buffer.alloc(8)                            // after a checksum that nobody reads
  offset.writeUInt32BE(offsets.at(-1) ?? 0, 4)
  fs.writeFileSync(`${name}.idx`, Buffer.concat([Buffer.from('ff744f6300000002', 'hex'), fanOut, Buffer.from(oid, 'hex'), offset, Buffer.alloc(40)]))
  return join(dir, '.git')
}

function typeAndSize(kind: number, size: number): Buffer {
  const bytes = [kind << 4 | size & 15]
  for (let rest = size >>> 4; rest > 0; rest >>>= 7) {
    bytes[bytes.length - 1]! |= 0x80
    bytes.push(rest & 0x7f)
  }
  return Buffer.from(bytes)
}

function back(distance: number): Buffer {
  const bytes = [distance & 0x7f]
  for (let rest = distance >>> 7; rest > 0; rest >>>= 7) bytes.unshift(0x80 | --rest & 0x7f)
  return Buffer.from(bytes)
}

const varint = (value: number): number[] => value < 128 ? [value] : [value & 0x7f | 0x80, ...varint(value >>> 7)]
/** Copies 64 KiB from the beginning of its base, so often. */
const copies = (base: number, times: number): Uint8Array => Buffer.from([...varint(base), ...varint(times * 65_536), ...Array.from({ length: times }, () => 0x80)])
const blobId = (content: Uint8Array): string => createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')

withGit('a delta that makes more than allowed of little is refused by its word', async (t) => {
  const base = Buffer.alloc(65_536, 'a'), made = Buffer.alloc(200 * 65_536, 'a')
  const gitdir = pack(t, [{ kind: 3, content: base }, { kind: 6, content: copies(65_536, 200), base: 0 }], blobId(made))
  await t.throwsAsync(readPacked(gitdir, blobId(made), 4 * MiB), { message: 'it is larger than 4194304 bytes' })
  t.is(made.compare((await readPacked(gitdir, blobId(made), 16 * MiB))?.bytes ?? Buffer.alloc(0)), 0)
})

withGit('a small object at the end of large ones is refused: of one, and of many that are each allowed', async (t) => {
  const large = Buffer.alloc(17 * MiB, 'a'), small = blobId(Buffer.from('aaa'))
  const shrink = (from: number) => Buffer.from([...varint(from), ...varint(3), 0x90, 3])
  const one = pack(t, [{ kind: 3, content: large }, { kind: 6, content: shrink(large.length), base: 0 }], small)
  await t.throwsAsync(readPacked(one, small, 4 * MiB), { message: 'it is larger than 16777216 bytes' })

  const size = 256 * 65_536
  const chain: Entry[] = [{ kind: 3, content: Buffer.alloc(65_536, 'a') }, { kind: 6, content: copies(65_536, 256), base: 0 }]
  for (let n = 1; n < 17; n++) chain.push({ kind: 6, content: Buffer.from([...varint(size), ...varint(size), 0x01, 97 + n, ...Array.from({ length: 255 }, () => 0x80), 0xb0, 0xff, 0xff]), base: n })
  const many = pack(t, [...chain, { kind: 6, content: Buffer.from([...varint(size), ...varint(3), 0x91, 1, 3]), base: chain.length - 1 }], small)
  await t.throwsAsync(readPacked(many, small, 4 * MiB), { message: 'more than 268435456 bytes have to be unpacked for it: repack the repository' })
})

withGit('an index or a pack that says what is not so is malformed, and reads nothing else', async (t) => {
  const content = Buffer.from('policy')
  const oid = blobId(content)
  const gitdir = pack(t, [{ kind: 3, content }], oid)
  const name = fs.readdirSync(join(gitdir, 'objects', 'pack')).find((one) => one.endsWith('.idx')) ?? ''
  const index = join(gitdir, 'objects', 'pack', name), packed = index.replace(/idx$/, 'pack')
  const good = fs.readFileSync(index), whole = fs.readFileSync(packed)
  t.deepEqual((await readPacked(gitdir, oid, MiB))?.bytes, new Uint8Array(content))
  const offsetAt = 8 + 1024 + 24
  const changed = (change: (bytes: Buffer) => void, of = good) => { const bytes = Buffer.from(of); change(bytes); return bytes }
  for (const [file, bytes] of [
    [index, changed((it) => { it.writeUInt32BE(0x7fff_ffff, offsetAt) })],              // past the end
    [index, changed((it) => { it.writeUInt32BE(0x8000_0007, offsetAt) })],              // an 8-byte offset that is not there
    [index, changed((it) => { it.writeUInt32BE(0xffff_ffff, 8 + 255 * 4) })],           // four milliards of objects
    [index, good.subarray(0, 900)],
    [packed, changed((it) => { it[12] = 0x70 | (it[12] ?? 0) & 15 }, whole)],           // a delta without a base
    [packed, changed((it) => { it[12] = 0x50 | (it[12] ?? 0) & 15 }, whole)],           // a type that there is not
    [packed, changed((it) => { it[12] = 0x30 | 5 }, whole)],                            // one byte shorter than it unpacks to
    [packed, changed((it) => { it[12] = 0x30 | 7 }, whole)],                            // one longer
    [packed, whole.subarray(0, 16)],
  ] as const) {
    fs.writeFileSync(file, bytes)
    await t.throwsAsync(readPacked(gitdir, oid, MiB), undefined, file)
    fs.writeFileSync(file, file === index ? good : whole)
  }
})
