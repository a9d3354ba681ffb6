// A policy repository for tests: the shipped Rego, a small governed config, commits signed by generated keys.
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import git from 'isomorphic-git'
import { allowedSigner, signSsh } from '../../../evidence/repository/sshsig.ts'
import { activationNamespace, activationRefs, writeStatement, type Statement } from '../../../gateway/policy/index.ts'

const shipped = new URL('../../../rego/', import.meta.url).pathname

export interface Signer { readonly name: string; readonly key: KeyObject; readonly publicKey: Uint8Array; readonly line: string }

export function newSigner(name: string): Signer {
  const { privateKey } = generateKeyPairSync('ed25519')
  const publicKey = new Uint8Array(Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url'))
  return { name, key: privateKey, publicKey, line: allowedSigner(`${name}@bank.example`, publicKey, 'git,countersign-activation') }
}

/** One signature is enough: what a test of something else needs. */
export const config = `activation: { quorum: 1 }
identity:
  - { issuer: 'https://idp.example', jwks_uri: 'https://idp.example/jwks', audiences: ['https://gw.example/bank'] }
targets:
  - { name: bank, protocol: mcp, prefix: /bank, env: prod, upstream: { url: 'https://bank.internal/mcp' } }
`

export async function initRepository(dir: string, files: Readonly<Record<string, string>>): Promise<void> {
  fs.mkdirSync(dir, { recursive: true })
  for (const folder of ['policy', 'data', 'schema']) fs.cpSync(join(shipped, folder), join(dir, folder), { recursive: true })
  await git.init({ fs, dir, defaultBranch: 'main' })
  write(dir, files)
}

export function write(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(dir, name)), { recursive: true })
    fs.writeFileSync(join(dir, name), text)
  }
}

/** Commits the whole work tree. @returns its id */
export async function commit(dir: string, signer: Signer | undefined, namespaced: (payload: Uint8Array) => Uint8Array = (payload) => payload): Promise<string> {
  for (const [file, , workdir] of await git.statusMatrix({ fs, dir })) {
    if (workdir === 0) await git.remove({ fs, dir, filepath: file })
    else await git.add({ fs, dir, filepath: file })
  }
  const author = { name: 'Test', email: 'test@bank.example' }
  return await git.commit({
    fs, dir, message: 'policy: change', author,
    ...signer === undefined ? {} : { signingKey: 'ssh', onSign: ({ payload }: { payload: string }) => ({ signature: signSsh(namespaced(Buffer.from(payload)), signer.key, signer.publicKey) }) },
  })
}

/** Signs a statement and leaves it where the gateway looks. @returns the ref */
export async function endorse(dir: string, statement: Statement, signer: Signer, change: { readonly signed?: Uint8Array; readonly namespace?: string; readonly file?: (file: Uint8Array) => Uint8Array; readonly revision?: string } = {}): Promise<string> {
  const signature = signSsh(change.signed ?? writeStatement(statement), signer.key, signer.publicKey, change.namespace ?? activationNamespace)
  const file = Buffer.concat([change.signed ?? writeStatement(statement), Buffer.from(signature)])
  return await leave(dir, change.revision ?? statement.revision, change.file?.(file) ?? file)
}

/** Anything at all, as a statement about a commit. */
export async function leave(dir: string, revision: string, file: Uint8Array): Promise<string> {
  const oid = await git.writeBlob({ fs, dir, blob: file })
  const ref = `${activationRefs}/${revision}/${oid}`
  await git.writeRef({ fs, dir, ref, value: oid, force: true })
  return ref
}
