// What a client may have the gateway keep of descriptions: a named statement of 1,600 columns is a text of 3 KB, and its description some 200.
import test from 'ava'
import { encodeDescribe, encodeRowDescription, Framer } from '../../../../gateway/protocols/postgres/messages.ts'
import { Planner, type PlannerOptions } from '../../../../gateway/protocols/postgres/session/plan.ts'
import { Replies } from '../../../../gateway/protocols/postgres/session/replies.ts'
import { SessionState, type Prepared } from '../../../../gateway/protocols/postgres/session/state.ts'

const wide = encodeRowDescription(Array.from({ length: 1_600 }, () => ({ name: '?column?', table: 0, attribute: 0, type: 23, size: 4, modifier: -1, format: 0 })))
const never = (): never => { throw new Error('not expected') }

function session(statements: number) {
  const state = new SessionState()
  const replies = new Replies(state, { setting: never, broken: never, unasked: never, idle: never, farewell: never })
  const backend = new Framer('backend')
  /** The server says of each that is due what its columns are. */
  const settle = async (): Promise<void> => { while (state.due > 0) replies.read(backend.pushRuns(new Uint8Array(wide))) }
  const planner = new Planner({ state, settle } as unknown as PlannerOptions)
  for (let i = 0; i < statements; i++) state.prepared.set(`s${i}`, { name: `s${i}` } as Prepared)
  return { state, planner, settle }
}
const describes = (names: readonly string[]) => new Framer('frontend').push(Buffer.concat(names.map((name) => encodeDescribe('S', name))))
const namesOf = (count: number) => Array.from({ length: count }, (_, i) => `s${i}`)

test('so many descriptions of named statements may be due, and the next is asked for when they have come', async (t) => {
  const { state, planner } = session(1_000)
  const frames = describes(namesOf(1_000))
  const ends: number[] = []
  for (let at = 0; at < frames.length;) {
    const { steps, end } = await planner.plan(frames, at)
    for (const { due } of steps) if (due !== undefined) state.expect(due)
    ends.push(at = end)
  }
  t.deepEqual(ends, [256, 512, 768, 1_000])
  t.true([...state.prepared.values()].reduce((sum, { fields }) => sum + (fields?.length ?? 0), 0) <= 262_144 + 256 * 1_600)
})

test('what has no name goes with the next that has none, and waits for nothing', async (t) => {
  const { state, planner } = session(0)
  state.prepared.set('', { name: '' } as Prepared)
  t.is((await planner.plan(describes(Array.from({ length: 1_000 }, () => '')), 0)).end, 1_000)
})
