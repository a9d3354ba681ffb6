// What is kept of texts is bounded by entries and by memory, whatever is sent.
import test from 'ava'
import { RecentTexts } from '../../../../../gateway/protocols/postgres/sql/recent.ts'

test('a text is kept when it comes a second time, or at once where it will', (t) => {
  const recent = new RecentTexts<number>()
  recent.add('p', 'a', 1, false)
  t.is(recent.get('p', 'a'), undefined)
  recent.add('p', 'a', 2, false)
  t.is(recent.get('p', 'a'), 2)
  recent.add('p', 'b', 3, true)
  t.is(recent.get('p', 'b'), 3)
  t.is(recent.get('q', 'b'), undefined)
  recent.add('p', 'b', 4, false)
  t.is(recent.get('p', 'b'), 4)
})

test('of ten thousand texts the last four thousand stay, and one that is asked for again stays with them', (t) => {
  const recent = new RecentTexts<number>()
  for (let i = 0; i < 10_000; i++) {
    recent.add('', `text ${i}`, i, true)
    t.is(recent.get('', 'text 0'), 0)
  }
  t.is(recent.get('', 'text 9999'), 9_999)
  t.is(recent.get('', 'text 5904'), undefined)
  t.is(recent.get('', 'text 5906'), 5_906)
})

test('what hangs on a text counts, and an entry that is replaced counts once', (t) => {
  const recent = new RecentTexts<number>()
  recent.add('', 'small', 0, true)
  for (let i = 0; i < 100; i++) recent.add('', 'heavy', i, true, 500_000)
  t.is(recent.get('', 'small'), 0)
  for (let i = 0; i < 8; i++) recent.add('', `heavy ${i}`, i, true, 500_000)
  t.is(recent.get('', 'heavy'), undefined)
  t.is(recent.get('', 'heavy 7'), 7)
})

test('a text that would take the room of many is not kept, and nothing makes room for it', (t) => {
  const recent = new RecentTexts<number>()
  recent.add('', 'small', 0, true)
  recent.add('', 'x'.repeat(65_537), 1, true)
  recent.add('', 'heavy', 2, true, 524_288)
  t.is(recent.get('', 'x'.repeat(65_537)), undefined)
  t.is(recent.get('', 'heavy'), undefined)
  t.is(recent.get('', 'small'), 0)
})
