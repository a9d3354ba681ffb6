// `npm run fuzz [-- --seconds S --packets N --seed N TEXT]`, TEXT a part of the readers' names (`--only TEXT` too): mutated bytes into every reader a stranger can reach.
// Prints the input that broke one. `--packets N`: only readers of packets, each until it has read its share of N, however long that takes.
// TEXT `rego`: Rego's built-in functions in three engines instead; `pipelines`: PostgreSQL's messages, beside the server; `worlds`: statements of a masked caller, in two databases that differ in what is masked.
import { parseArgs } from 'node:util'
import { fuzzPipelines } from './pipelines.ts'
import { fuzzRego } from './rego.ts'
import { targets } from './targets.ts'
import { fuzzWorlds } from './worlds/worlds.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { seconds: { type: 'string', default: '60' }, packets: { type: 'string' }, seed: { type: 'string', default: String(Date.now() % 1_000_000) }, only: { type: 'string', default: '' } } })
const wanted = values.packets === undefined ? undefined : Number(values.packets)
const chosen = targets.filter(({ name, counts }) => name.includes(positionals[0] ?? values.only) && (wanted === undefined || counts === 'packets'))
const maxInputBytes = 4_096
/** CPU time that one input may take; more is a blow-up. Not the clock: the machine may be busy elsewhere. */
const limitMs = 1_000
let state = Number(values.seed) | 0
let failed = 0
let allPackets = 0

/** mulberry32: a run is repeated by its seed. */
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296 * below)
}

const interesting = Buffer.from('"\\{}[]:,\0\n\r\u00a0-+eE.0123456789%/?#—=')

function mutate(seed: Uint8Array, other: Uint8Array): Uint8Array {
  let bytes = Buffer.from(seed)
  for (let step = 0, steps = 1 + random(6); step < steps; step++) {
    const at = random(bytes.length + 1)
    switch (random(6)) {
      case 0: if (bytes.length > 0) bytes[Math.min(at, bytes.length - 1)]! ^= 1 << random(8); break
      case 1: bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(random(256)), bytes.subarray(at)]); break
      case 2: bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + random(8)))]); break
      case 3: bytes = Buffer.concat([bytes.subarray(0, at), Buffer.of(interesting[random(interesting.length)] ?? 0), bytes.subarray(at)]); break
      case 4: { const from = random(bytes.length); bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, from + random(64)), bytes.subarray(at)]); break }
      default: { const from = random(other.length); bytes = Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + random(64))]) }
    }
  }
  return new Uint8Array(bytes.subarray(0, maxInputBytes))
}

if (positionals[0] === 'pipelines') process.exit(await fuzzPipelines(Number(values.seconds), random))
if (positionals[0] === 'worlds') process.exit(await fuzzWorlds(Number(values.seconds), random))
if (positionals[0] === 'rego') process.exit(await fuzzRego(Number(values.seconds), random))
for (const target of chosen) {
  const corpus = [...target.seeds]
  const end = performance.now() + Number(values.seconds) * 1000 / chosen.length
  let runs = 0
  let packets = 0
  while (wanted === undefined ? performance.now() < end : packets < wanted / chosen.length) {
    const input = mutate(corpus[random(corpus.length)] ?? new Uint8Array(), corpus[random(corpus.length)] ?? new Uint8Array())
    const before = process.cpuUsage()
    try {
      packets += target.run(input) ?? 0
      const { user, system } = process.cpuUsage(before)
      if (user + system > limitMs * 1000) throw new Error(`took ${Math.round((user + system) / 1000)} ms of CPU`)
    } catch (error) {
      failed++
      process.stdout.write(`FAILED ${target.name}\n  ${error instanceof Error ? error.stack?.split('\n').slice(0, 4).join('\n  ') : String(error)}\n  input (hex): ${Buffer.from(input).toString('hex')}\n`)
      break
    }
    if (runs++ % 50 === 0 && corpus.length < 256) corpus.push(input)
  }
  process.stdout.write(`${runs} inputs${target.counts === undefined ? '' : `, ${packets} packets`}  ${target.name}\n`)
  allPackets += packets
}
process.stdout.write(`seed ${values.seed}; ${allPackets === 0 ? '' : `${allPackets} packets; `}${chosen.length - failed} readers held, ${failed} broke\n`)
process.exitCode = failed === 0 ? 0 : 1
