import test from 'ava'
import { EventParser, maxEventBytes } from '../../../gateway/upstream/events.ts'
import type { ServerEvent } from '../../../gateway/protocol.ts'
import { RefusalError } from '../../../gateway/refusal.ts'

const parse = (...chunks: Uint8Array[]) => {
  const parser = new EventParser()
  return chunks.flatMap((chunk) => parser.push(chunk))
}
const event = (fields: Partial<ServerEvent>): ServerEvent => ({ data: undefined, event: undefined, id: undefined, retry: undefined, comment: undefined, ...fields })

const stream = Buffer.from('\ufeff: hello\r\n\r\nid: 1\rretry: 50\rdata\r\revent: message\ndata: {"a":\ndata:"ü€😀"}\nunknown: x\n\ndata:  two\r\n\r\nid: never\ndata: whole')
const expected = [
  event({ comment: ' hello' }),
  event({ id: '1', retry: '50', data: '' }),
  event({ event: 'message', data: '{"a":\n"ü€😀"}' }),
  event({ data: ' two' }),
]

test('events come out the same wherever the stream is cut, also inside a character or a CRLF', (t) => {
  t.deepEqual(parse(stream), expected)
  for (let at = 1; at < stream.length; at++) t.deepEqual(parse(stream.subarray(0, at), stream.subarray(at)), expected, `cut at ${at}`)
  t.deepEqual(parse(...Array.from(stream, (byte) => Uint8Array.of(byte))), expected)
})

test('a last block without its blank line is no event', (t) => {
  t.deepEqual(parse(Buffer.from('data: half')), [])
  t.deepEqual(parse(Buffer.from('data: half\n')), [])
})

test('an event over the maximum cuts the stream, however its lines are spread', (t) => {
  const one = t.throws(() => parse(Buffer.from(`data: ${'x'.repeat(maxEventBytes)}`)), { instanceOf: RefusalError })
  t.is(one.refusal.code, 'upstream.too_large')
  const line = Buffer.from(`data: ${'x'.repeat(65_536)}\n: still there\n`)
  const parser = new EventParser()
  const many = t.throws(() => { for (let n = 0; n < 20; n++) parser.push(line) }, { instanceOf: RefusalError })
  t.is(many.message, 'An event of the stream is larger than allowed')
})

test('bytes that are not UTF-8 cut the stream', (t) => {
  const error = t.throws(() => parse(Uint8Array.of(0x64, 0xff, 0x0a)), { instanceOf: RefusalError })
  t.is(error.refusal.code, 'upstream.broken')
  t.is(error.message, 'The event stream is not UTF-8')
})
