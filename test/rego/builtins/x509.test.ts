// Certificates, requests and keys made by Go's own crypto/x509, and what became of them with a byte changed: OPA's evaluator says what
// they are. `x509-cases.json` holds calls as `[name, argument …]`, each argument JSON text.
import { generateKeyPairSync, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import { isSignedBy } from '../../../rego/builtins/crypto/signature.ts'
import { x509 } from '../../../rego/builtins/crypto/x509.ts'
import { answer, differences, fromJson, randomFrom } from './judge.ts'
import type { Case } from './judge.ts'

const cases = JSON.parse(readFileSync(path.join(import.meta.dirname, 'x509-cases.json'), 'utf8')) as Case[]
const invalid = fromJson([false, []])
const withOptions = 'crypto.x509.parse_and_verify_certificates_with_options'

test('certificates, requests, keys and chains are what OPA says', async t => {
  t.deepEqual(await differences(x509, cases), [])
  t.log(`${cases.length} calls`)
})

/** A chain that holds, and its options. */
function goodChain(): readonly [string, Record<string, unknown>] {
  for (const [name, chain, options] of cases) {
    if (name !== withOptions || chain === undefined || options === undefined) continue
    const verdict = answer(x509, name, fromJson(JSON.parse(chain)), fromJson(JSON.parse(options)))
    if (verdict !== undefined && JSON.stringify(verdict).startsWith('{"array":[true')) return [JSON.parse(chain) as string, JSON.parse(options) as Record<string, unknown>]
  }
  throw new Error('no chain holds')
}

test('a chain is verified at the time that is given, and without one there is no answer', t => {
  const [chain, options] = goodChain()
  const { CurrentTime: time, ...timeless } = options
  t.truthy(time)
  t.is(answer(x509, withOptions, chain, fromJson(timeless)), undefined)
  t.is(answer(x509, 'crypto.x509.parse_and_verify_certificates', chain), undefined)
  t.deepEqual(answer(x509, withOptions, chain, fromJson({ ...options, CurrentTime: 0 })), invalid)
  t.deepEqual(answer(x509, withOptions, chain, fromJson({ ...options, DNSName: 'somebody.else' })), invalid)
  t.is(answer(x509, withOptions, chain, fromJson({ ...options, Unknown: 1 })), undefined)
  // What no time would make good is not good.
  t.deepEqual(answer(x509, 'crypto.x509.parse_and_verify_certificates', 'bm90IGEgY2VydGlmaWNhdGU='), invalid)
})

test('a certificate signed with a key too short, or over a broken digest, is signed by nobody', t => {
  const bytes = Buffer.from('to be signed')
  const [short, sound] = [768, 1024].map(modulusLength => generateKeyPairSync('rsa', { modulusLength }))
  const isSigned = (algorithm: number, hash: string, pair = sound) => pair !== undefined && isSignedBy(algorithm, bytes, sign(hash, bytes, pair.privateKey), { kind: 'rsa', key: pair.publicKey, isPrivate: false })
  t.true(isSigned(4, 'sha256'))
  t.false(isSigned(4, 'sha256', short))
  t.false(isSigned(3, 'sha1'))
  t.false(isSigned(2, 'md5'))
  t.false(isSigned(5, 'sha256'))
})

test('what is too large is undefined', t => {
  const large = `-----BEGIN CERTIFICATE-----\n${'A'.repeat(262_144)}\n-----END CERTIFICATE-----\n`
  for (const [name] of x509) t.is(answer(x509, name, large, fromJson(name === withOptions ? {} : 'key')), undefined, name)
})

test('no bytes make it throw', t => {
  const random = randomFrom(3)
  const texts = cases.map(([, text = '""']) => JSON.parse(text) as string)
  const started = process.cpuUsage().user
  for (let at = 0; at < 600; at++) {
    const bytes = Buffer.from((texts[random(texts.length)] ?? '').replace(/-----[^-]*-----/g, ''), 'base64')
    for (let change = random(4); change >= 0 && bytes.length > 0; change--) bytes[random(bytes.length)] = random(256)
    const spoiled = bytes.subarray(random(3) === 0 ? random(bytes.length + 1) : 0).toString('base64')
    const pem = (type: string) => `-----BEGIN ${type}-----\n${spoiled}\n-----END ${type}-----\n`
    t.notThrows(() => {
      answer(x509, 'crypto.x509.parse_certificates', spoiled)
      answer(x509, withOptions, pem('CERTIFICATE'), fromJson({ CurrentTime: 1 }))
      answer(x509, 'crypto.x509.parse_certificate_request', spoiled)
      answer(x509, 'crypto.x509.parse_keypair', pem('CERTIFICATE'), pem('PRIVATE KEY'))
      answer(x509, 'crypto.parse_private_keys', ['RSA PRIVATE KEY', 'PRIVATE KEY', 'EC PRIVATE KEY'].map(pem)[random(3)] ?? '')
    })
  }
  t.true(process.cpuUsage().user - started < 20_000_000)
})
