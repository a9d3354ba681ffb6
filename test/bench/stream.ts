// Flat memory: a body of 200 MB through the opaque route, then a stream of events for 20 s or an hour, with the gateway's resident memory sampled all along.
// `node test/bench/stream.ts [megabytes] [seconds] [events a second]`; without a rate as fast as they are taken. Prints the samples; exits 1 when memory grew by more than `allowedGrowth`.
import fs from 'node:fs'
import http from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { machine, residentBytes, script, startPeer } from './processes.ts'
import { startSubject } from './subject.ts'

const megabytes = Number(process.argv[2] ?? 200)
const seconds = Number(process.argv[3] ?? 20)
const sampleMs = Math.max(500, seconds * 1000 / 60)
/** Against the sample a second after the start, when buffers and pools have been made. Young garbage comes and goes below it. */
const allowedGrowth = 64 * 1024 * 1024

await using stack = new AsyncDisposableStack()
const upstream = startPeer(process.execPath, [script('upstream.ts'), '0', process.argv[4] ?? '0'])
stack.defer(() => upstream.stop())
const subject = await startSubject(`http://127.0.0.1:${(JSON.parse(await upstream.line()) as { port: number }).port}`)
stack.defer(async () => {
  await subject.stop()
  fs.rmSync(subject.home, { recursive: true, force: true })
})
const authorization = `Bearer ${subject.token}`

process.stdout.write(`${machine()}\n`)
await sampled(`upload of ${megabytes} MB`, upload)
await sampled(`events for ${seconds} s`, listen)

async function sampled(name: string, work: () => Promise<string>): Promise<void> {
  const samples: number[] = []
  const timer = setInterval(() => samples.push(residentBytes(subject.pid)), sampleMs)
  const started = performance.now()
  const said = await work().finally(() => clearInterval(timer))
  samples.push(residentBytes(subject.pid))
  const first = samples[Math.min(1, samples.length - 1)] ?? 0
  const growth = Math.max(...samples) - first
  process.stdout.write(`${name}: ${said} in ${((performance.now() - started) / 1000).toFixed(1)} s; RSS MB ${samples.map((bytes) => (bytes / 1048576).toFixed(0)).join(' ')}; grew by ${(growth / 1048576).toFixed(0)}\n`)
  if (growth > allowedGrowth) process.exitCode = 1
}

async function upload(): Promise<string> {
  const block = Buffer.alloc(64 * 1024, 'x')
  const blocks = megabytes * 16
  const request = http.request(`${subject.origin}/ledger/upload`, { method: 'POST', headers: { authorization, 'content-type': 'application/octet-stream', 'content-length': blocks * block.length } })
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => request.on('response', resolve).on('error', reject))
  await pipeline(Readable.from(function* () { for (let sent = 0; sent < blocks; sent++) yield block }()), request)
  const response = await answered
  response.resume()
  if (response.statusCode !== 200) throw new Error(`the upload was answered with ${response.statusCode}`)
  return `${(blocks * block.length / 1048576).toFixed(0)} MB`
}

async function listen(): Promise<string> {
  const request = http.get(`${subject.origin}/ledger/stream`, { headers: { authorization, accept: 'text/event-stream' } })
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => request.on('response', resolve).on('error', reject))
  if (response.statusCode !== 200) throw new Error(`the stream was answered with ${response.statusCode}`)
  let bytes = 0
  response.on('data', (chunk: Buffer) => { bytes += chunk.length })
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  response.destroy()
  return `${(bytes / 1048576).toFixed(1)} MB`
}
