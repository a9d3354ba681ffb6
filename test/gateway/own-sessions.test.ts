// A protocol with connections of its own, from its listener to its frames: one connection is one session. The protocol is a line protocol of the test's;
// listener, targets, door, gate and record are the real ones.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import test, { type ExecutionContext } from 'ava'
import type { Operation, Permit, Principal, SessionEnd } from '../../gateway/call.ts'
import type { Governed, TargetConfig } from '../../gateway/config.ts'
import { listenBytes } from '../../gateway/connection/index.ts'
import { streamed } from '../../gateway/mask/part.ts'
import type { Stages } from '../../gateway/pipeline.ts'
import type { Protocol, StreamAccess, Upstream } from '../../gateway/protocol.ts'
import { createRecord } from '../../gateway/record/index.ts'
import { isRefusal, refusal } from '../../gateway/refusal.ts'
import { Targets, protocolEntry } from '../../gateway/targets.ts'
import { openStream } from '../../gateway/upstream/index.ts'
import { directoriesIn, faultyDisk, openTestRecorder, readJournal, systemError, temporaryFolder, type Faults } from '../evidence/journal-kit.ts'

const expiresAt = 60_000
const target: TargetConfig = {
  name: 'appdb', protocol: 'postgres', prefix: '/appdb', env: 'test', labels: [], durability: 'strict', catalogue: {},
  upstream: { url: 'postgres://127.0.0.1:1/app', timeoutMs: 500, insecureAllowPlaintext: false }, limits: { maxBodyBytes: 1024, maxResultBytes: 1024, maxDepth: 8 },
}

/** The first line is who; each further one is a call, answered `did`; `quit` ends. Told to end, it says why and does. */
const lines: Protocol<Operation, Upstream<Operation>, StreamAccess> = {
  name: 'postgres', sessions: 'connection',
  dial: ({ host, port, database }) => ({ forward: (permit: Permit) => `${host}:${port}/${database} ${permit.spend().action.name}` }),
  async run(client, door) {
    if (client.framing !== 'bytes') return 'refused'
    const { socket, peer: from } = client
    const reader = createInterface({ input: socket })
    socket.once('close', () => { reader.close() })              // cut by the listener, it has no end
    const said = reader[Symbol.asyncIterator]()
    const gate = await door.enter({ kind: 'bearer', token: (await said.next()).value as string | undefined ?? '', from })
    if (isRefusal(gate)) { socket.end(`${gate.code}\n`); return 'refused' }
    gate.signal.addEventListener('abort', () => { socket.end(`${gate.signal.reason as SessionEnd}\n`) })
    socket.write(`session ${gate.session}\n`)
    for (let line = await said.next(); line.done !== true && line.value !== 'quit'; line = await said.next()) {
      const operation = { action: { name: line.value, properties: { effects: ['read'] } }, isOpaque: false } as unknown as Operation
      const [permit] = await gate.request([operation], 'client', { signal: gate.signal, held: () => 'wait' })
      if (permit === undefined || isRefusal(permit)) { socket.write(`${permit?.code}\n`); continue }
      const upstream = await gate.open()
      const answer = String(upstream.forward(permit, () => undefined))
      await gate.deliver([[permit, streamed(Buffer.from(answer), 'text', { title: 'ok', status: 'delivered', isFinal: true, rows: 1 }, new Map())]])
      socket.write(`${answer}\n`)
    }
    gate.close()
    gate.close()
    socket.end()
    return 'ended'
  },
}

async function openRig(t: ExecutionContext, faults: Faults = { skewUs: 0 }) {
  const folder = temporaryFolder(t)
  let now = 1_000
  const recorder = await openTestRecorder(folder, { now: () => now, disk: faultyDisk(faults) })
  const record = createRecord(recorder, () => now)
  const stages = {
    closed: () => undefined, identify: ({ token }: { token: string }): unknown => token === '' ? refusal('identity.token_invalid') : { type: 'user', id: `https://idp|${token}`, clientId: 'psql', groups: [], acr: '', amr: [], claims: {}, expiresAt } satisfies Principal,
    enter: () => { throw new Error('no session is shared here') }, open: (...who: Parameters<typeof record.open>) => record.open(...who), leave: (session: Parameters<typeof record.leave>[0]) => record.leave(session),
    project: (call: object) => ({ ...call, inputText: '{}', decisionId: new Uint8Array(16) }), limit: () => undefined,
    decide: (call: object) => ({ ...call, decision: { effect: 'allow', reasons: [], mask: [], limits: {}, record: { level: 'body' } }, canonicalDecision: new Uint8Array(2), bundle: new Uint8Array(32), durability: 'strict' }),
    record,
  } as unknown as Stages
  const targets = new Targets([protocolEntry(lines, openStream)], stages, new Map(), new Uint8Array(32))
  const follow = (...all: TargetConfig[]) => {
    const changed = targets.follow({ targets: all } as unknown as Governed)
    record.sessions.drain('reconfigured', ({ target: name }) => changed.has(name))
  }
  follow(target, { ...target, name: 'other' })
  const runs: Promise<unknown>[] = []
  const listener = await listenBytes({ config: { host: '127.0.0.1', port: 0, target: 'appdb' }, refused: () => undefined, accept: (client) => { runs.push(targets.get(client.target)!.serve(client)) } })
  let isStopped = false
  const stop = async () => {
    if (isStopped) return
    isStopped = true
    record.sessions.drain('stopping')
    await listener.close(5_000)
    await Promise.all(runs)
    await record.close()
    await recorder.stop()
  }
  t.teardown(stop)
  return {
    record, recorder, listener, follow, stop, runs, at: (time: number) => { now = time },
    async dial(who: string): Promise<Caller> {
      const socket = connect({ host: '127.0.0.1', port: listener.address.port })
      socket.on('error', () => undefined)
      await once(socket, 'connect')
      const heard = createInterface({ input: socket })[Symbol.asyncIterator]()
      const caller: Caller = { socket, hear: async () => (await heard.next()).value as string | undefined, ask: (line) => { socket.write(`${line}\n`); return caller.hear() } }
      socket.write(`${who}\n`)
      return caller
    },
    /** Kinds of each session's frames, with the reason of its close; the node's own left out. */
    frames(): Record<string, string> {
      const found: Record<string, string> = {}
      for (const leaf of readJournal(directoriesIn(folder).journal).leaves) {
        const session = Buffer.from(leaf.get(2) as Uint8Array).toString('hex')
        const kind = leaf.get(5) as number
        if (session === recorder.node.hex) continue
        found[session] = `${found[session] ?? ''}${found[session] === undefined ? '' : ' '}${kind}${kind === 13 ? `:${(leaf.get(13) as Map<number, number>).get(3)}` : ''}`
      }
      return found
    },
  }
}
interface Caller { readonly socket: Socket; hear(): Promise<string | undefined>; ask(line: string): Promise<string | undefined> }

test('two connections of one person are two sessions on record, each with its own opening and end', async (t) => {
  const rig = await openRig(t)
  const [first, second] = [await rig.dial('mara'), await rig.dial('mara')]
  const ids = [await first.hear(), await second.hear()].map((line) => line!.slice('session '.length))
  t.not(ids[0], ids[1])
  t.is(await first.ask('select'), '127.0.0.1:1/app select')
  t.is(await second.ask('insert'), '127.0.0.1:1/app insert')
  t.is(await second.ask('delete'), '127.0.0.1:1/app delete')
  await first.ask('quit')
  await rig.runs[0]
  t.is(rig.record.sessions.size, 1)
  second.socket.destroy()                                      // a client that is simply gone
  await rig.runs[1]
  await rig.stop()
  t.deepEqual(rig.frames(), { [ids[0]!]: '1 2 5 13:0', [ids[1]!]: '1 2 5 2 5 13:0' })
})

test('a connection that never makes a call is on record before it is let in', async (t) => {
  const rig = await openRig(t)
  const caller = await rig.dial('mara')
  const id = (await caller.hear())!.slice('session '.length)
  t.deepEqual(rig.frames(), { [id]: '1' })
})

test('a connection whose opening cannot be recorded is not let in', async (t) => {
  const faults: Faults = { skewUs: 0 }
  const rig = await openRig(t, faults)
  faults.write = () => { throw systemError('ENOSPC') }
  const caller = await rig.dial('mara')
  t.is(await caller.hear(), 'record.unavailable')
  t.is(rig.record.sessions.size, 0)
  delete faults.write
  t.deepEqual(rig.frames(), {})
})

test('a stranger is counted as one until somebody knows who it is', async (t) => {
  const rig = await openRig(t)
  const known = await rig.dial('mara')
  await known.hear()
  const refused = await rig.dial('')
  t.is(await refused.hear(), 'identity.token_invalid')
  const silent = connect({ host: '127.0.0.1', port: rig.listener.address.port })
  silent.on('error', () => undefined)
  while (rig.runs.length < 3) await new Promise(setImmediate)
  const closing = rig.stop()
  silent.resume()
  await once(silent, 'close')
  t.is(await known.hear(), 'stopping')
  await closing
})

test('an idle connection ends when its token expires, and a call that comes first is refused', async (t) => {
  const rig = await openRig(t)
  const caller = await rig.dial('mara')
  const id = (await caller.hear())!.slice('session '.length)
  rig.at(expiresAt)
  t.is(await caller.ask('select'), 'identity.token_expired')
  await rig.record.tick()
  t.is(await caller.hear(), 'expired')
  await rig.runs[0]
  await rig.stop()
  t.deepEqual(rig.frames(), { [id]: '1 6 13:2' })
})

test('an off-boarded person\'s connections end, and nobody else\'s', async (t) => {
  const rig = await openRig(t)
  const [mara, noor] = [await rig.dial('mara'), await rig.dial('noor')]
  const ids = [await mara.hear(), await noor.hear()].map((line) => line!.slice('session '.length))
  rig.record.sessions.revoke(({ principal }) => principal.id === 'https://idp|mara')
  t.is(await mara.hear(), 'revoked')
  t.is(await noor.ask('select'), '127.0.0.1:1/app select')
  await rig.runs[0]
  await rig.stop()
  t.deepEqual(rig.frames(), { [ids[0]!]: '1 13:5', [ids[1]!]: '1 2 5 13:3' })
})

test('a connection does not outlive its target\'s config: it ends when that changes or goes, and stays when only others do', async (t) => {
  const rig = await openRig(t)
  const caller = await rig.dial('mara')
  await caller.hear()
  rig.follow({ ...target })
  t.is(await caller.ask('select'), '127.0.0.1:1/app select')
  rig.follow({ ...target, catalogue: { 'public.customers': { effects: [], labels: [], request: {}, result: { ssn: 'US_SSN' }, isOpaque: false } } })
  t.is(await caller.hear(), 'reconfigured')
  const next = await rig.dial('mara')
  await next.hear()
  rig.follow()
  t.is(await next.hear(), 'reconfigured')
  await Promise.all(rig.runs)
  await rig.stop()
  t.deepEqual(Object.values(rig.frames()), ['1 2 5 13:3', '1 13:3'])
})
