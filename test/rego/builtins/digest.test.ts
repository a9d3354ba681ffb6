import test from 'ava'
import { digests } from '../../../rego/builtins/crypto/digest.ts'
import { answer } from './judge.ts'

test('digests and codes are those of the published vectors', t => {
  // RFC 1321 A.5, RFC 3174 §7.3, FIPS 180-2 B.1; RFC 2202 §2 and §3, RFC 4231 §4.3.
  t.is(answer(digests, 'crypto.md5', 'message digest'), 'f96b697d7cb7938d525a2f31aaf161d0')
  t.is(answer(digests, 'crypto.sha1', 'abc'), 'a9993e364706816aba3e25717850c26c9cd0d89d')
  t.is(answer(digests, 'crypto.sha256', 'abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  const [key, text] = ['Jefe', 'what do ya want for nothing?']
  t.is(answer(digests, 'crypto.hmac.md5', text, key), '750c783e6ab0b503eaa86e310a5db738')
  t.is(answer(digests, 'crypto.hmac.sha1', text, key), 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79')
  t.is(answer(digests, 'crypto.hmac.sha256', text, key), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843')
  t.is(answer(digests, 'crypto.hmac.sha512', text, key), '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737')
})

test('codes are equal when all their bytes are', t => {
  t.true(answer(digests, 'crypto.hmac.equal', 'é1', 'é1'))
  t.false(answer(digests, 'crypto.hmac.equal', 'é1', 'é2'))
  t.false(answer(digests, 'crypto.hmac.equal', 'a', 'aa'))
})

test('what is no text has no digest', t => {
  for (const [name] of digests) t.is(answer(digests, name, { number: '1' }, 'key'), undefined, name)
})
