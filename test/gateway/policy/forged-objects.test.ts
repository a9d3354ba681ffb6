// The policy repository's bytes are judged by the commit that was signed, not by who may write the folder they lie in.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import test from 'ava'
import git from 'isomorphic-git'
import { GatewayError } from '../../../gateway/errors.ts'
import { createPolicyRepository } from '../../../gateway/policy/index.ts'
import { gitFolders, resolveCommit } from '../../../gateway/policy/revision.ts'
import { commit, newSigner, write } from './policy-repository.ts'

const signer = newSigner('lena')
const sha1 = (bytes: Uint8Array): Buffer => createHash('sha1').update(bytes).digest()

/** A pack of one object whose index says it is another. */
function forge(dir: string, oid: string, type: number, content: Uint8Array): void {
  const size = content.length
  const header = Buffer.from([...(size < 16 ? [(type << 4) | size] : [0x80 | (type << 4) | (size & 15), ...sizeBytes(size >> 4)])])
  const entry = Buffer.concat([header, deflateSync(content)])
  const body = Buffer.concat([Buffer.from('PACK'), uint32(2), uint32(1), entry])
  const pack = Buffer.concat([body, sha1(body)])
  const id = Buffer.from(oid, 'hex')
  const index = Buffer.concat([uint32(0xff744f63), uint32(2), ...Array.from({ length: 256 }, (_, byte) => uint32(byte >= (id[0] ?? 0) ? 1 : 0)), id, uint32(crc32(entry)), uint32(12), sha1(body)])
  const folder = join(dir, '.git', 'objects', 'pack')
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(join(folder, `pack-${oid}.pack`), pack)
  fs.writeFileSync(join(folder, `pack-${oid}.idx`), Buffer.concat([index, sha1(index)]))
  fs.rmSync(join(dir, '.git', 'objects', oid.slice(0, 2), oid.slice(2)))
}

function sizeBytes(rest: number): number[] {
  return rest < 128 ? [rest] : [0x80 | (rest & 127), ...sizeBytes(rest >> 7)]
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

async function signed(): Promise<{ dir: string; revision: string }> {
  const dir = fs.mkdtempSync(join(tmpdir(), 'countersign-forged-'))
  await git.init({ fs, dir, defaultBranch: 'main' })
  write(dir, { 'config.yaml': 'targets: []\n', 'policy/a.rego': 'package a\n' })
  return { dir, revision: await commit(dir, signer) }
}

test('other bytes under the name of a file in a signed commit are refused', async (t) => {
  const { dir, revision } = await signed()
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  const { oid } = await git.readBlob({ fs, dir, oid: revision, filepath: 'config.yaml' })
  forge(dir, oid, 3, Buffer.from('targets: [everything]\n'))
  const repository = createPolicyRepository(dir, 'refs/heads/main')
  const error = await t.throwsAsync(repository.readTree(await repository.readCommit(revision)), { instanceOf: GatewayError, code: 'ERR_POLICY_REPOSITORY' })
  t.true(error.message.endsWith(`blob ${oid} does not match its id`), error.message)
})

test('another tree under the name of a signed one is refused', async (t) => {
  const { dir, revision } = await signed()
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  const evil = await git.writeBlob({ fs, dir, blob: Buffer.from('targets: [everything]\n') })
  const { tree } = await createPolicyRepository(dir, 'refs/heads/main').readCommit(revision)
  forge(dir, tree, 2, Buffer.concat([Buffer.from('100644 config.yaml\0'), Buffer.from(evil, 'hex')]))
  const repository = createPolicyRepository(dir, 'refs/heads/main')
  const error = await t.throwsAsync(repository.readTree(await repository.readCommit(revision)), { instanceOf: GatewayError, code: 'ERR_POLICY_REPOSITORY' })
  t.true(error.message.endsWith(`tree ${tree} does not match its id`), error.message)
})

test('another commit under the name of an annotated tag is refused', async (t) => {
  const { dir, revision } = await signed()
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  await git.annotatedTag({ fs, dir, ref: 'v1', object: revision, message: 'release', tagger: { name: 'Test', email: 'test@bank.example' } })
  t.is(await resolveCommit(dir, gitFolders(dir), 'v1'), revision)
  const oid = await git.resolveRef({ fs, dir, ref: 'refs/tags/v1' })
  write(dir, { 'policy/a.rego': 'package b\n' })
  const other = await commit(dir, signer)
  forge(dir, oid, 4, Buffer.from(`object ${other}\ntype commit\ntag v1\ntagger T <t> 1 +0000\n\nrelease\n`))
  const error = await t.throwsAsync(resolveCommit(dir, gitFolders(dir), 'v1'), { instanceOf: GatewayError, code: 'ERR_POLICY_REPOSITORY' })
  t.true(error.message.endsWith(`tag ${oid} does not match its id`), error.message)
})

const trees: readonly (readonly [string, readonly string[], string])[] = [
  ['the same file twice', ['config.yaml', 'config.yaml'], 'is malformed'],
  ['its names in another order, which hides one from Git\'s tools', ['policy', 'config.yaml'], 'is malformed'],
  ['a file where a folder belongs', ['config.yaml', 'policy'], 'policy is a file'],
  ['a name that is a path', ['config.yaml', 'policy/../config.yaml'], 'is malformed'],
  ['a name that is the folder above', ['config.yaml', '..'], 'is malformed'],
]
for (const [name, files, message] of trees) {
  test(`a tree with ${name} is refused`, async (t) => {
    const { dir, revision } = await signed()
    t.teardown(() => fs.rmSync(dir, { recursive: true }))
    const blob = Buffer.from(await git.writeBlob({ fs, dir, blob: Buffer.from('targets: []\n') }), 'hex')
    const bytes = Buffer.concat(files.flatMap((file) => [Buffer.from(`100644 ${file}\0`), blob]))
    const tree = await git.writeObject({ fs, dir, type: 'tree', object: bytes, format: 'content' })
    const repository = createPolicyRepository(dir, 'refs/heads/main')
    const error = await t.throwsAsync(repository.readTree({ ...await repository.readCommit(revision), tree }), { instanceOf: GatewayError, code: 'ERR_POLICY_REPOSITORY' })
    t.true(error.message.includes(message), error.message)
  })
}

test('a folder twice, of which Git\'s tools show one, is refused; so is a folder with the name of a file', async (t) => {
  const { dir, revision } = await signed()
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  const repository = createPolicyRepository(dir, 'refs/heads/main')
  const commit = await repository.readCommit(revision)
  const config = Buffer.from(await git.writeBlob({ fs, dir, blob: Buffer.from('targets: []\n') }), 'hex')
  const folder = Buffer.from(await git.writeTree({ fs, dir, tree: [{ mode: '100644', path: 'hidden.rego', oid: config.toString('hex'), type: 'blob' }] }), 'hex')
  const entry = (mode: string, name: string, oid: Buffer) => Buffer.concat([Buffer.from(`${mode} ${name}\0`), oid])
  const read = async (...entries: readonly Buffer[]) => {
    const tree = await git.writeObject({ fs, dir, type: 'tree', object: Buffer.concat(entries), format: 'content' })
    return await repository.readTree({ ...commit, tree })
  }
  const file = entry('100644', 'config.yaml', config), policy = entry('40000', 'policy', folder)
  t.deepEqual([...(await read(file, policy)).source.keys()], ['policy/hidden.rego'])
  await t.throwsAsync(read(file, policy, policy), { code: 'ERR_POLICY_REPOSITORY', message: /is malformed$/ })
  await t.throwsAsync(read(file, entry('100644', 'policy', config), entry('100644', 'policy.txt', config), policy), { code: 'ERR_POLICY_REPOSITORY', message: /is malformed$/ })
  await t.throwsAsync(read(entry('40000', 'allowed_signers', folder), file), { code: 'ERR_POLICY_REPOSITORY', message: /allowed_signers is a folder$/ })
})

test('a small file that unpacks to much is not unpacked', async (t) => {
  const { dir, revision } = await signed()
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  const object = Buffer.concat([Buffer.from(`blob ${1 << 24}\0`), Buffer.alloc(1 << 24)])
  const oid = sha1(object).toString('hex')
  fs.mkdirSync(join(dir, '.git', 'objects', oid.slice(0, 2)), { recursive: true })
  fs.writeFileSync(join(dir, '.git', 'objects', oid.slice(0, 2), oid.slice(2)), deflateSync(object))
  await git.writeRef({ fs, dir, ref: `refs/countersign/activations/${revision}/0`, value: oid, force: true })
  const repository = createPolicyRepository(dir, 'refs/heads/main')
  t.deepEqual(await repository.endorsements(revision), { files: [], notes: ['a statement is no file of at most 8192 bytes'] })
  const error = await t.throwsAsync(repository.readCommit(oid), { instanceOf: GatewayError, code: 'ERR_POLICY_REPOSITORY' })
  t.is((error.cause as NodeJS.ErrnoException).code, 'ERR_BUFFER_TOO_LARGE')
})
