import { execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { signSsh } from '../../../evidence/repository/sshsig.ts'
import { findSigner, parseAllowedSigners } from '../../../gateway/policy/allowed-signers.ts'
import { parseCommit } from '../../../gateway/policy/repository.ts'
import { verifySshSignature } from '../../../gateway/policy/sshsig.ts'
import { newSigner } from './policy-repository.ts'

const eli = newSigner('eli')
const message = new TextEncoder().encode('tree 0\n')
const key = eli.line.trim().split(' ').at(-1) ?? ''

test('a signature is good for its message and nothing else', (t) => {
  const armored = signSsh(message, eli.key, eli.publicKey)
  t.is(verifySshSignature(armored, message, 'git'), key)
  t.is(verifySshSignature(armored, new TextEncoder().encode('tree 1\n'), 'git'), undefined)
})

test('a signature made for another use than commits is refused', (t) => {
  const blob = Buffer.from(signSsh(message, eli.key, eli.publicKey).split('\n').slice(1, -2).join(''), 'base64')
  const at = blob.indexOf('git')
  blob.write('fil', at)
  t.is(verifySshSignature(armor(blob), message, 'git'), undefined)
})

test('a signature with any one bit flipped is refused, without a fault', (t) => {
  const blob = Buffer.from(signSsh(message, eli.key, eli.publicKey).split('\n').slice(1, -2).join(''), 'base64')
  for (let bit = 0; bit < blob.length * 8; bit++) {
    const flipped = Buffer.from(blob)
    flipped[bit >> 3]! ^= 1 << (bit & 7)
    const found = verifySshSignature(armor(flipped), message, 'git')
    if (found !== undefined) t.fail(`bit ${bit}`)
  }
  for (let length = 0; length < blob.length; length++) if (verifySshSignature(armor(blob.subarray(0, length)), message, 'git') !== undefined) t.fail(`cut at ${length}`)
  t.is(verifySshSignature(armor(Buffer.concat([blob, Buffer.of(0)])), message, 'git'), undefined)
})

test('a signer counts only inside the time window of its line', (t) => {
  const signers = parseAllowedSigners(`# people\n\neli@bank.example namespaces="git",valid-after="20250101",valid-before="20260101Z" ssh-ed25519 ${key} eli's key\n`)
  t.is(findSigner(signers, key, 'git', Date.UTC(2025, 5, 1))?.name, 'eli@bank.example')
  t.is(findSigner(signers, key, 'git', Date.UTC(2024, 11, 31)), undefined)
  t.is(findSigner(signers, key, 'git', Date.UTC(2026, 0, 1)), undefined)
  t.is(findSigner(signers, newSigner('x').line.split(' ').at(-1) ?? '', 'git', Date.UTC(2025, 5, 1)), undefined)
})

test('who may only vouch for a corpus stands in the same list, and signs no commit and no statement', (t) => {
  const exporter = newSigner('exporter').line.trim().split(' ').at(-1) ?? ''
  const signers = parseAllowedSigners(`${eli.line}exporter@bank.example namespaces="countersign-replay-corpus" ssh-ed25519 ${exporter}\n`)
  t.is(signers.length, 2)
  for (const namespace of ['git', 'countersign-activation'] as const) t.is(findSigner(signers, exporter, namespace, 0), undefined)
  t.throws(() => parseAllowedSigners(`exporter@bank.example namespaces="countersign-replay-corpus,file" ssh-ed25519 ${exporter}\n`), { code: 'ERR_POLICY_UNTRUSTED' })
})

const faults: readonly (readonly [string, string, string])[] = [
  ['a key type that we cannot judge', 'eli ssh-rsa AAAAB3NzaC1yc2E', 'only ssh-ed25519 keys are accepted, in software or in a security key'],
  ['a certificate authority', `eli cert-authority ssh-ed25519 ${key}`, 'an option that is not known'],
  ['a key that may not sign commits', `eli namespaces="file" ssh-ed25519 ${key}`, 'the key may sign nothing here: namespaces has neither git nor countersign-activation'],
  ['a key of another type than it says', `eli sk-ssh-ed25519@openssh.com ${key}`, 'the key is not of its type, in base64'],
  ['a time that is none', `eli valid-before="soon" ssh-ed25519 ${key}`, 'valid-before is not a time'],
  ['a day that is none', `eli valid-before="20260231" ssh-ed25519 ${key}`, 'valid-before is not a time'],
  ['a line without a key', 'eli ssh-ed25519', 'expected principals, options, key type and key'],
]
for (const [title, line, why] of faults) {
  test(`allowed_signers with ${title} is refused as a whole`, (t) => {
    t.throws(() => parseAllowedSigners(`${eli.line}${line}\n`), { code: 'ERR_POLICY_UNTRUSTED', message: `allowed_signers line 2: ${why}` })
  })
}

test('a commit that says its tree twice is refused: a reader could be shown the other', (t) => {
  const tree = `tree ${'a'.repeat(40)}\n`
  const rest = 'author E <e> 1 +0000\ncommitter E <e> 1 +0000\n\nm\n'
  t.is(parseCommit('r', Buffer.from(tree + rest))?.time, 1_000)
  t.is(parseCommit('r', Buffer.from(tree + tree + rest)), undefined)
  t.is(parseCommit('r', Buffer.from(rest)), undefined)
  t.is(parseCommit('r', Buffer.from('no headers')), undefined)
})

function armor(blob: Uint8Array): string {
  return ['-----BEGIN SSH SIGNATURE-----', ...Buffer.from(blob).toString('base64').match(/.{1,70}/g) ?? [], '-----END SSH SIGNATURE-----', ''].join('\n')
}

/** What a security key gives for a touch: PROTOCOL.u2f, made here of a key in software. */
function touched(message: Uint8Array, { flags = 1, application = 'ssh:', space = 'git' } = {}): { readonly armored: string; readonly key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const field = (value: Uint8Array | string): Buffer => {
    const bytes = Buffer.from(value), length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, bytes])
  }
  const sha256 = (value: Uint8Array | string): Buffer => createHash('sha256').update(value).digest()
  const type = 'sk-ssh-ed25519@openssh.com'
  const blob = Buffer.concat([field(type), field(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')), field(application)])
  const signed = Buffer.concat([Buffer.from('SSHSIG'), field(space), field(''), field('sha512'), field(createHash('sha512').update(message).digest())])
  const tail = Buffer.from([flags, 0, 0, 0, 42])
  const raw = sign(null, Buffer.concat([sha256(application), tail, sha256(signed)]), privateKey)
  return { key: blob.toString('base64'), armored: armor(Buffer.concat([Buffer.from('SSHSIG'), Buffer.from([0, 0, 0, 1]), field(blob), field(space), field(''), field('sha512'), field(Buffer.concat([field(type), field(raw), tail]))])) }
}

test('a security key signs by a touch, and stock ssh-keygen agrees', (t) => {
  const { armored, key: sk } = touched(message)
  t.is(verifySshSignature(armored, message, 'git'), sk)
  t.is(verifySshSignature(armored, new TextEncoder().encode('tree 1\n'), 'git'), undefined)
  t.is(findSigner(parseAllowedSigners(`kim@bank.example sk-ssh-ed25519@openssh.com ${sk}\n`), sk, 'git', 0)?.name, 'kim@bank.example')
  if (!(process.env['PATH'] ?? '').split(':').some((folder) => fs.existsSync(join(folder, 'ssh-keygen')))) return
  const dir = fs.mkdtempSync(join(tmpdir(), 'countersign-sk-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  fs.writeFileSync(join(dir, 'signers'), `kim@bank.example sk-ssh-ed25519@openssh.com ${sk}\n`)
  fs.writeFileSync(join(dir, 'sig'), armored)
  t.regex(execFileSync('ssh-keygen', ['-Y', 'verify', '-n', 'git', '-f', join(dir, 'signers'), '-I', 'kim@bank.example', '-s', join(dir, 'sig')], { input: message, stdio: 'pipe' }).toString(), /^Good "git" signature/)
})

test('a security key that nobody touched, or that signed for a web page, signed nothing', (t) => {
  t.is(verifySshSignature(touched(message, { flags: 0 }).armored, message, 'git'), undefined)
  t.is(verifySshSignature(touched(message, { flags: 4 }).armored, message, 'git'), undefined)
  t.is(verifySshSignature(touched(message, { application: 'https://bank.example' }).armored, message, 'git'), undefined)
})
