import test from 'ava'
import { maxHeldBytes, SessionState, undoOf, undoOfClose, standing, type Prepared } from '../../../../gateway/protocols/postgres/session/state.ts'

const prepared = (name: string, bytes: number, before?: Prepared): Prepared => ({
  name, text: '', textBytes: new Uint8Array(bytes), parameterTypes: [], fields: undefined, isDescribing: false, describedTypes: undefined, before, isUndone: false,
})

test('one session keeps no more texts and values than there is room for', (t) => {
  const state = new SessionState()
  const one = 1024 * 1024
  for (let i = 0; (i + 1) * one <= maxHeldBytes; i++) {
    t.true(state.hasRoomFor(one))
    state.prepared.set(String(i), prepared(String(i), one))
  }
  t.false(state.hasRoomFor(one))
  t.true(state.hasRoomFor(100), 'what every driver sends is not counted')
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
