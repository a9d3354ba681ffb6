// The demo's policy repository: a real Git repository with the shipped policies, the governed config and who may sign for them.
import fs from 'node:fs'
import path from 'node:path'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import git from 'isomorphic-git'
import { allowedSigner, signSsh } from '../../evidence/repository/sshsig.ts'
import type { Home } from './home.ts'
import { signers } from './home.ts'
import { StartError } from './start-error.ts'

const shipped = path.join(import.meta.dirname, '..', '..', 'rego')
const folders = ['policy', 'data', 'schema'] as const
/** PKCS#8 for an Ed25519 seed (RFC 8410 §7). */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Makes the repository on the first start; later starts leave it, and whatever was committed since, alone. */
export async function syncPolicyRepository(home: Home, governed: string): Promise<void> {
  const dir = home.policy
  if (fs.existsSync(path.join(dir, '.git', 'HEAD'))) {
    if (!fs.readFileSync(path.join(dir, 'allowed_signers'), 'utf8').includes('countersign-activation')) throw new StartError(`${home.dir} was made by an earlier version, whose people sign no activations. Choose another folder with --dir.`)
    return await followPorts(home, governed)
  }
  fs.mkdirSync(dir, { recursive: true })
  for (const folder of folders) fs.cpSync(path.join(shipped, folder), path.join(dir, folder), { recursive: true })
  const write = (name: string, text: string) => fs.writeFileSync(path.join(dir, name), text)
  write('config.yaml', governed)
  write('allowed_signers', signers.map((name) => allowedSigner(`${name}@bank.example`, publicKeyOf(readKey(home, name)), 'git,countersign-activation')).join(''))
  write('README.md', 'The bank\'s policy: Rego in `policy/`, its data in `data/`, targets and approvers in `config.yaml`. A commit comes into force when two people of `allowed_signers` stand behind it: its own signature counts as one, `countersign policy activate` makes another.\n')
  await git.init({ fs, dir, defaultBranch: 'main' })
  await commitAll(home, 'eli', 'policy: tools by group, masks, approvals')
}

/** A port that was free at the first start may be taken now: the addresses in the config move, everything else stays as it was committed. */
async function followPorts(home: Home, governed: string): Promise<void> {
  const file = path.join(home.policy, 'config.yaml')
  const text = fs.readFileSync(file, 'utf8')
  const addresses = (yaml: string) => [...new Set(yaml.match(/127\.0\.0\.1:\d+/g) ?? [])]
  const [before, after] = [addresses(text), addresses(governed)]
  if (before.length !== after.length || before.every((address, index) => address === after[index])) return
  // By way of marks, so that an address that is both old and new is not moved twice.
  const marked = before.reduce((moved, address, index) => moved.replaceAll(address, `\0${index}\0`), text)
  fs.writeFileSync(file, after.reduce((moved, address, index) => moved.replaceAll(`\0${index}\0`, address), marked))
  await commitAll(home, 'eli', 'config: other ports on this machine')
}

/** Commits the work tree as one of the people who may sign. @returns the commit's id */
export async function commitAll(home: Home, name: (typeof signers)[number], message: string): Promise<string> {
  const dir = home.policy
  for (const [file, , workdir] of await git.statusMatrix({ fs, dir })) {
    if (workdir === 0) await git.remove({ fs, dir, filepath: file })
    else await git.add({ fs, dir, filepath: file })
  }
  return await git.commit({ fs, dir, message, ...signedBy(home, name) })
}

/** Who makes a commit, for `git.commit`. */
export function signedBy(home: Home, name: (typeof signers)[number]): Pick<Parameters<typeof git.commit>[0], 'author' | 'signingKey' | 'onSign'> {
  const key = readKey(home, name)
  return {
    author: { name, email: `${name}@bank.example` }, signingKey: 'ssh',
    onSign: ({ payload }) => ({ signature: signSsh(Buffer.from(payload), key, publicKeyOf(key)) }),
  }
}

/** A person's private key, from the file that ssh-keygen would use. */
export function readKey(home: Home, name: string): KeyObject {
  const text = fs.readFileSync(path.join(home.people, name), 'utf8')
  const file = Buffer.from(text.split('\n').filter((line) => !line.startsWith('-----')).join(''), 'base64')
  // The seed stands in front of the public key in the secret part: string(64) = seed ‖ public key (PROTOCOL.key).
  const at = file.lastIndexOf(Buffer.from([0, 0, 0, 64]))
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, file.subarray(at + 4, at + 36)]), format: 'der', type: 'pkcs8' })
}

export function publicKeyOf(key: KeyObject): Uint8Array {
  return Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url')
}
