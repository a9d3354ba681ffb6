// The server's messages: what is written is read back, what is not exactly a message is refused, and text in any encoding is shown.
import test from 'ava'
import {
  encodeAuthenticationCleartext, encodeAuthenticationOk, encodeAuthenticationSasl, encodeAuthenticationSaslContinue, encodeAuthenticationSaslFinal, encodeBackendKeyData, encodeBindComplete,
  encodeCloseComplete, encodeCommandComplete, encodeEmptyQuery, encodeError, encodeFunctionResult, encodeNegotiate, encodeNoData, encodeNotice, encodeNotification, encodeParameterStatus,
  encodeParseComplete, encodePortalSuspended, encodeReady, parseAuthentication, parseBackendKeyData, parseCommandTag, parseCopyResponse, parseDiagnostic, parseFunctionResult, parseNegotiate,
  parseNotification, parseParameterDescription, parseParameterStatus, parseReady, parseRowDescription, ProtocolViolation, rowCells,
} from '../../../../gateway/protocols/postgres/messages.ts'
import { backendSamples, message } from './samples.ts'

const bytes = (text: string) => Buffer.from(text)
const hex = (text: string) => Buffer.from(text, 'hex')

test('transaction states are read as they were written', (t) => {
  for (const status of ['I', 'T', 'E'] as const) t.is(parseReady(encodeReady(status)), status)
})

test('each message is read as it was written', (t) => {
  t.is(parseCommandTag(encodeCommandComplete('INSERT 0 1')), 'INSERT 0 1')
  t.deepEqual(parseParameterStatus(encodeParameterStatus('search_path', '"$user", public')), { name: 'search_path', value: '"$user", public' })
  t.deepEqual(parseNotification(encodeNotification({ pid: 7, channel: 'c', payload: 'ß' })), { pid: 7, channel: 'c', payload: 'ß' })
  t.deepEqual(parseBackendKeyData(encodeBackendKeyData(-7, bytes('0123'))), { pid: -7, key: bytes('0123') })
  t.deepEqual(parseNegotiate(encodeNegotiate(2, ['_pq_.a', '_pq_.b'])), { minor: 2, options: ['_pq_.a', '_pq_.b'] })
  t.deepEqual(parseFunctionResult(encodeFunctionResult(bytes('x'))), bytes('x'))
  t.is(parseFunctionResult(encodeFunctionResult(null)), null)
  t.deepEqual(parseParameterDescription(message('t', hex('000200000017ffffffff'))), [23, 4_294_967_295])
  t.is(parseParameterDescription(message('t', Buffer.concat([hex('0000'), Buffer.alloc(4 * 65_536)]))).length, 65_536, 'its count begins anew')
  t.deepEqual(parseCopyResponse(message('G', hex('000001' + '0000'))), { direction: 'in', format: 0, formats: [0] })
  t.deepEqual(parseCopyResponse(message('H', hex('010002' + '00010001'))), { direction: 'out', format: 1, formats: [1, 1] })
  t.deepEqual(parseCopyResponse(message('W', hex('000000'))), { direction: 'both', format: 0, formats: [] })
})

test('messages without content are their tag and four', (t) => {
  const bare = [encodeParseComplete, encodeBindComplete, encodeCloseComplete, encodeNoData, encodeEmptyQuery, encodePortalSuspended].map((encode) => Buffer.from(encode()).toString('hex'))
  t.deepEqual(bare, ['3100000004', '3200000004', '3300000004', '6e00000004', '4900000004', '7300000004'])
})

test('requests for authentication are read as they were written', (t) => {
  t.deepEqual(parseAuthentication(encodeAuthenticationOk()), { kind: 'ok' })
  t.deepEqual(parseAuthentication(encodeAuthenticationCleartext()), { kind: 'cleartext' })
  t.deepEqual(parseAuthentication(message('R', hex('00000005deadbeef'))), { kind: 'md5', salt: hex('deadbeef') })
  t.deepEqual(parseAuthentication(encodeAuthenticationSasl(['SCRAM-SHA-256', 'OAUTHBEARER'])), { kind: 'sasl', mechanisms: ['SCRAM-SHA-256', 'OAUTHBEARER'] })
  t.deepEqual(parseAuthentication(encodeAuthenticationSaslContinue(bytes('r='))), { kind: 'saslContinue', data: bytes('r=') })
  t.deepEqual(parseAuthentication(encodeAuthenticationSaslFinal(bytes('v='))), { kind: 'saslFinal', data: bytes('v=') })
  t.deepEqual(parseAuthentication(message('R', hex('00000007'))), { kind: 'unsupported', code: 7 })
})

test('an error is read field by field, in order; one without a SQLSTATE is read too', (t) => {
  const fields = new Map([['S', 'ERROR'], ['C', '42501'], ['M', 'no'], ['H', 'ask']])
  t.deepEqual([...parseDiagnostic(encodeError(fields))], [...fields])
  t.deepEqual([...parseDiagnostic(encodeNotice(new Map([['S', 'NOTICE'], ['M', 'x']])))], [['S', 'NOTICE'], ['M', 'x']])
  t.is(parseDiagnostic(encodeError(new Map())).size, 0)
})

test('text in another encoding than UTF-8 is shown with replacement characters, not refused: a database may be in SQL_ASCII', (t) => {
  t.is(parseDiagnostic(message('E', Buffer.concat([bytes('M'), hex('e4'), bytes('\0\0')]))).get('M'), '\ufffd')
  t.is(parseRowDescription(message('T', Buffer.concat([hex('0001e400'), Buffer.alloc(18)])))[0]?.name, '\ufffd')
})

const wrong: readonly (readonly [string, () => unknown, string])[] = [
  ['an unknown transaction status', () => parseReady(message('Z', bytes('X'))), 'ReadyForQuery message has an unknown transaction status'],
  ['another message than was asked for', () => parseReady(encodeParseComplete()), '5 bytes are no ReadyForQuery message'],
  ['a message with another after it', () => parseReady(Buffer.concat([encodeReady('I'), encodeReady('I')])), '12 bytes are no ReadyForQuery message'],
  ['a command tag with bytes behind it', () => parseCommandTag(message('C', bytes('x\0y'))), 'CommandComplete message has 1 bytes behind its end'],
  ['a command tag without its NUL', () => parseCommandTag(message('C', bytes('xy'))), 'CommandComplete message has a string without its NUL'],
  ['a ParameterStatus without a value', () => parseParameterStatus(message('S', bytes('name\0'))), 'ParameterStatus message has a string without its NUL'],
  ['a ParameterStatus with bytes behind it', () => parseParameterStatus(message('S', bytes('a\0b\0c'))), 'ParameterStatus message has 1 bytes behind its end'],
  ['a notification with bytes behind it', () => parseNotification(message('A', bytes('\0\0\0\0a\0b\0c'))), 'NotificationResponse message has 1 bytes behind its end'],
  ['a cancel key of three bytes', () => parseBackendKeyData(message('K', Buffer.alloc(7))), 'BackendKeyData message has a key of 3 bytes'],
  ['a cancel key of 257 bytes', () => encodeBackendKeyData(1, new Uint8Array(257)), 'a cancel key of 257 bytes'],
  ['an option count beyond the message', () => parseNegotiate(message('v', hex('000300027fffffff'))), 'NegotiateProtocolVersion message announces 2147483647 options'],
  ['a negative option count', () => parseNegotiate(message('v', hex('00030002ffffffff'))), 'NegotiateProtocolVersion message announces -1 options'],
  ['a negotiation down to another major version', () => parseNegotiate(message('v', hex('0002000000000000'))), 'NegotiateProtocolVersion message names another major version'],
  ['a COPY with a format that does not exist', () => parseCopyResponse(message('H', hex('020000'))), 'CopyResponse message has a format code that is neither 0 nor 1'],
  ['a COPY with fewer column formats than it announces', () => parseCopyResponse(message('H', hex('0000020000'))), 'CopyResponse message ends inside a field'],
  ['a ParameterDescription that announces more than it has', () => parseParameterDescription(message('t', hex('000200000017'))), 'ParameterDescription message has another number of types than it says'],
  ['a function result longer than its message', () => parseFunctionResult(message('V', hex('00000009aa'))), 'FunctionCallResponse message ends inside a field'],
  ['a function result of negative length', () => parseFunctionResult(message('V', hex('fffffffe'))), 'FunctionCallResponse message has a value of length -2'],
  ['an md5 salt of three bytes', () => parseAuthentication(message('R', hex('00000005deadbe'))), 'Authentication message ends inside a field'],
  ['AuthenticationOk with content', () => parseAuthentication(message('R', hex('0000000000'))), 'Authentication message has 1 bytes behind its end'],
  ['a list of mechanisms without its end', () => parseAuthentication(message('R', Buffer.concat([hex('0000000a'), bytes('A\0')]))), 'Authentication message has a string without its NUL'],
  ['more mechanisms than anybody has', () => parseAuthentication(message('R', Buffer.concat([hex('0000000a'), bytes('A\0'.repeat(33) + '\0')]))), 'Authentication message offers more than 32 mechanisms'],
  ['an error with a field twice', () => parseDiagnostic(message('E', bytes('Ma\0Mb\0\0'))), 'ErrorResponse message has a field twice'],
  ['an error without its end', () => parseDiagnostic(message('E', bytes('Ma\0'))), 'ErrorResponse message ends inside a field'],
  ['a notice with bytes behind its end', () => parseDiagnostic(message('N', bytes('Ma\0\0x'))), 'NoticeResponse message has 1 bytes behind its end'],
  ['a RowDescription that announces more columns than it has', () => parseRowDescription(message('T', hex('0001'))), 'RowDescription message has a string without its NUL'],
  ['a RowDescription with a format that does not exist', () => parseRowDescription(message('T', Buffer.concat([hex('000100'), Buffer.alloc(17), hex('02')]))), 'RowDescription message has a format code that is neither 0 nor 1'],
  ['a RowDescription with bytes behind its end', () => parseRowDescription(message('T', hex('000000'))), 'RowDescription message has 1 bytes behind its end'],
]
for (const [what, run, said] of wrong) {
  test(`${what} is a protocol violation`, (t) => {
    const error = t.throws(run, { instanceOf: ProtocolViolation, message: said })
    t.is(error?.sqlState, '08P01')
  })
}

test('each message with a byte too many is refused', (t) => {
  const readers: Readonly<Record<string, (message: Uint8Array) => unknown>> = {
    R: parseAuthentication, K: parseBackendKeyData, v: parseNegotiate, S: parseParameterStatus, Z: parseReady, C: parseCommandTag, T: parseRowDescription, D: rowCells,
    t: parseParameterDescription, G: parseCopyResponse, H: parseCopyResponse, W: parseCopyResponse, V: parseFunctionResult, E: parseDiagnostic, N: parseDiagnostic, A: parseNotification,
  }
  for (const sample of backendSamples) {
    const letter = String.fromCharCode(sample[0]!)
    const read = readers[letter]
    if (read === undefined) continue
    t.notThrows(() => read(sample))
    // A key and SASL's data are the rest of their messages.
    if (letter === 'K' || (letter === 'R' && [7, 11, 12].includes(sample[8]!))) continue
    t.throws(() => read(message(sample[0]!, Buffer.concat([sample.subarray(5), Buffer.of(0)]))), { instanceOf: ProtocolViolation }, letter)
  }
})
