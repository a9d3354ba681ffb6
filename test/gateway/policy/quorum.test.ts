// Who stands behind a commit: two people by distinct keys, over exactly what the gateway would bring into force.
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { signSsh } from '../../../evidence/repository/sshsig.ts'
import { parseAllowedSigners } from '../../../gateway/policy/allowed-signers.ts'
import { judgeCommit, peopleWhoMaySign, type Backing, type Shortfall } from '../../../gateway/policy/judge.ts'
import { peopleOf } from '../../../gateway/policy/people.ts'
import type { PolicyCommit } from '../../../gateway/policy/repository.ts'
import { parseEndorsement, writeStatement, type Statement } from '../../../gateway/policy/statement.ts'
import { newSigner, type Signer } from './policy-repository.ts'

const eli = newSigner('eli'), lena = newSigner('lena'), mallory = newSigner('mallory'), lenaPhone = newSigner('lena')
const now = Date.UTC(2026, 10, 21)
const revision = 'a'.repeat(40)
const statement: Statement = { kind: 'activation', revision, tree: '1'.repeat(64), bundle: '2'.repeat(64), serial: 7, tests: '3'.repeat(64) }
const namespace = 'countersign-activation'

function signed(signer: Signer, over: Uint8Array = writeStatement(statement), space = namespace): Uint8Array {
  return Buffer.concat([over, Buffer.from(signSsh(over, signer.key, signer.publicKey, space))])
}

function commitBy(signer: Signer | undefined): PolicyCommit {
  const bytes = Buffer.from(`tree ${'b'.repeat(40)}\nauthor E <e> ${now / 1000 - 60} +0000\ncommitter E <e> ${now / 1000 - 60} +0000\n\npolicy\n`)
  return { revision, tree: 'b'.repeat(40), parents: [], time: now - 60_000, signed: bytes, signature: signer && signSsh(bytes, signer.key, signer.publicKey) }
}

function judge(files: readonly Uint8Array[], { commit = commitBy(undefined), signers = eli.line + lena.line, quorum = 2 }: { commit?: PolicyCommit; signers?: string; quorum?: number } = {}): Backing | Shortfall {
  return judgeCommit(commit, { files, notes: [] }, { signers: parseAllowedSigners(signers), rules: { quorum } }, now)
}

const unsigned = 'the commit is not signed'

test('two people who sign one statement bring it into force, whoever signed the commit', (t) => {
  const backing = judge([signed(eli), signed(lena)])
  t.true(backing.isEnough)
  t.deepEqual(backing.signers, ['eli@bank.example', 'lena@bank.example'])
  t.deepEqual((backing as Backing).statement, statement)
  t.is((backing as Backing).endorsements.length, 2)
})

test('the author\'s signature on the commit counts as one of the two', (t) => {
  t.deepEqual(judge([signed(lena)], { commit: commitBy(eli) }).signers, ['eli@bank.example', 'lena@bank.example'])
  t.true(judge([signed(lena)], { commit: commitBy(eli) }).isEnough)
})

test('the author alone is one person, however often he signs', (t) => {
  const alone = judge([signed(eli), signed(eli)], { commit: commitBy(eli) })
  t.like(alone, { isEnough: false, signed: 1, needed: 2, message: '1 of 2 people have signed for it' })
})

test('two keys of one person count once', (t) => {
  const signers = eli.line + lena.line + lenaPhone.line
  t.like(judge([signed(lena), signed(lenaPhone)], { signers }), { isEnough: false, signed: 1, message: `1 of 2 people have signed for it; ${unsigned}` })
  t.true(judge([signed(lenaPhone), signed(eli)], { signers }).isEnough)
})

test('one key under two names counts once, and makes the two names one person', (t) => {
  const again = eli.line.replace('eli@', 'second.eli@')
  const laptop = newSigner('second.eli')
  t.like(judge([signed(eli)], { signers: eli.line + again + lena.line, commit: commitBy(eli) }), { isEnough: false, signed: 1 })
  t.like(judge([signed(eli), signed(laptop)], { signers: eli.line + again + laptop.line }), { isEnough: false, signed: 1 })
  t.like(judge([signed(eli), signed(laptop)], { signers: laptop.line + eli.line + again }), { isEnough: false, signed: 1 })
})

test('two lines that differ in case only are one person', (t) => {
  const shouting = newSigner('x')
  t.like(judge([signed(eli), signed(shouting)], { signers: eli.line + shouting.line.replace('x@bank', 'ELI@Bank') }), { isEnough: false, signed: 1 })
})

test('signatures of different statements are not added up', (t) => {
  const other = writeStatement({ ...statement, serial: 8 })
  t.like(judge([signed(eli), signed(lena, other)]), { isEnough: false, signed: 1 })
})

test('of two statements with enough signatures the newer one holds', (t) => {
  const other = writeStatement({ ...statement, serial: 8 })
  t.is((judge([signed(eli), signed(lena), signed(eli, other), signed(lena, other)]) as Backing).statement?.serial, 8)
})

test('statements that do not count stand in nobody\'s way', (t) => {
  t.true(judge([Buffer.from('junk'), Buffer.alloc(9_000), signed(mallory), signed(eli), signed(lena)]).isEnough)
})

const text = (change: (line: string) => string): Uint8Array => Buffer.from(change(Buffer.from(writeStatement(statement)).toString()))
const refusals: readonly (readonly [string, Uint8Array, string])[] = [
  ['a statement for another commit', signed(lena, writeStatement({ ...statement, revision: 'c'.repeat(40) })), 'a statement is for another commit'],
  ['a signature in another namespace', signed(lena, writeStatement(statement), 'git'), 'a statement has no valid signature of namespace countersign-activation'],
  ['a signature of another statement', Buffer.concat([writeStatement(statement), signed(lena, writeStatement({ ...statement, serial: 8 })).subarray(writeStatement({ ...statement, serial: 8 }).length)]), 'a statement has no valid signature of namespace countersign-activation'],
  ['a signature by somebody whom nobody listed', signed(mallory), 'a statement is signed by a key that the policy in force does not allow, or not now'],
  ['a statement with spaces in it', signed(lena, text((line) => line.replace(',', ', '))), 'a statement is not in canonical form'],
  ['a statement that says its serial twice', signed(lena, text((line) => line.replace('"serial":7', '"serial":9,"serial":7'))), 'a statement is not in canonical form'],
  ['a statement with its members in another order', signed(lena, text((line) => line.replace(/^\{("bundle":"[^"]*"),(.*)\}\n$/, '{$2,$1}\n'))), 'a statement is not in canonical form'],
  ['a statement with a member that nobody knows', signed(lena, text((line) => line.replace('}', ',"until":1}'))), 'a statement is not in canonical form'],
  ['a serial written as 7.0', signed(lena, text((line) => line.replace('"serial":7', '"serial":7.0'))), 'a statement is not in canonical form'],
  ['a serial of zero', signed(lena, text((line) => line.replace('"serial":7', '"serial":0'))), 'a statement has a serial that is not a number'],
  ['a digest in capitals', signed(lena, text((line) => line.replace('1'.repeat(64), 'A'.repeat(64)))), 'a statement has a digest that is not lower-case hex'],
  ['another format', signed(lena, text((line) => line.replace('/v1', '/v2'))), 'a statement is not of format countersign-activation/v1'],
  ['a kind that nobody knows', signed(lena, text((line) => line.replace('"activation"', '"roll-back"'))), 'a statement has a kind that is not known'],
  ['an ordinary statement with a reason', signed(lena, writeStatement({ ...statement, reason: 'why not' })), 'a statement has a member that it cannot have'],
  ['an emergency without a reason', signed(lena, text((line) => line.replace('"kind":"activation"', '"kind":"emergency"'))), 'an emergency statement gives no reason'],
  ['a reason that steers a terminal', signed(lena, writeStatement({ ...statement, kind: 'emergency', reason: 'a\u202eb' })), 'a statement has a reason that is not 1 to 500 printable characters'],
  ['a statement that is no JSON', signed(lena, Buffer.from('serial 7\n')), 'a statement is not JSON'],
  ['a list', signed(lena, Buffer.from('[]\n')), 'a statement is not an object'],
  ['a statement without a signature', writeStatement(statement).subarray(0, -1), 'a statement has no signature'],
  ['a file that is too large', Buffer.concat([signed(lena), Buffer.alloc(8 * 1024)]), 'a statement is larger than 8192 bytes'],
  ['bytes behind the signature', Buffer.concat([signed(lena), Buffer.from('x')]), 'a statement has no valid signature of namespace countersign-activation'],
]
for (const [title, file, note] of refusals) {
  test(`${title} does not count`, (t) => {
    const verdict = judge([file], { commit: commitBy(eli) })
    t.like(verdict, { isEnough: false, signed: 1, needed: 2, message: `1 of 2 people have signed for it; ${note}` })
  })
}

test('a key whose time has passed signs nothing new, whatever date the commit claims', (t) => {
  const expired = eli.line.replace('ssh-ed25519', 'SSH').replace('namespaces="git,countersign-activation"', 'valid-before="20261101"').replace('SSH', 'ssh-ed25519')
  const commit = { ...commitBy(eli), time: Date.UTC(2026, 9, 1) }
  t.like(judge([signed(eli), signed(lena)], { signers: expired + lena.line, commit }), { isEnough: false, signed: 1, message: '1 of 2 people have signed for it; the commit\'s signer is not one that the policy in force allows, or not now; a statement is signed by a key that the policy in force does not allow, or not now' })
})

test('a key for commits only signs no statement, and one for statements only no commit', (t) => {
  const only = (signer: Signer, spaces: string) => signer.line.replace('git,countersign-activation', spaces)
  t.like(judge([signed(eli), signed(lena)], { signers: only(eli, 'git') + lena.line }), { isEnough: false, signed: 1 })
  t.true(judge([signed(lena)], { signers: only(eli, 'git') + lena.line, commit: commitBy(eli) }).isEnough)
  t.like(judge([signed(lena)], { signers: only(eli, 'countersign-activation') + lena.line, commit: commitBy(eli) }), { isEnough: false, signed: 1 })
})

test('a merge that a forge signed with its own key is nobody\'s word; two people can still stand behind it', (t) => {
  const webFlow = { ...commitBy(undefined), parents: ['d'.repeat(40), 'e'.repeat(40)], signature: '-----BEGIN PGP SIGNATURE-----\n\nwsFcBAABCAAQBQJn\n-----END PGP SIGNATURE-----\n' }
  t.like(judge([signed(lena)], { commit: webFlow }), { isEnough: false, signed: 1, message: '1 of 2 people have signed for it; the commit\'s signature is not a valid SSH signature of it' })
  t.true(judge([signed(lena), signed(eli)], { commit: webFlow }).isEnough)
})

/** Fields of an SSH key blob, in base64. */
function blob(...fields: readonly (string | Uint8Array)[]): string {
  return Buffer.concat(fields.flatMap((field) => [Buffer.from([0, 0, 0, Buffer.from(field).length]), Buffer.from(field)])).toString('base64')
}

test('one private key in two forms is one person, whatever the two lines call it', (t) => {
  const asSecurityKey = `ned@bank.example sk-ssh-ed25519@openssh.com ${blob('sk-ssh-ed25519@openssh.com', eli.publicKey, 'ssh:')}\n`
  t.deepEqual(peopleOf(parseAllowedSigners(eli.line + asSecurityKey)).map(({ name }) => name), ['eli@bank.example'])
  t.is(peopleWhoMaySign(parseAllowedSigners(eli.line + asSecurityKey), now), 1)
})

const key = eli.line.trim().split(' ').at(-1) ?? ''
const lists: readonly (readonly [string, string, string])[] = [
  ['a pattern for a name', `*@bank.example ssh-ed25519 ${key}`, 'a pattern names no person'],
  ['a pattern among names', `eli@bank.example,!mallory@bank.example ssh-ed25519 ${key}`, 'a pattern names no person'],
  ['a certificate authority', `eli@bank.example cert-authority ssh-ed25519 ${key}`, 'an option that is not known'],
  ['an option that we do not know', `eli@bank.example verify-required ssh-ed25519 ${key}`, 'an option that is not known'],
  ['a pattern of namespaces', `eli@bank.example namespaces="countersign-*" ssh-ed25519 ${key}`, 'the key may sign nothing here: namespaces has neither git nor countersign-activation'],
  ['a name with a letter of another script', `l\u0435na@bank.example ssh-ed25519 ${key}`, 'a name that is not printable ASCII could be read as another'],
  ['a name with a letter of no width', `lena\u200b@bank.example ssh-ed25519 ${key}`, 'a name that is not printable ASCII could be read as another'],
  ['a key in other base64 of the same bytes', `eli@bank.example ssh-ed25519 ${key}=`, 'the key is not of its type, in base64'],
  ['half a key', `eli@bank.example ssh-ed25519 ${key.slice(0, 60)}`, 'the key is not of its type, in base64'],
  ['a certificate for a key', `eli@bank.example ssh-ed25519 ${blob('ssh-ed25519-cert-v01@openssh.com', eli.publicKey)}`, 'the key is not of its type, in base64'],
  ['a forge\'s account', `noreply@github.com ssh-ed25519 ${key}`, 'the key of a forge is no person'],
]
for (const [title, line, why] of lists) {
  test(`allowed_signers with ${title} is refused as a whole`, (t) => {
    t.throws(() => parseAllowedSigners(`${lena.line}${line}\n`), { code: 'ERR_POLICY_UNTRUSTED', message: `allowed_signers line 2: ${why}` })
  })
}

test('a statement survives its file, and no other bytes read as it', (t) => {
  const file = parseEndorsement(signed(lena))
  if (typeof file === 'string') return t.fail(file)
  t.deepEqual(file.statement, statement)
  t.is(Buffer.from(file.signed).toString(), `{"bundle":"${'2'.repeat(64)}","format":"countersign-activation/v1","kind":"activation","revision":"${revision}","serial":7,"tests":"${'3'.repeat(64)}","tree":"${'1'.repeat(64)}"}\n`)
})

test('stock ssh-keygen signs a statement, and verifies one that was signed here', (t) => {
  if (!(process.env['PATH'] ?? '').split(':').some((folder) => fs.existsSync(join(folder, 'ssh-keygen')))) {
    t.log('not run: no ssh-keygen here')
    return t.pass()
  }
  const dir = fs.mkdtempSync(join(tmpdir(), 'countersign-statement-'))
  t.teardown(() => fs.rmSync(dir, { recursive: true }))
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'kim', '-f', join(dir, 'key')])
  const signature = execFileSync('ssh-keygen', ['-Y', 'sign', '-q', '-n', namespace, '-f', join(dir, 'key')], { input: writeStatement(statement), stdio: 'pipe' })
  const kim = `kim@bank.example namespaces="${namespace}" ${fs.readFileSync(join(dir, 'key.pub'), 'utf8')}`
  t.true(judge([Buffer.concat([writeStatement(statement), signature]), signed(eli)], { signers: kim + eli.line }).isEnough)

  fs.writeFileSync(join(dir, 'signers'), eli.line)
  fs.writeFileSync(join(dir, 'sig'), signSsh(writeStatement(statement), eli.key, eli.publicKey, namespace))
  const said = execFileSync('ssh-keygen', ['-Y', 'verify', '-n', namespace, '-f', join(dir, 'signers'), '-I', 'eli@bank.example', '-s', join(dir, 'sig')], { input: writeStatement(statement), stdio: 'pipe' }).toString()
  t.regex(said, /^Good "countersign-activation" signature for eli@bank\.example/)
})
