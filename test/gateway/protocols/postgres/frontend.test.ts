// The client's messages: what is written is read back, and what is not exactly a message is refused.
import test from 'ava'
import {
  encodeBind, encodeClose, encodeCopyData, encodeCopyDone, encodeCopyFail, encodeDescribe, encodeExecute, encodeFlush, encodeFunctionCall, encodeParse, encodePassword, encodeQuery,
  encodeSync, encodeTerminate, Framer, parseFrontend, ProtocolViolation, type FrontendMessage,
} from '../../../../gateway/protocols/postgres/messages.ts'
import { frontendSamples, message } from './samples.ts'

const parse = (bytes: Uint8Array): FrontendMessage => parseFrontend(new Framer('frontend').push(bytes)[0]!)
const bytes = (text: string) => Buffer.from(text)

const pairs: readonly (readonly [Uint8Array, FrontendMessage])[] = [
  [encodeQuery('select 1'), { kind: 'query', text: 'select 1', textBytes: bytes('select 1') }],
  [encodeQuery(bytes('select \'ß\'')), { kind: 'query', text: 'select \'ß\'', textBytes: bytes('select \'ß\'') }],
  [encodeParse('s', 'select $1', [23, 4_294_967_295]), { kind: 'parse', name: 's', text: 'select $1', textBytes: bytes('select $1'), types: [23, 4_294_967_295] }],
  [encodeBind({ portal: 'p', statement: 's', formats: [1, 0], values: [bytes('x'), null], resultFormats: [1] }), { kind: 'bind', portal: 'p', statement: 's', formats: [1, 0], values: [bytes('x'), null], resultFormats: [1] }],
  [encodeDescribe('S', 's'), { kind: 'describe', of: 'S', name: 's' }],
  [encodeDescribe('P', 'ünï'), { kind: 'describe', of: 'P', name: 'ünï' }],
  [encodeExecute('p', 100), { kind: 'execute', portal: 'p' }],
  [encodeClose('S', 's'), { kind: 'close', of: 'S', name: 's' }],
  [encodeSync(), { kind: 'sync' }],
  [encodeFlush(), { kind: 'flush' }],
  [encodeFunctionCall({ oid: 4_294_967_295, formats: [], values: [bytes('1'), null], resultFormat: 1 }), { kind: 'functionCall', oid: 4_294_967_295, formats: [], values: [bytes('1'), null], resultFormat: 1 }],
  [encodeCopyData(bytes('1\n')), { kind: 'copyData', data: bytes('1\n'), part: 'whole' }],
  [encodeCopyDone(), { kind: 'copyDone' }],
  [encodeCopyFail('no'), { kind: 'copyFail', message: 'no' }],
  [encodePassword('x'), { kind: 'password', bytes: bytes('x\0') }],
  [encodeTerminate(), { kind: 'terminate' }],
]
for (const [written, read] of pairs) {
  test(`${read.kind} of ${written.length} bytes is read as it was written`, (t) => t.deepEqual(parse(written), read))
}

test('65,535 parameters are read, as the server counts them without a sign', (t) => {
  const values = Array.from({ length: 65_535 }, () => null)
  const read = parse(encodeBind({ portal: '', statement: '', formats: [], values, resultFormats: [] }))
  t.is(read.kind === 'bind' && read.values.length, 65_535)
})

test('fewer rows than none are no violation: to the server they are all', (t) => {
  t.deepEqual(parse(encodeExecute('p', -1)), { kind: 'execute', portal: 'p' })
})

test('a byte order mark stays in the text that is decided on: the server reads it too', (t) => {
  const read = parse(encodeQuery('\ufeffselect 1'))
  t.is(read.kind === 'query' && read.text, '\ufeffselect 1')
})

test('the pieces of a long CopyData are its data, without the header', (t) => {
  const frames = new Framer('frontend', { maxBufferedBytes: 10 }).push(encodeCopyData(bytes('0123456789')))
  t.deepEqual(frames.map(parseFrontend), [{ kind: 'copyData', data: new Uint8Array(), part: 'first' }, { kind: 'copyData', data: bytes('0123456789'), part: 'last' }])
})

const latin1 = Buffer.from('e4', 'hex')
const softly: readonly (readonly [string, string, Uint8Array])[] = [
  ['query', 'Q', Buffer.concat([latin1, bytes('\0')])],
  ['parse', 'P', Buffer.concat([bytes('s\0'), latin1, bytes('\0\0\0')])],
  ['parse', 'P', Buffer.concat([latin1, bytes('\0select 1\0\0\0')])],
  ['bind', 'B', Buffer.concat([bytes('\0'), latin1, bytes('\0\0\0\0\0\0\0')])],
  ['describe', 'D', Buffer.concat([bytes('S'), latin1, bytes('\0')])],
  ['execute', 'E', Buffer.concat([latin1, bytes('\0\0\0\0\0')])],
  ['close', 'C', Buffer.concat([bytes('P'), latin1, bytes('\0')])],
  ['copyFail', 'f', Buffer.concat([latin1, bytes('\0')])],
]
for (const [of, tag, content] of softly) {
  test(`a ${of} whose string is not UTF-8 (${content.length} bytes) is a message that can be refused without ending the session`, (t) => {
    t.deepEqual(parse(message(tag, content)) as unknown, { kind: 'notUtf8', of })
  })
}

const wrong: readonly (readonly [string, 'Q' | 'P' | 'B' | 'D' | 'C' | 'E' | 'F', string, string])[] = [
  ['a text without its NUL', 'Q', '73656c656374', 'Query message has a string without its NUL'],
  ['a second statement behind the first NUL', 'Q', '73656c00' + '64726f7000', 'Query message has 5 bytes behind its end'],
  ['a text that is not UTF-8 and has bytes behind it', 'Q', 'e40000', 'Query message has 1 bytes behind its end'],
  ['a Parse without its types', 'P', '007300ff', 'Parse message ends inside a field'],
  ['a Parse that announces more types than it has', 'P', '0073000002' + '00000017', 'Parse message ends inside a list'],
  ['a Parse with bytes behind its types', 'P', '0073000000' + 'ff', 'Parse message has 1 bytes behind its end'],
  ['a Bind with a value of negative length', 'B', '0000' + '0000' + '0001' + 'fffffffe' + '0000', 'Bind message has a value of length -2'],
  ['a Bind whose value is longer than the message', 'B', '0000' + '0000' + '0001' + '00000009' + '0000', 'Bind message ends inside a field'],
  ['a Bind with a format that does not exist', 'B', '0000' + '00010002' + '0000' + '0000', 'Bind message has a format code that is neither 0 nor 1'],
  ['a Bind with two formats for one value', 'B', '0000' + '000200000000' + '0001ffffffff' + '0000', 'Bind message has 2 formats for 1 values'],
  ['a Bind that announces more values than it has', 'B', '0000' + '0000' + 'ffff' + '0000', 'Bind message ends inside a field'],
  ['a Bind with a result format that does not exist', 'B', '0000' + '0000' + '0000' + '00010100', 'Bind message has a format code that is neither 0 nor 1'],
  ['a Bind with bytes behind its end', 'B', '0000' + '0000' + '0000' + '0000' + '00', 'Bind message has 1 bytes behind its end'],
  ['a Describe of neither a statement nor a portal', 'D', '5800', 'Describe message names neither a statement (S) nor a portal (P)'],
  ['a Describe with a name behind its name', 'D', '53610062', 'Describe message has 1 bytes behind its end'],
  ['a Close of neither a statement nor a portal', 'C', '7300', 'Close message names neither a statement (S) nor a portal (P)'],
  ['an Execute with bytes behind its end', 'E', '000000000000', 'Execute message has 1 bytes behind its end'],
  ['an Execute whose portal never ends', 'E', '6161616161', 'Execute message has a string without its NUL'],
  ['a FunctionCall without its result format', 'F', '00000001' + '0000' + '0001ffffffff', 'FunctionCall message ends inside a field'],
  ['a FunctionCall with a result format that does not exist', 'F', '00000001' + '0000' + '0000' + '0007', 'FunctionCall message has a format code that is neither 0 nor 1'],
  ['a FunctionCall with bytes behind its end', 'F', '00000001' + '0000' + '0000' + '0000' + '00', 'FunctionCall message has 1 bytes behind its end'],
]
for (const [what, tag, hex, why] of wrong) {
  test(`${what} is a message that can be refused without ending the session, and nothing of it is read but why`, (t) => {
    const of = ({ Q: 'query', P: 'parse', B: 'bind', D: 'describe', C: 'close', E: 'execute', F: 'functionCall' } as const)[tag]
    t.deepEqual(parse(message(tag, Buffer.from(hex, 'hex'))), { kind: 'malformed', of: of!, why })
  })
}

test('a CopyFail with bytes behind its end is a protocol violation: nothing could be refused in its place', (t) => {
  t.throws(() => parse(message('f', Buffer.from('0000', 'hex'))), { instanceOf: ProtocolViolation, message: 'CopyFail message has 1 bytes behind its end' })
})

test('a message cut short or made longer anywhere is refused, or is another well-formed message', (t) => {
  for (const sample of frontendSamples) {
    const content = sample.subarray(5)
    for (let length = 0; length < content.length; length++) {
      try { parse(message(sample[0]!, content.subarray(0, length))) } catch (error) { t.true(error instanceof ProtocolViolation) }
    }
    if (['d', 'p'].includes(String.fromCharCode(sample[0]!))) continue
    try {
      t.is(parse(message(sample[0]!, Buffer.concat([content, Buffer.of(0)]))).kind, 'malformed')
    } catch (error) {
      t.true(error instanceof ProtocolViolation)
    }
  }
})

test('a NUL inside a string is refused when it is written: it would become another field', (t) => {
  for (const write of [() => encodeQuery('select 1\0; drop table t'), () => encodeQuery(bytes('a\0')), () => encodeParse('a\0', 'x'), () => encodeExecute('\0'), () => encodePassword('a\0b'), () => encodeCopyFail('\0')]) {
    t.throws(write, { instanceOf: ProtocolViolation, message: 'a NUL inside a string' })
  }
})

test('a count that does not fit into 16 bits is refused when it is written: it would make fields of values', (t) => {
  const values = Array.from({ length: 65_536 }, () => null)
  t.throws(() => encodeBind({ portal: '', statement: '', formats: [], values, resultFormats: [] }), { instanceOf: ProtocolViolation, message: '65536 does not fit into 16 bits' })
})
