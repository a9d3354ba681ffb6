// Start-up packets and authentication, both sides: nobody is known yet, so every length is a stranger's.
import test from 'ava'
import {
  encodeCancel, encodePassword, encodeSaslInitial, encodeSaslResponse, encodeSslRequest, encodeStartup, Framer, maxStartupBytes, parseFrontend, parsePassword, parseSaslInitial, parseStartup,
  ProtocolViolation, startupLength,
} from '../../../../gateway/protocols/postgres/messages.ts'
import { startupSamples } from './samples.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
/** A start-up packet of these bytes behind its length. */
function packet(content: Uint8Array): Uint8Array {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(content.length + 4)
  return Buffer.concat([length, content])
}
const version = hex('00030000')

test('each packet is read as it was written', (t) => {
  const parameters = new Map([['user', 'bank'], ['application_name', 'ß'], ['options', '']])
  t.deepEqual(parseStartup(encodeStartup({ major: 3, minor: 2, parameters })), { kind: 'startup', major: 3, minor: 2, parameters })
  t.deepEqual(parseStartup(encodeSslRequest()), { kind: 'ssl' })
  t.deepEqual(parseStartup(hex('0000000804d21630')), { kind: 'gss' })
  t.deepEqual(parseStartup(encodeCancel(-7, Buffer.alloc(32, 1))), { kind: 'cancel', pid: -7, key: Buffer.alloc(32, 1) })
})

test('another major version is named, and its content is left unread', (t) => {
  t.deepEqual(parseStartup(packet(Buffer.concat([hex('00040000'), Buffer.from('whatever')]))), { kind: 'startup', major: 4, minor: 0, parameters: new Map() })
})

test('a packet\'s length is known from its first four bytes, and bytes behind it are seen', (t) => {
  for (const sample of startupSamples) {
    for (let at = 0; at < 4; at++) t.is(startupLength(sample.subarray(0, at)), undefined)
    t.is(startupLength(sample.subarray(0, 4)), sample.length)
    t.is(startupLength(Buffer.concat([sample, Buffer.from('injected')])), sample.length)
  }
})

const wrong: readonly (readonly [string, Uint8Array, string])[] = [
  ['a length below eight', hex('0000000700030000'), 'start-up packet has length 7, not 8 to 10004'],
  ['a length beyond 10,000 bytes', hex('00002715'), 'start-up packet has length 10005, not 8 to 10004'],
  ['a negative length', hex('ffffffff00030000'), 'start-up packet has length 4294967295, not 8 to 10004'],
  ['bytes behind an SSLRequest, which were sent in the clear', Buffer.concat([encodeSslRequest(), Buffer.from('x')]), 'start-up packet of 9 bytes has length 8'],
  ['an SSLRequest with content', packet(Buffer.concat([hex('04d2162f'), Buffer.from('x')])), 'start-up message has 1 bytes behind its end'],
  ['a GSSENCRequest with content', packet(Buffer.concat([hex('04d21630'), Buffer.from('x')])), 'start-up message has 1 bytes behind its end'],
  ['a packet cut short', encodeSslRequest().subarray(0, 6), 'start-up packet of 6 bytes has length 8'],
  ['fewer bytes than a length', hex('0000'), 'start-up packet of 2 bytes has length none'],
  ['a cancel key of three bytes', encodeCancel(1, new Uint8Array(3)), 'start-up message has a cancel key of 3 bytes'],
  ['a cancel key of 257 bytes', encodeCancel(1, new Uint8Array(257)), 'start-up message has a cancel key of 257 bytes'],
  ['a parameter given twice', packet(Buffer.concat([version, Buffer.from('user\0a\0user\0b\0\0')])), 'start-up message has a parameter twice'],
  ['a parameter without a value', packet(Buffer.concat([version, Buffer.from('user\0')])), 'start-up message has a string without its NUL'],
  ['parameters without their end', packet(Buffer.concat([version, Buffer.from('user\0a\0')])), 'start-up message has a string without its NUL'],
  ['bytes behind the parameters', packet(Buffer.concat([version, Buffer.from('user\0a\0\0options\0b\0\0')])), 'start-up message has 11 bytes behind its end'],
  ['a parameter\'s name that is not UTF-8', packet(Buffer.concat([version, hex('e400'), Buffer.from('a\0\0')])), 'start-up message has a parameter that is not UTF-8'],
  ['a parameter\'s value that is not UTF-8', packet(Buffer.concat([version, Buffer.from('user\0'), hex('e40000')])), 'start-up message has a parameter that is not UTF-8'],
]
for (const [what, bytes, said] of wrong) {
  test(`${what} is a protocol violation`, (t) => {
    const error = t.throws(() => parseStartup(bytes), { instanceOf: ProtocolViolation, message: said })
    t.is(error?.sqlState, '08P01')
  })
}

test('10,000 bytes of parameters are read, one more is not', (t) => {
  const filler = 'x'.repeat(maxStartupBytes - 4 - 'user\0\0\0'.length)
  t.is(parseStartup(encodeStartup({ major: 3, minor: 0, parameters: new Map([['user', filler]]) })).kind, 'startup')
  t.throws(() => parseStartup(encodeStartup({ major: 3, minor: 0, parameters: new Map([['user', `${filler}x`]]) })), { instanceOf: ProtocolViolation, message: 'start-up packet has length 10005, not 8 to 10004' })
})

/** What a server gets to read of it. */
function contentOf(message: Uint8Array): Uint8Array {
  const read = parseFrontend(new Framer('frontend').push(message)[0]!)
  return read.kind === 'password' ? read.bytes : new Uint8Array()
}

test('passwords and SASL answers are read as they were written', (t) => {
  t.is(parsePassword(contentOf(encodePassword('päss'))), 'päss')
  t.is(parsePassword(contentOf(encodePassword(''))), '')
  t.deepEqual(parseSaslInitial(contentOf(encodeSaslInitial({ mechanism: 'SCRAM-SHA-256', response: Buffer.from('n,,n=,r=a') }))), { mechanism: 'SCRAM-SHA-256', response: Buffer.from('n,,n=,r=a') })
  t.deepEqual(parseSaslInitial(contentOf(encodeSaslInitial({ mechanism: 'X', response: null }))), { mechanism: 'X', response: null })
  t.deepEqual(contentOf(encodeSaslResponse(Buffer.from('c='))), Buffer.from('c='))
})

test('a password that is not one string, or not UTF-8, is a protocol violation', (t) => {
  for (const content of ['', 'x', 'x\0y\0', 'x\0y']) t.throws(() => parsePassword(Buffer.from(content)), { instanceOf: ProtocolViolation, message: 'PasswordMessage message is not one string' })
  t.throws(() => parsePassword(hex('e400')), { instanceOf: ProtocolViolation, message: 'PasswordMessage message is not UTF-8' })
})

test('a SASL answer whose length is not exactly its rest is a protocol violation, however the length wraps', (t) => {
  const said = (length: string, rest = 'abc') => () => parseSaslInitial(Buffer.concat([Buffer.from('X\0'), hex(length), Buffer.from(rest)]))
  for (const [length, value] of [['00000002', 2], ['00000004', 4], ['7fffffff', 2_147_483_647], ['80000000', -2_147_483_648], ['fffffffe', -2], ['ffffffff', -1]] as const) {
    t.throws(said(length), { instanceOf: ProtocolViolation, message: `SASLInitialResponse message has 3 bytes for a response of length ${value}` })
  }
  t.deepEqual(said('00000000', '')(), { mechanism: 'X', response: Buffer.alloc(0) })
  t.throws(() => parseSaslInitial(Buffer.from('X\0\0\0')), { instanceOf: ProtocolViolation, message: 'SASLInitialResponse message ends inside a field' })
  t.throws(() => parseSaslInitial(Buffer.from('SCRAM')), { instanceOf: ProtocolViolation, message: 'SASLInitialResponse message ends inside a field' })
  t.throws(() => parseSaslInitial(Buffer.concat([hex('e400'), hex('ffffffff')])), { instanceOf: ProtocolViolation, message: 'SASLInitialResponse message is not UTF-8' })
})
