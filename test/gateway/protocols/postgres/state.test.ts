import test from 'ava'
import { maxHeldBytes, SessionState, sizeOf, sizeOfText, undoOf, undoOfClose, standing, type Prepared } from '../../../../gateway/protocols/postgres/session/state.ts'

const prepared = (name: string, bytes: number, before?: Prepared): Prepared => ({
  name, text: '', textBytes: new Uint8Array(bytes), parameterTypes: [], fields: undefined, isDescribing: false, describedTypes: undefined, before, isUndone: false,
})

test('one session keeps no more texts and values than there is room for', (t) => {
  const state = new SessionState()
  const one = 1024 * 1024
  for (let i = 0; (i + 1) * (one + 3) <= maxHeldBytes; i++) {
    t.true(state.hasRoomFor(one))
    state.prepared.set(String(i), prepared(String(i), one))
  }
  t.false(state.hasRoomFor(one))
  t.true(state.hasRoomFor(100), 'what every driver sends is not counted')
})

test('lists of types, values and formats count for what a session keeps, however short the text', (t) => {
  t.is(sizeOfText({ ...prepared('name', 10), parameterTypes: new Array<number>(65_535).fill(0) }), 4 + 10 + 8 * 65_535)
  t.is(sizeOf({ kind: 'bind', portal: '', statement: '', formats: [0], resultFormats: [0, 1], values: [null, new Uint8Array(100), null] }), 100 + 8 * 6)
  const state = new SessionState()
  let count = 0
  for (; count < 10_000; count++) {
    const one = { ...prepared(String(count), 10), parameterTypes: new Array<number>(65_535).fill(0) }
    if (!state.hasRoomFor(sizeOfText(one))) break
    state.prepared.set(one.name, one)
  }
  t.is(count, Math.floor(maxHeldBytes / (8 * 65_535 + 13)))
})

test('names that a client gives without a pause are kept up to a maximum, and forgotten when the server has answered', (t) => {
  const { touched } = new SessionState()
  const name = 'n'.repeat(9_000)
  let count = 0
  while (!touched.isFull) touched.add({ kind: 'close', of: 'S', name: `${name}${count++}` }, 1)
  t.is(count, 116)
  touched.add({ kind: 'close', of: 'S', name }, 1)
  touched.clear()
  t.false(touched.isFull)
  for (let i = 0; i < 1_000; i++) touched.add({ kind: 'bind', portal: 'the same', statement: '', formats: [], resultFormats: [], values: [] }, i)
  t.false(touched.isFull)
})

test('a Close that the server skipped does not bring back a statement that it skipped, too', (t) => {
  const names = new Map<string, Prepared>()
  const first = prepared('p', 1)
  const second = prepared('p', 1, first)
  names.set('p', second)
  undoOf(names, second)()
  t.is(names.get('p'), first)
  t.is(standing(second), first)
})

test('a statement whose Close the server skipped stands again, in whichever order what came behind it is undone', (t) => {
  for (const order of [['close', 'parse'], ['parse', 'close']]) {
    const names = new Map<string, Prepared>()
    const first = prepared('p', 1)
    const close = undoOfClose(names, first)
    const second = prepared('p', 1)
    names.set('p', second)
    const undo = { close, parse: undoOf(names, second) }
    for (const which of order) undo[which as keyof typeof undo]()
    t.is(names.get('p'), first, order.join())
  }
})

test('a Close that was skipped takes nothing from a statement that the server has taken since', (t) => {
  const names = new Map<string, Prepared>()
  const close = undoOfClose(names, prepared('', 1))
  const second = prepared('', 1)
  names.set('', second)
  close()
  t.is(names.get(''), second)
  undoOfClose(names, undefined)()
  undoOfClose(names, second)()
  t.is(names.get(''), second)
})
