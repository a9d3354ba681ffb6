// The framer: however the bytes are cut, the same messages; and nothing that is no message gets as far as memory.
import test from 'ava'
import {
  backendTag, encodeBind, encodeCopyData, encodeDataRow, encodeQuery, encodeReady, encodeSync, Framer, frontendTag, ProtocolViolation, type Frame, type Side,
} from '../../../../gateway/protocols/postgres/messages.ts'
import { backendSamples, frontendSamples, message, tagsOf } from './samples.ts'

const sides = [['frontend', frontendSamples, frontendTag], ['backend', backendSamples, backendTag]] as const
const shown = (frames: readonly Frame[]) => frames.map(({ tag, part, bytes }) => [tag, part, Buffer.from(bytes).toString('hex')])

for (const [side, samples, tags] of sides) {
  test(`every ${side} message has a sample, and is one frame`, (t) => {
    t.deepEqual([...tagsOf(samples)].toSorted((a, b) => a - b), Object.values(tags).toSorted((a, b) => a - b))
    for (const sample of samples) t.deepEqual(shown(new Framer(side).push(sample)), [[sample[0], 'whole', Buffer.from(sample).toString('hex')]])
  })

  test(`all ${side} messages in one read are the same frames, in order, without a copy`, (t) => {
    const stream = Buffer.concat(samples)
    const framer = new Framer(side)
    const frames = framer.push(stream)
    t.deepEqual(frames.map(({ bytes }) => Buffer.from(bytes)), samples.map((sample) => Buffer.from(sample)))
    t.true(frames.every(({ bytes }) => bytes.buffer === stream.buffer))
    t.true(framer.isBetweenMessages)
  })

  test(`the ${side} stream split at every byte gives the same frames`, (t) => {
    const stream = Buffer.concat(samples)
    const whole = shown(new Framer(side).push(stream))
    for (let at = 0; at <= stream.length; at++) {
      const framer = new Framer(side)
      t.deepEqual(shown([...framer.push(stream.subarray(0, at)), ...framer.push(stream.subarray(at))]), whole, `split at ${at}`)
    }
  })

  test(`the ${side} stream byte by byte, and in chunks of every size up to 40, gives the same frames`, (t) => {
    const stream = Buffer.concat(samples)
    const whole = shown(new Framer(side).push(stream))
    for (let size = 1; size <= 40; size++) {
      const framer = new Framer(side)
      const frames: Frame[] = []
      for (let at = 0; at < stream.length; at += size) frames.push(...framer.push(stream.subarray(at, at + size)))
      t.deepEqual(shown(frames), whole, `chunks of ${size}`)
    }
  })
}

test('a message that arrives in single bytes costs linear time: 4 MiB take well below the time limit', (t) => {
  const framer = new Framer('frontend')
  const query = encodeQuery('x'.repeat(4 * 1024 * 1024))
  let frames = 0
  for (let at = 0; at < query.length; at++) frames += framer.push(query.subarray(at, at + 1)).length
  t.is(frames, 1)
})

test('a peer that announces much and sends little holds little', (t) => {
  const framer = new Framer('frontend')
  framer.push(Buffer.from('5100ffffff', 'hex'))
  t.is(framer.heldBytes, 5)
  t.false(framer.isBetweenMessages)
})

const wrong: readonly (readonly [string, Side, string, string])[] = [
  ['an unknown client message', 'frontend', '5900000004', 'unknown frontend message type 0x59'],
  ['an unknown client message, known by its first byte', 'frontend', '00', 'unknown frontend message type 0x00'],
  ['a server message from a client', 'frontend', '5a0000000549', 'unknown frontend message type 0x5a'],
  ['a client message from a server', 'backend', '5000000004', 'unknown backend message type 0x50'],
  ['a length below its own four bytes', 'frontend', '5100000003', 'Query message (Q) has length 3, not 5 to 16777221'],
  ['a length of zero', 'backend', '4400000000', 'DataRow message (D) has length 0, not 6 to 1073741822'],
  ['a negative length', 'frontend', '51ffffffff', 'Query message (Q) has length 4294967295, not 5 to 16777221'],
  ['a Sync with content', 'frontend', '530000000500', 'Sync message (S) has length 5, not 4'],
  ['a Terminate with content', 'frontend', '5800000005', 'Terminate message (X) has length 5, not 4'],
  ['a Query beyond 16 MiB', 'frontend', '5101000006', 'Query message (Q) has length 16777222, not 5 to 16777221'],
  ['a Bind beyond 64 MiB', 'frontend', '4204000001', 'Bind message (B) has length 67108865, not 12 to 67108864'],
  ['a Describe beyond 10,000 bytes', 'frontend', '4400002711', 'Describe message (D) has length 10001, not 6 to 10000'],
  ['a password beyond 64 KiB', 'frontend', '7000010004', 'PasswordMessage message (p) has length 65540, not 4 to 65539'],
  ['CopyData beyond what the server takes', 'frontend', '643fffffff', 'CopyData message (d) has length 1073741823, not 4 to 1073741822'],
  ['a ReadyForQuery that is too long', 'backend', '5a00000006', 'ReadyForQuery message (Z) has length 6, not 5'],
  ['a ReadyForQuery that is too short', 'backend', '5a00000004', 'ReadyForQuery message (Z) has length 4, not 5'],
  ['a ParameterStatus beyond 30,000 bytes', 'backend', '5300007531', 'ParameterStatus message (S) has length 30001, not 6 to 30000'],
  ['a cancel key beyond 256 bytes', 'backend', '4b00000109', 'BackendKeyData message (K) has length 265, not 12 to 264'],
  ['a cancel key below 4 bytes', 'backend', '4b0000000b', 'BackendKeyData message (K) has length 11, not 12 to 264'],
  ['a notification beyond 16 KiB', 'backend', '4100004001', 'NotificationResponse message (A) has length 16385, not 10 to 16384'],
]
for (const [what, side, hex, said] of wrong) {
  test(`${what} is a protocol violation before anything is kept for it`, (t) => {
    const error = t.throws(() => new Framer(side).push(Buffer.from(hex, 'hex')), { instanceOf: ProtocolViolation, message: said })
    t.is(error?.sqlState, '08P01')
    const framer = new Framer(side)                       // the same byte by byte
    t.throws(() => { for (const byte of Buffer.from(hex, 'hex')) framer.push(Uint8Array.of(byte)) }, { message: said })
    t.is(framer.heldBytes, 0)
  })
}

test('behind a violation the stream stays broken: a good message is refused too', (t) => {
  const framer = new Framer('frontend')
  t.throws(() => framer.push(Buffer.concat([encodeSync(), Buffer.of(0)])), { instanceOf: ProtocolViolation, message: 'unknown frontend message type 0x00' })
  t.throws(() => framer.push(encodeSync()), { instanceOf: ProtocolViolation, message: 'unknown frontend message type 0x00' })
})

test('rows and COPY data beyond the buffer come in pieces: the header first, then what there is, however it arrives', (t) => {
  for (const [side, long] of [['backend', encodeDataRow([new Uint8Array(300).fill(7)])], ['frontend', encodeCopyData(new Uint8Array(300).fill(7))], ['backend', encodeCopyData(new Uint8Array(300).fill(7))]] as const) {
    const next = side === 'backend' ? encodeReady('I') : encodeSync()
    const stream = Buffer.concat([next, long, next])
    for (let size = 1; size <= stream.length; size++) {
      const framer = new Framer(side, { maxBufferedBytes: 100 })
      const frames: Frame[] = []
      for (let at = 0; at < stream.length; at += size) {
        frames.push(...framer.push(stream.subarray(at, at + size)))
        t.true(framer.heldBytes < 10)
      }
      t.deepEqual(Buffer.concat(frames.map(({ bytes }) => bytes)), stream)
      const pieces = frames.filter(({ part }) => part !== 'whole')
      t.deepEqual([pieces[0]?.part, pieces[0]?.bytes.length, pieces.at(-1)?.part], ['first', 5, 'last'])
      t.true(pieces.slice(1, -1).every(({ part, tag }) => part === 'middle' && tag === long[0]))
      t.is(frames.filter(({ part }) => part === 'whole').length, 2)
      t.true(framer.isBetweenMessages)
    }
  }
})

test('a row of exactly the buffer is whole, one byte more is not', (t) => {
  const row = encodeDataRow([new Uint8Array(50)])
  t.deepEqual(new Framer('backend', { maxBufferedBytes: row.length }).push(row).map(({ part }) => part), ['whole'])
  t.deepEqual(new Framer('backend', { maxBufferedBytes: row.length - 1 }).push(row).map(({ part }) => part), ['first', 'last'])
})

test('nothing else is ever split: a Bind beyond the buffer is whole, up to its own cap', (t) => {
  const bind = encodeBind({ portal: '', statement: '', formats: [], values: [new Uint8Array(5000)], resultFormats: [] })
  t.deepEqual(new Framer('frontend', { maxBufferedBytes: 100 }).push(bind).map(({ part }) => part), ['whole'])
  t.throws(() => new Framer('frontend', { maxValuesBytes: 4000 }).push(bind), { instanceOf: ProtocolViolation, message: `Bind message (B) has length ${bind.length - 1}, not 12 to 4000` })
})

test('a stream that ends inside a message is seen to', (t) => {
  const framer = new Framer('frontend', { maxBufferedBytes: 10 })
  framer.push(message('d', new Uint8Array(100)).subarray(0, 50))
  t.false(framer.isBetweenMessages)
})
