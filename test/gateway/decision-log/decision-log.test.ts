// The decision log: OPA's event, in order, to a file or a service that may be slow, failing or full. Nothing is lost without being counted.
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { createDecisionLog, createFileSink, createHttpSink, type Logged, type Sink } from '../../../gateway/decision-log/index.ts'

const labels = { id: 'node-1', app: 'countersign' }
const logged = (n: number, note = ''): Logged => {
  const inputText = `{"v":1,"context":{"time":"2026-11-21T00:00:00.000Z"},"n":${n},"note":${JSON.stringify(note)}}`
  return {
    call: { inputText, input: JSON.parse(inputText), canonicalDecision: Buffer.from('{"effect":"deny","reasons":[]}'), decisionId: Buffer.alloc(16, n), bundle: Buffer.alloc(32, 7) } as unknown as Logged['call'],
    frame: `${'ab'.repeat(16)}/${n}`, outcome: 'policy.denied', peer: { ip: '::1', port: 4711 }, revision: 'c0ffee', serial: 3,
  }
}
interface Event { readonly req_id: number; readonly input: { readonly n: number }; readonly custom: { readonly countersign: { readonly frame: string; readonly lost?: number } } }
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-decision-log-'))
test.after.always(() => { fs.rmSync(root, { recursive: true, force: true }) })
const folder = () => fs.mkdtempSync(path.join(root, 'one-'))
const eventsOf = (file: string): Event[] => fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line) as Event)

/** Delivers when it is told to. */
function gate(): Sink & { readonly taken: string[]; open(): void; answers: (number | undefined | 'too_large')[] } {
  let release = Promise.withResolvers<void>()
  const taken: string[] = []
  return {
    maxBatchChars: 1, lingerMs: 0, taken, answers: [],
    open() { release.resolve() },
    async deliver(lines) {
      await release.promise
      const answer = this.answers.shift()
      if (answer === undefined) taken.push(...lines)
      return answer
    },
    close: async () => { release = Promise.withResolvers<void>() },
  }
}

test('an event has the shape that collectors of OPA\'s log read, with the recorded texts as they are', async (t) => {
  const file = path.join(folder(), 'log', 'decisions.jsonl')
  const log = createDecisionLog({ sink: createFileSink({ path: file, maxBytes: 1 << 20, keep: 1, onFault: (error) => t.fail(String(error)) }), labels, maxWaitMs: 0 })
  log.add(logged(1, 'é"\\'))
  await log.close(5_000)
  t.deepEqual(eventsOf(file)[0] as unknown, {
    labels, decision_id: '01'.repeat(16), bundles: { countersign: { revision: 'c0ffee' } }, path: 'countersign/request/decision', requested_by: '[::1]:4711',
    timestamp: '2026-11-21T00:00:00.000Z', req_id: 1, custom: { countersign: { frame: `${'ab'.repeat(16)}/1`, outcome: 'policy.denied', bundle: '07'.repeat(32), serial: 3 } },
    input: JSON.parse(logged(1, 'é"\\').call.inputText), result: { effect: 'deny', reasons: [] },
  })
  t.is(fs.statSync(file).mode & 0o777, 0o600)
})

test('a full queue holds a call back, and lets it go once there is room', async (t) => {
  const sink = gate()
  const log = createDecisionLog({ sink, labels, maxWaitMs: 60_000, maxChars: 1_000 })
  t.is(log.room(), undefined)
  for (const n of [1, 2, 3]) log.add(logged(n))
  const room = log.room()
  t.true(room instanceof Promise)
  sink.open()
  await room
  t.is(log.room(), undefined)
  await log.close(5_000)
  t.is(sink.taken.length, log.status().delivered)
})

test('what a full queue cannot take is lost by number, and the next event says how many', async (t) => {
  const sink = gate()
  const log = createDecisionLog({ sink, labels, maxWaitMs: 1, maxChars: 1_000 })
  for (let n = 1; n <= 6; n++) {
    await log.room()
    log.add(logged(n))
  }
  const { lost } = log.status()
  t.true(lost >= 1 && lost <= 5)
  sink.open()
  while (log.status().queued > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  log.add(logged(9))
  await log.close(5_000)
  const events = sink.taken.map((line) => JSON.parse(line) as Event)
  t.is(events.at(-1)?.custom.countersign.lost, lost)
  t.is(events.at(-1)?.req_id, 7)
})

test('a batch that could not be delivered comes again, whole and in order', async (t) => {
  const sink = gate()
  sink.answers = [1, 1]
  sink.open()
  const log = createDecisionLog({ sink, labels, maxWaitMs: 0 })
  for (const n of [1, 2, 3]) log.add(logged(n))
  while (log.status().queued > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  t.deepEqual(sink.taken.map((line) => (JSON.parse(line) as Event).input.n), [1, 2, 3])
  t.false(log.status().isFailing)
  await log.close(5_000)
})

test('a file at its maximum is put aside, and only as many are kept as config says', async (t) => {
  const file = path.join(folder(), 'decisions.jsonl')
  const sink = createFileSink({ path: file, maxBytes: 100, keep: 2, onFault: (error) => t.fail(String(error)) })
  for (let n = 0; n < 5; n++) t.is(await sink.deliver([`{"n":${n},"pad":"${'x'.repeat(60)}"}`]), undefined)
  await sink.close()
  const n = (name: string) => (JSON.parse(fs.readFileSync(name, 'utf8')) as { n: number }).n
  t.deepEqual([n(file), n(`${file}.1`), n(`${file}.2`), fs.existsSync(`${file}.3`)], [4, 3, 2, false])
})

test('a place that cannot be written is told, and tried again', async (t) => {
  const dir = folder()
  fs.writeFileSync(path.join(dir, 'taken'), '')
  const faults: unknown[] = []
  const sink = createFileSink({ path: path.join(dir, 'taken', 'decisions.jsonl'), maxBytes: 100, keep: 1, onFault: (error) => faults.push(error) })
  t.is(await sink.deliver(['{}']), 1_000)
  t.is(faults.length, 1)
  fs.rmSync(path.join(dir, 'taken'))
  t.is(await sink.deliver(['{}']), undefined)
  await sink.close()
})

test('a service gets gzipped arrays with our token, and is waited for as long as it asks', async (t) => {
  const answers: [number, Record<string, string>][] = [[503, { 'retry-after': '7' }], [500, {}], [204, {}]]
  const seen: { url: string | undefined; token: string | undefined; events: unknown }[] = []
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      seen.push({ url: request.url, token: request.headers.authorization, events: JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()) })
      const [status, headers] = answers.shift() ?? [204, {}]
      response.writeHead(status, headers).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const faults: string[] = []
  const sink = createHttpSink({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/opa`, token: () => 't0ken', onFault: (error) => faults.push((error as Error).message) })
  t.is(await sink.deliver(['{"n":1}', '{"n":2}']), 7_000)
  t.is(await sink.deliver(['{"n":1}', '{"n":2}']), 1_000)
  t.is(await sink.deliver(['{"n":1}', '{"n":2}']), undefined)
  t.deepEqual(seen.at(-1), { url: '/opa/logs', token: 'Bearer t0ken', events: [{ n: 1 }, { n: 2 }] })
  t.deepEqual(faults, ['the decision log service answered 503', 'the decision log service answered 500'])
  await sink.close()
  server.close()
  t.is(typeof await sink.deliver(['{}']), 'number', 'nobody is there')
})

test('a line that a crash cut off does not take the next event with it', async (t) => {
  const file = path.join(folder(), 'decisions.jsonl')
  fs.writeFileSync(file, '{"n":1}\n{"n":2,"cut')
  const sink = createFileSink({ path: file, maxBytes: 1 << 20, keep: 1, onFault: (error) => t.fail(String(error)) })
  t.is(await sink.deliver(['{"n":3}']), undefined)
  await sink.close()
  t.deepEqual(fs.readFileSync(file, 'utf8').split('\n'), ['{"n":1}', '{"n":2,"cut', '{"n":3}', ''])
})

test('an event that a service will never take is lost by number, and none behind it waits', async (t) => {
  const taken: number[] = []
  const sink: Sink = {
    maxBatchChars: 1 << 20, lingerMs: 5, close: () => Promise.resolve(),
    deliver(lines) {
      const numbers = lines.map((line) => (JSON.parse(line) as Event).input.n)
      if (numbers.includes(3)) return Promise.resolve('too_large')
      taken.push(...numbers)
      return Promise.resolve(undefined)
    },
  }
  const log = createDecisionLog({ sink, labels, maxWaitMs: 0 })
  for (const n of [1, 2, 3, 4, 5, 6]) log.add(logged(n))
  await log.close(5_000)
  t.deepEqual(taken, [1, 2, 4, 5, 6])
  t.like(log.status(), { delivered: 5, lost: 1, queued: 0, isFailing: false })
})

test('a service that answers 413 is told apart from one that is only not there', async (t) => {
  const server = http.createServer((request, response) => { request.resume().on('end', () => response.writeHead(413).end()) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const faults: string[] = []
  const sink = createHttpSink({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, onFault: (error) => faults.push((error as Error).message) })
  t.is(await sink.deliver(['{}', '{}']), 'too_large')
  t.deepEqual(faults, ['the decision log service does not take 2 events at once'])
  await sink.close()
  server.close()
})

test('an event added the moment the last batch was delivered is delivered too', async (t) => {
  const taken: string[] = []
  const rest: (() => void)[] = []
  const sink: Sink = {
    maxBatchChars: 1, lingerMs: 0, close: () => Promise.resolve(),
    deliver(lines) {
      taken.push(...lines)
      // Some turns of the microtask queue later, each of which may be the one between the last look and the end.
      const next = rest.shift()
      if (next !== undefined) next()
      return Promise.resolve(undefined)
    },
  }
  const log = createDecisionLog({ sink, labels, maxWaitMs: 0 })
  for (let turns = 0; turns < 8; turns++) {
    rest.push(() => {
      let left = turns
      const later = (): void => { if (left-- > 0) queueMicrotask(later); else log.add(logged(100 + turns)) }
      queueMicrotask(later)
    })
    log.add(logged(turns))
    await new Promise((resolve) => setTimeout(resolve, 20))
    t.is(log.status().queued, 0, `${turns} turns later`)
  }
  await log.close(5_000)
  t.is(taken.length, 16)
})

/** Answers a head that never ends, or a body that never does, a byte every few ms; whatever it gets is written down. */
async function dripping(head: string, drip: string) {
  const requests: string[] = []
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes) => {
      requests.push(bytes.toString('latin1').split('\r\n')[0] ?? '')
      socket.write(head)
      const timer = setInterval(() => { socket.write(drip) }, 10)
      socket.once('close', () => { clearInterval(timer) })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests, close: () => server.close() }
}

test('a service whose answer drips in for ever holds no delivery for ever: the batch comes again, and a full queue still lets calls go', async (t) => {
  const service = await dripping('HTTP/1.1 200 OK\r\n', 'x: y\r\n')
  const faults: unknown[] = []
  const sink = createHttpSink({ url: service.url, onFault: (error) => faults.push(error), deadlineMs: 100 })
  t.is(await sink.deliver(['{"n":1}']), 500)
  t.is(await sink.deliver(['{"n":1}']), 1_000, 'as any other failure: later each time')
  t.deepEqual(faults.map((error) => (error as Error).name), ['TimeoutError', 'TimeoutError'])
  const log = createDecisionLog({ sink, labels, maxWaitMs: 50, maxChars: 10 })
  log.add(logged(1))
  await log.room()
  log.add(logged(2))
  t.like(log.status(), { queued: 1, delivered: 0, lost: 1 })
  await log.close(50)
  service.close()
})

test('a service that took a batch and then drips the rest of its answer is not sent it again', async (t) => {
  const service = await dripping('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', '1\r\nx\r\n')
  const faults: unknown[] = []
  const sink = createHttpSink({ url: service.url, onFault: (error) => faults.push(error), deadlineMs: 100 })
  t.is(await sink.deliver(['{"n":1}']), undefined)
  t.deepEqual(faults, [])
  t.deepEqual(service.requests, ['POST /logs HTTP/1.1'])
  await sink.close()
  service.close()
})
