// OPA's evaluator is the judge of every combination of algorithm, key and claim; what must never be accepted is asserted by itself.
import { constants, createHmac, generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import test from 'ava'
import { jwt } from '../../../rego/builtins/jwt/jwt.ts'
import { answer, differences, fromJson, randomFrom } from './judge.ts'
import type { Case } from './judge.ts'

interface Pair { readonly publicKey: KeyObject; readonly privateKey: KeyObject }

const secret = 'a sécret'
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec: Record<string, Pair> = { '256': generateKeyPairSync('ec', { namedCurve: 'P-256' }), '384': generateKeyPairSync('ec', { namedCurve: 'P-384' }), '512': generateKeyPairSync('ec', { namedCurve: 'P-521' }) }
const ed = generateKeyPairSync('ed25519')
const short = generateKeyPairSync('rsa', { modulusLength: 768 })
const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'HS256', 'HS384', 'HS512', 'EdDSA']
const unverified = fromJson([false, {}, {}])

function pairOf(algorithm: string): Pair {
  return algorithm === 'EdDSA' ? ed : algorithm.startsWith('ES') ? ec[algorithm.slice(2)] as Pair : rsa
}

function pem({ publicKey }: Pair): string {
  return publicKey.export({ type: 'spki', format: 'pem' }) as string
}

function jwk({ publicKey }: Pair, more: object = {}): object {
  return { ...publicKey.export({ format: 'jwk' }), ...more }
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

function signature(algorithm: string, { privateKey: key }: Pair, text: string): Buffer {
  const [hash, bytes] = [`sha${algorithm.slice(2)}`, Buffer.from(text)]
  if (algorithm.startsWith('HS')) return createHmac(hash, secret).update(text).digest()
  if (algorithm.startsWith('PS')) return sign(hash, bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
  if (algorithm.startsWith('ES')) return sign(hash, bytes, { key, dsaEncoding: 'ieee-p1363' })
  return algorithm === 'EdDSA' ? sign(null, bytes, key) : sign(hash, bytes, key)
}

function token(algorithm: string, { header = {}, claims = '{"iss": "xxx"}', pair = pairOf(algorithm) }: { header?: object; claims?: string; pair?: Pair } = {}): string {
  const text = `${encode(JSON.stringify({ alg: algorithm, typ: 'JWT', ...header }))}.${encode(claims)}`
  return `${text}.${signature(algorithm, pair, text).toString('base64url')}`
}

function decodeVerify(text: string, constraints: object): unknown {
  return answer(jwt, 'io.jwt.decode_verify', text, fromJson(constraints))
}

test('tokens are read and verified as OPA does it, under every algorithm', async t => {
  const cases: Case[] = []
  const q = JSON.stringify
  const add = (name: string, ...values: unknown[]) => cases.push([`io.jwt.${name}`, ...values.map(value => q(value))])
  for (const algorithm of algorithms) {
    const good = token(algorithm)
    const key = algorithm.startsWith('HS') ? secret : pem(pairOf(algorithm))
    const constraint = algorithm.startsWith('HS') ? { secret } : { cert: key }
    for (const text of [good, `${good.slice(0, -2)}${good.endsWith('AA') ? 'BB' : 'AA'}`, good.replace('.', 'A.'), good.split('.').slice(0, 2).join('.'), `${good}.x`]) {
      add('decode', text)
      add(`verify_${algorithm.toLowerCase()}`, text, key)
      add('decode_verify', text, { ...constraint, time: 0 })
    }
    for (const other of ['RS256', 'PS256', 'ES256', 'ES384', 'HS256', 'EdDSA']) {
      add(`verify_${other.toLowerCase()}`, good, key)
      add('decode_verify', good, { ...constraint, alg: other, time: 0 })
      add('decode_verify', token(algorithm, { header: { alg: other } }), { ...constraint, time: 0 })
    }
    if (algorithm.startsWith('HS')) continue
    const set = { keys: [jwk(pairOf('ES256'), { kid: 'b' }), jwk(pairOf(algorithm), { kid: 'a', alg: algorithm }), jwk(ed)] }
    for (const kid of ['a', 'b', 'c', '']) {
      add(`verify_${algorithm.toLowerCase()}`, token(algorithm, { header: { kid } }), q(set))
      add('decode_verify', token(algorithm, { header: { kid } }), { cert: q(set), time: 0 })
    }
  }
  for (const claims of ['{"exp": 3000}', '{"nbf": 1000}', '{"exp": 3000.2}', '{"nbf": 3000.1}', '{"exp": 1.5893857711234e+09}', '{"exp": "3000"}', '{"aud": "a"}', '{"aud": ["b", "a"]}', '{"aud": 7}', '{"iss": "xxx", "iss": "yyy"}', '{"n": 12345678901234567890.50, "u": "\\ud800"}', '[]', '{', 'null']) {
    for (const time of [0, 2000000000000.1, 3e12, 3000200000000, 4e12, 1589385771123400000]) add('decode_verify', token('HS256', { claims }), { secret, time, ...(claims.includes('aud') ? { aud: 'a' } : {}), ...(claims.includes('iss') ? { iss: 'yyy' } : {}) })
    add('decode', token('HS256', { claims }))
  }
  for (const header of [{ crit: ['exp'], exp: 1 }, { crit: ['exp'] }, { crit: [] }, { crit: 'exp' }, { crit: ['alg'] }, { enc: 'A128GCM' }, { kid: 7 }, { typ: 7 }, { alg: 'none' }, { alg: '' }, { alg: 7 }, { x: 1 }]) {
    add('decode_verify', token('HS256', { header }), { secret, time: 0 })
    add('decode', token('HS256', { header }))
    add('verify_rs256', token('RS256', { header }), pem(rsa))
  }
  const inner = token('HS256')
  for (const cty of ['JWT', 'jwt', 'x']) for (const claims of [inner, `"${inner}"`]) {
    add('decode', token('HS256', { header: { cty }, claims }))
    add('decode_verify', token('HS256', { header: { cty }, claims }), { secret, time: 0 })
  }
  const rs = token('RS256', { header: { kid: 'a' } })
  for (const keys of [{}, { keys: [] }, { keys: {} }, { keys: [7] }, jwk(rsa), jwk(rsa, { alg: 'foo' }), jwk(rsa, { alg: 'RSA-OAEP' }), jwk(rsa, { kid: 7 }), jwk(rsa, { key_ops: 'verify' }), jwk(rsa, { x5c: ['AAAA'] }), jwk(rsa, { e: '' }), jwk(rsa, { n: 'AQ==' }), jwk(rsa, { kty: 'EC' }),
    { keys: [jwk(rsa), { kty: 'foo' }] }, { keys: [jwk(ed, { kid: 'a' }), jwk(rsa, { kid: 'a' })] }, { keys: [{ kty: 'oct', k: encode(secret) }] }, rsa.privateKey.export({ format: 'jwk' })]) {
    add('verify_rs256', rs, q(keys))
    add('decode_verify', rs, { cert: q(keys), time: 0 })
  }
  for (const text of ['', 'x', `${pem(rsa)}x`, `x\n${pem(rsa)}`, pem(rsa).trim(), pem(rsa).replace('PUBLIC', 'RSA PUBLIC'), pem(short), rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string]) add('verify_rs256', rs, text)
  for (const constraints of [{}, { secret: '' }, { secret, cert: pem(rsa) }, { secret, foo: 1 }, { secret, time: -1 }, { secret, time: '1' }, { secret, alg: 7 }]) add('decode_verify', inner, { time: 0, ...constraints })
  t.deepEqual(await differences(jwt, cases), [])
  t.log(`${cases.length} calls`)
})

test('a public key is no shared secret', t => {
  const text = `${encode('{"alg":"HS256"}')}.${encode('{}')}`
  const forged = `${text}.${createHmac('sha256', pem(rsa)).update(text).digest('base64url')}`
  t.deepEqual(decodeVerify(forged, { cert: pem(rsa), time: 0 }), unverified)
  t.deepEqual(decodeVerify(forged, { cert: JSON.stringify(jwk(rsa)), time: 0 }), unverified)
  t.false(answer(jwt, 'io.jwt.verify_rs256', forged, pem(rsa)))
})

test('a token without a signature is not verified, whatever its header calls it', t => {
  for (const alg of ['none', 'None', 'NONE', '', 'HS0', 'RS1', 'ES256K']) {
    const text = `${encode(JSON.stringify({ alg }))}.${encode('{}')}.`
    t.deepEqual(decodeVerify(text, { secret, time: 0 }), unverified, alg)
    t.deepEqual(decodeVerify(text, { cert: pem(rsa), time: 0 }), unverified, alg)
    for (const algorithm of algorithms) t.not(answer(jwt, `io.jwt.verify_${algorithm.toLowerCase()}`, text, pem(rsa)), true, alg)
  }
})

test('of two keys with the same id the first decides', t => {
  const text = token('RS256', { header: { kid: 'a' } })
  const keys = (first: object, second: object) => JSON.stringify({ keys: [first, second] })
  t.true(answer(jwt, 'io.jwt.verify_rs256', text, keys(jwk(rsa, { kid: 'a' }), jwk(ed, { kid: 'a' }))))
  t.false(answer(jwt, 'io.jwt.verify_rs256', text, keys(jwk(ed, { kid: 'a' }), jwk(rsa, { kid: 'a' }))))
})

test('a critical parameter that nobody knows makes the token invalid', t => {
  t.deepEqual(decodeVerify(token('HS256', { header: { crit: ['b64'], b64: false } }), { secret, time: 0 }), unverified)
})

test('a key too short to prove anything proves nothing', t => {
  const text = token('RS256', { pair: short })
  t.false(answer(jwt, 'io.jwt.verify_rs256', text, pem(short)))
  t.deepEqual(decodeVerify(text, { cert: pem(short), time: 0 }), unverified)
})

test('without a time, what depends on it is undefined and the rest is as OPA says', t => {
  t.is(decodeVerify(token('HS256', { claims: '{"exp": 4102444800}' }), { secret }), undefined)
  t.is(decodeVerify(token('HS256', { claims: '{"nbf": 1}' }), { secret }), undefined)
  t.deepEqual(decodeVerify(token('HS256', { claims: '{"exp": 4102444800}' }), { secret: 'another' }), unverified)
  t.deepEqual(decodeVerify(token('HS256', { claims: '{"a": 1}' }), { secret }), fromJson([true, { alg: 'HS256', typ: 'JWT' }, { a: 1 }]))
})

test('tokens, keys and chains of tokens that are too large are undefined', t => {
  const large = token('HS256', { claims: `{"a": "${'x'.repeat(131_072)}"}` })
  t.is(answer(jwt, 'io.jwt.decode', large), undefined)
  t.is(decodeVerify(large, { secret, time: 0 }), undefined)
  t.is(answer(jwt, 'io.jwt.decode', token('HS256', { claims: `{"a": ${'['.repeat(300)}${']'.repeat(300)}}` })), undefined)
  t.is(answer(jwt, 'io.jwt.verify_rs256', token('RS256'), JSON.stringify({ keys: Array.from({ length: 257 }, () => jwk(rsa)) })), undefined)
  t.is(answer(jwt, 'io.jwt.verify_rs256', token('RS256'), ' '.repeat(1_048_577)), undefined)
  let nested = token('HS256')
  while (nested.length < 131_072) nested = token('HS256', { header: { cty: 'JWT' }, claims: nested })
  t.is(answer(jwt, 'io.jwt.decode', nested), undefined)
})

test('a token is signed as OPA signs it where that is always the same, and not at all elsewhere', async t => {
  const cases: Case[] = []
  const q = JSON.stringify
  const keys = [{ kty: 'oct', k: encode(secret) }, ...[rsa, ed, ec['256'] as Pair].map(({ privateKey }) => privateKey.export({ format: 'jwk' })), jwk(rsa), { kty: 'oct', k: '' }, { keys: [] }]
  for (const alg of ['HS256', 'HS512', 'RS256', 'RS512', 'EdDSA', 'none', 'foo']) {
    for (const key of keys) {
      // OPA takes an Ed25519 key for a shared secret.
      if (alg.startsWith('HS') && 'crv' in key) continue
      cases.push(['io.jwt.encode_sign', q({ alg, typ: 'JWT', kid: '<&>' }), '{"b": [1.50, {"z": null, "a": "é"}], "a": true}', q(key)])
      for (const [header, payload] of [[q({ alg, typ: 'text/plain' }), 'no claims'], [q({ alg }), 'no claims'], [q({ alg, typ: 'JWT' }), ' {"a": 1}'], [`${q({ alg })}x`, '{}'], ['{', '{}'], ['', '']]) cases.push(['io.jwt.encode_sign_raw', q(header), q(payload), q(q(key))])
    }
  }
  t.deepEqual(await differences(jwt, cases), [])
  for (const [alg, pair] of [['ES256', ec['256'] as Pair], ['PS256', rsa]] as const) t.is(answer(jwt, 'io.jwt.encode_sign', fromJson({ alg }), fromJson({}), fromJson(pair.privateKey.export({ format: 'jwk' }))), undefined, alg)
  t.is(answer(jwt, 'io.jwt.encode_sign', fromJson({ alg: 'HS256' }), fromJson({}), fromJson(ed.privateKey.export({ format: 'jwk' }))), undefined)
})

test('no token and no key makes it throw', t => {
  const random = randomFrom(11)
  const tokens = algorithms.map(algorithm => token(algorithm, { header: { kid: 'a' }, claims: '{"exp": 1, "aud": ["a"]}' }))
  const keys = [pem(rsa), pem(ed), JSON.stringify({ keys: [jwk(rsa, { kid: 'a' }), jwk(ec['256'] as Pair)] })]
  const spoil = (text: string) => {
    const at = random(text.length)
    return [text.slice(0, at), `${text.slice(0, at)}${String.fromCharCode(random(300))}${text.slice(at + 1)}`, text.slice(0, at) + text.slice(random(text.length)), text.repeat(2)][random(4)] as string
  }
  const started = process.cpuUsage().user
  for (let at = 0; at < 1_500; at++) {
    const [text, key] = [spoil(tokens[random(tokens.length)] as string), random(2) === 0 ? keys[random(keys.length)] as string : spoil(keys[random(keys.length)] as string)]
    t.notThrows(() => {
      answer(jwt, 'io.jwt.decode', text)
      answer(jwt, `io.jwt.verify_${algorithms[random(13)]?.toLowerCase()}`, text, key)
      answer(jwt, 'io.jwt.encode_sign_raw', '{"alg":"HS256"}', text, key)
      decodeVerify(text, { [random(2) === 0 ? 'cert' : 'secret']: key, time: random(4) })
    })
  }
  t.true(process.cpuUsage().user - started < 15_000_000)
})
