import { generateKeyPairSync } from 'node:crypto'
import test from 'ava'
import { PolicyError, readBundle, readSignedBundle } from '../../../rego/index.ts'
import { readSigningKey, readVerificationKey } from '../../../rego/signing/keys.ts'
import { attachSignatures, signBundle } from '../../../rego/signing/sign-bundle.ts'
import { readTarball } from '../../../rego/tarball.ts'
import { changed, listed, other, pack, pair, pem, publicPem, text, unpack } from '../archive.ts'
import { compileSources, hostile } from '../sources.ts'

const good = await compileSources({ 'policy/decision.rego': hostile, 'data/data.json': '{"html": "<&>", "exact": 1.10}' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const curve = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve })

const keys = [
  ['EdDSA', pair], ['ES256', curve('P-256')], ['ES384', curve('P-384')], ['ES512', curve('P-521')],
  ['RS256', rsa], ['RS384', rsa], ['RS512', rsa], ['PS256', rsa], ['PS384', rsa], ['PS512', rsa],
] as const

for (const [algorithm, { privateKey, publicKey }] of keys) {
  test(`a bundle signed with ${algorithm} is accepted by its key and no other`, async t => {
    const signed = await signBundle(good, readSigningKey(pem(privateKey), 'k1', algorithm), 'prod')
    const bundle = await readSignedBundle(signed, { keys: [readVerificationKey(pem(publicKey), 'k1', algorithm)], scope: 'prod' })
    t.deepEqual([bundle.signer, bundle.serial, bundle.data], ['k1', 7, '{"exact":1.10,"html":"<&>"}'])
    const stranger = readVerificationKey(pem(other.publicKey), 'k1')
    await t.throwsAsync(readSignedBundle(signed, { keys: [stranger], scope: 'prod' }), { instanceOf: PolicyError, code: 'ERR_BUNDLE_SIGNATURE' })
  })
}

test('what is signed is the list of all files, each with the digest that OPA computes', async t => {
  const signed = await signBundle(good, readSigningKey(pem(pair.privateKey), 'k1'), 'prod')
  const { signatures } = JSON.parse(Buffer.from(readTarball(signed).get('.signatures.json') ?? []).toString()) as { signatures: string[] }
  const [header, payload] = (signatures[0] ?? '').split('.').slice(0, 2).map(part => JSON.parse(Buffer.from(part, 'base64url').toString()) as unknown)
  t.is(signatures.length, 1)
  t.deepEqual(header, { alg: 'EdDSA', typ: 'JWT', kid: 'k1' })
  t.deepEqual(payload, { files: listed(unpack(good)), scope: 'prod' })
})

test('signing again replaces the signature, so that there is never a second one', async t => {
  const key = readVerificationKey(pem(other.publicKey), 'k2')
  const twice = await signBundle(await signBundle(good, readSigningKey(pem(pair.privateKey), 'k1'), 'prod'), readSigningKey(pem(other.privateKey), 'k2'), '')
  t.is((await readSignedBundle(twice, { keys: [key], scope: '' })).signer, 'k2')
})

test('a signature made elsewhere can be put in, and is then held to the same', async t => {
  const signed = await signBundle(good, readSigningKey(pem(pair.privateKey), 'k1'), 'prod')
  const signatures = readTarball(signed).get('.signatures.json') ?? new Uint8Array(0)
  const verification = { keys: [readVerificationKey(publicPem, 'k1')], scope: 'prod' }
  t.is((await readSignedBundle(attachSignatures(good, signatures), verification)).signer, 'k1')
  const elsewhere = pack(changed(unpack(good), '/data.json', () => text('{}')))
  await t.throwsAsync(readSignedBundle(attachSignatures(elsewhere, signatures), verification), { code: 'ERR_BUNDLE_SIGNATURE', message: 'the signature of the bundle is refused: data.json is not as it was signed' })
})

test('white space and the order of members do not matter to a signature, as with OPA; what is loaded is what was hashed', async t => {
  const signed = await signBundle(good, readSigningKey(pem(pair.privateKey), 'k1'), 'prod')
  const respelt = pack(changed(unpack(signed), '/data.json', () => text(' { "html" : "\\u003c&>", "exact": 1.10 }\n')))
  const bundle = await readSignedBundle(respelt, { keys: [readVerificationKey(publicPem, 'k1')], scope: 'prod' })
  t.is(bundle.data, '{"exact":1.10,"html":"<&>"}')
})

test('what could not be loaded is not signed, and what is signed is not read as if it were not', async t => {
  const key = readSigningKey(pem(pair.privateKey), 'k1')
  await t.throwsAsync(signBundle(pack(unpack(good).slice(1)), key, ''), { code: 'ERR_BUNDLE_MALFORMED', message: 'the bundle is malformed: it has no data.json' })
  t.throws(() => readBundle(pack([...unpack(good), { name: '/.signatures.json', bytes: text('{}') }])), { code: 'ERR_BUNDLE_MALFORMED' })
})

test('a key that is not what it should be is refused', t => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const cases: [() => unknown, string][] = [
    [() => readVerificationKey(pem(pair.privateKey), 'k'), 'it is a private key: verify with the public one'],
    [() => readVerificationKey('secret', 'k'), 'it is not a public key in PEM'],
    [() => readSigningKey(publicPem, 'k'), 'it is not a private key in PEM, without a password'],
    [() => readSigningKey(pair.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }).toString(), 'k'), 'it is not a private key in PEM, without a password'],
    [() => readVerificationKey('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n', 'k'), 'it cannot be read'],
    [() => readVerificationKey(pem(weak.publicKey), 'k'), 'an RSA key has 2048 to 8192 bits'],
    [() => readVerificationKey(pem(generateKeyPairSync('x25519').publicKey), 'k'), 'it is neither Ed25519 nor ECDSA (P-256, P-384, P-521) nor RSA'],
    [() => readVerificationKey(pem(curve('secp256k1').publicKey), 'k'), 'it is neither Ed25519 nor ECDSA (P-256, P-384, P-521) nor RSA'],
    [() => readVerificationKey(pem(rsa.publicKey), 'k', 'HS256'), 'its algorithm is not one of RS256, RS384, RS512, PS256, PS384, PS512'],
    [() => readVerificationKey(publicPem, 'k', 'RS256'), 'its algorithm is not one of EdDSA'],
    [() => readVerificationKey(publicPem, ''), 'its id is empty or has an odd character'],
  ]
  for (const [read, why] of cases) t.throws(read, { instanceOf: PolicyError, code: 'ERR_BUNDLE_KEY', message: `the key for bundles cannot be used: ${why}` })
})
