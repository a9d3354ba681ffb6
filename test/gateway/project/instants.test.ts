import test from 'ava'
import { Instants } from '../../../gateway/project/instants.ts'

test('an instant is written as toISOString writes it, in whatever order instants come', (t) => {
  const instants = new Instants()
  for (const ms of [0, 9, 10, 99, 100, 999, 1_000, 1_795_304_122_007, 1_795_304_122_040, 1_795_304_121_999, 1_795_304_122_000, 253_402_300_799_999, 253_402_300_800_000, -1, 951_782_400_000]) {
    t.is(instants.text(ms), new Date(ms).toISOString())
  }
})

test('what is no instant is refused as toISOString refuses it', (t) => {
  t.throws(() => new Instants().text(NaN), { instanceOf: RangeError })
})
