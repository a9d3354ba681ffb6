// What once made one person count as two, or hid a file from those who signed: one row each. Rows are only ever added.
// (A policy that came back over a newer one: test/gateway/policy/one-against-all.test.ts, because it takes a compiler.)
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import git from 'isomorphic-git'
import { parseAllowedSigners } from '../../gateway/policy/allowed-signers.ts'
import { createPolicyRepository } from '../../gateway/policy/index.ts'
import { peopleOf } from '../../gateway/policy/people.ts'
import { newSigner } from '../gateway/policy/policy-repository.ts'

const eli = newSigner('eli'), second = newSigner('eli')

function people(text: string): number | string {
  try {
    return peopleOf(parseAllowedSigners(text)).length
  } catch (error) {
    return (error as Error).message
  }
}

/** Fields of an SSH key blob, in base64. */
function blob(...fields: readonly (string | Uint8Array)[]): string {
  return Buffer.concat(fields.flatMap((field) => [Buffer.from([0, 0, 0, Buffer.from(field).length]), Buffer.from(field)])).toString('base64')
}

const rows: readonly (readonly [string, string, number | string])[] = [
  ['by a letter of no width in the name of his second line', second.line.replace('eli@', 'eli\u200b@'), 'allowed_signers line 2: a name that is not printable ASCII could be read as another'],
  ['by a letter of another script in the name of his second line', second.line.replace('eli@', 'el\u0456@'), 'allowed_signers line 2: a name that is not printable ASCII could be read as another'],
  ['by the private key that he has, as that of a security key', `ned@bank.example sk-ssh-ed25519@openssh.com ${blob('sk-ssh-ed25519@openssh.com', eli.publicKey, 'ssh:')}\n`, 1],
]
for (const [title, line, expected] of rows) test(`one person is not two ${title}`, (t) => t.is(people(eli.line + line), expected))

test('Rego in a second folder of the same name, which git show and git ls-tree do not find, is no policy', async (t) => {
  const dir = fs.mkdtempSync(join(tmpdir(), 'countersign-hidden-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  await git.init({ fs, dir, defaultBranch: 'main' })
  const oid = await git.writeBlob({ fs, dir, blob: Buffer.from('package a\n') })
  const folder = (path: string) => git.writeTree({ fs, dir, tree: [{ mode: '100644', path, oid, type: 'blob' }] })
  const entries = [['100644 config.yaml', oid], ['40000 policy', await folder('shown.rego')], ['40000 policy', await folder('hidden.rego')]] as const
  const tree = await git.writeObject({ fs, dir, type: 'tree', format: 'content', object: Buffer.concat(entries.flatMap(([name, id]) => [Buffer.from(`${name}\0`), Buffer.from(id, 'hex')])) })
  const commit = { revision: '', tree, parents: [], time: 0, signature: undefined, signed: new Uint8Array() }
  await t.throwsAsync(createPolicyRepository(dir, 'main').readTree(commit), { code: 'ERR_POLICY_REPOSITORY', message: /is malformed$/ })
})
