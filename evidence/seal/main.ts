// The sealer's process (protocol.ts): `node main.ts <config.json>`, places on stdin, JSON lines on stdout. Its end is the end of stdin.
import { readFileSync } from 'node:fs'
import { EvidenceError } from '../errors.ts'
import { durableDisk } from '../repository/durable-fs.ts'
import type { Place } from './journal.ts'
import type { SealerConfig, SealerMessage } from './protocol.ts'
import { LogSealer } from './sealer.ts'

/** `durable `, two numbers, a newline. */
const maxLineBytes = 64

// A terminal's Ctrl-C and a supervisor's SIGTERM reach the whole group. The gateway drains; the sealer has to outlive it.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})
// With the gateway dead nobody reads; sealing goes on to the last durable cut.
process.stdout.on('error', () => {})

try {
  await run(parseConfig(process.argv[2]))
  process.exit(0)
} catch (cause) {
  process.stderr.write(`${cause instanceof Error && 'code' in cause ? `${String(cause.code)}: ` : ''}${cause instanceof Error ? cause.message : 'fault'}\n`)
  process.exit(1)
}

async function run(config: SealerConfig): Promise<void> {
  let sealer: LogSealer | undefined
  for await (const durable of places()) {
    if (sealer === undefined) sealer = await LogSealer.start(config, durable, durableDisk, say)
    else await sealer.sealTo(durable)
  }
  sealer?.close()
}

/** The newest place of each read. @throws EvidenceError ERR_EVIDENCE_SEALER on anything but `durable` lines */
async function* places(): AsyncGenerator<Place> {
  let rest = ''
  for await (const chunk of process.stdin) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > maxLineBytes) throw malformed()
    const newest = lines.at(-1)
    if (newest !== undefined) yield parsePlace(newest)
  }
}

function parsePlace(line: string): Place {
  const [, segment, offset] = /^durable (\d{1,15}) (\d{1,15})$/.exec(line) ?? []
  if (segment === undefined || offset === undefined) throw malformed()
  return { segment: Number(segment), offset: Number(offset) }
}

function parseConfig(file: string | undefined): SealerConfig {
  if (file === undefined) throw new EvidenceError('ERR_EVIDENCE_SEALER', 'the path of the sealer\'s config is its first argument')
  const config: unknown = JSON.parse(readFileSync(file, 'utf8'))
  const { node, journal, evidence, sealer } = (typeof config === 'object' && config !== null ? config : {}) as { [name: string]: unknown }
  if (typeof node !== 'string' || typeof journal !== 'string' || typeof evidence !== 'string' || typeof sealer !== 'string') throw new EvidenceError('ERR_EVIDENCE_SEALER', 'the sealer\'s config must name node, journal, evidence and sealer')
  return { node, journal, evidence, sealer }
}

function say(message: SealerMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

function malformed(): EvidenceError {
  return new EvidenceError('ERR_EVIDENCE_SEALER', 'the sealer was told something that is not a place')
}
