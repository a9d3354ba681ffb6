// The order in which what was opened is closed again, and that a failure on the way leaves nothing open.
import test from 'ava'
import { Cleanup } from '../../evidence/cleanup.ts'

test('what was opened last is closed first, whichever way it is closed', async (t) => {
  const closed: string[] = []
  {
    await using cleanup = new Cleanup()
    t.is(cleanup.adopt('adopted', (name) => closed.push(name)), 'adopted')
    cleanup.defer(async () => { await Promise.resolve(); closed.push('deferred') })
    cleanup.use({ [Symbol.dispose]() { closed.push('disposable') } })
    cleanup.use({ async [Symbol.asyncDispose]() { await Promise.resolve(); closed.push('async disposable') } })
  }
  t.deepEqual(closed, ['async disposable', 'disposable', 'deferred', 'adopted'])
})

test('what was handed on is closed by its new owner, and once', async (t) => {
  let closed = 0
  const first = new Cleanup()
  first.defer(() => closed++)
  const second = first.move()
  await first.disposeAsync()
  t.is(closed, 0)
  await second.disposeAsync()
  await second.disposeAsync()
  t.is(closed, 1)
})

test('one thing that cannot be closed does not keep the others open, and is told', async (t) => {
  let closed = 0
  const cleanup = new Cleanup()
  cleanup.defer(() => closed++)
  cleanup.defer(() => { throw new Error('stuck') })
  cleanup.defer(() => closed++)
  await t.throwsAsync(cleanup.disposeAsync(), { message: 'stuck' })
  t.is(closed, 2)

  const worse = new Cleanup()
  for (const name of ['a', 'b']) worse.defer(() => { throw new Error(name) })
  const error = await t.throwsAsync(worse.disposeAsync(), { instanceOf: AggregateError, message: 'several things could not be closed' })
  t.deepEqual(error.errors.map(({ message }: Error) => message), ['b', 'a'])
})
