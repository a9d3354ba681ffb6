// What the fuzzer feeds: every reader of bytes that a stranger can choose, with what must hold whatever they are.
import { isDeepStrictEqual } from 'node:util'
import { alikeSeeds, runAlike } from './alike.ts'
import { cellSeeds, runCells } from './cells.ts'
import { rowSeeds, runRows } from './rows.ts'
import { policyTargets } from './policy.ts'
import { postgresSeeds, runBackend, runFrontend, runStartup } from './postgres.ts'
import { bundleSeed } from './seeds.ts'
import { decode, encode } from '../../evidence/session/cbor.ts'
import { EvidenceError } from '../../evidence/errors.ts'
import { parseCheckpoint, writeCheckpoint } from '../../evidence/tlog/checkpoint.ts'
import { parseNote } from '../../evidence/tlog/note.ts'
import { parseTlogProof, writeTlogProof } from '../../evidence/tlog/proof.ts'
import { CborError, readCbor } from '../../evidence/verify/cbor.ts'
import { ConfigError } from '../../gateway/config-document.ts'
import { createRouter } from '../../gateway/connection/index.ts'
import { parseGoverned } from '../../gateway/governed.ts'
import { JsonError, parseJson } from '../../gateway/mask/index.ts'
import { findSensitive } from '../../gateway/sensitive/find.ts'
import { RefusalError } from '../../gateway/refusal.ts'
import { EventParser } from '../../gateway/upstream/events.ts'
import { meterModule } from '../../rego/fuel.ts'
import { PolicyError, readBundle } from '../../rego/index.ts'
import { canonicalJson, JsonFault } from '../../rego/signing/canonical-json.ts'
import { moduleOf } from '../rego/archive.ts'

export interface Target {
  readonly name: string
  readonly seeds: readonly Uint8Array[]
  /** @throws anything but the reader's own typed error, which it swallows @returns packets that were read of it, where a reader reads packets */
  run(input: Uint8Array): number | void
  /** What `run` counts; `--packets` asks for these readers. */
  readonly counts?: 'packets'
}

const text = (value: string) => Buffer.from(value)
const route = createRouter({ targets: [{ name: 'bank', prefix: '/bank' }], hosts: new Set(['gw']) })

/** Swallows the reader's own kind of error: that is a refusal, which is what hostile bytes should get. */
function refuses(kind: abstract new (...args: never[]) => Error, work: () => void): void {
  try { work() } catch (error) { if (!(error instanceof kind)) throw error }
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`)
}

export const targets: readonly Target[] = [
  {
    name: 'strict JSON: what is accepted is what JSON.parse reads, and has no duplicate key',
    seeds: ['{"a":[1,2.5,"x\\u0041"],"b":{"c":null}}', '{"ssn":"123-45-6789","n":1e3}', '[{"a":1},{"a":2}]', '"\\ud83d\\ude00"'].map(text),
    run: (input) => refuses(JsonError, () => {
      const value = parseJson(input, { maxBytes: 1 << 16, maxDepth: 32, inexact: 'refuse' })
      must(isDeepStrictEqual(JSON.parse(JSON.stringify(value)), JSON.parse(JSON.stringify(JSON.parse(Buffer.from(input).toString())))), 'same value as JSON.parse')
    }),
  },
  {
    name: 'CBOR: the verifier accepts only what the writer would have written',
    seeds: [encode(new Map<number, number | string | Uint8Array>([[1, 1], [2, new Uint8Array(16)], [5, 2], [7, new Uint8Array(32)], [12, 'x']])), encode([1, 'a', null, true])],
    run: (input) => refuses(CborError, () => {
      readCbor(input)
      must(Buffer.from(encode(decode(input))).equals(input), 'one encoding for one value')
    }),
  },
  {
    name: 'checkpoints and notes: parse and write are inverse',
    seeds: [text(`origin/x\n12\n${Buffer.alloc(32, 7).toString('base64')}\n`), text(`origin/x\n12\n${Buffer.alloc(32, 7).toString('base64')}\n\n— origin/x ${Buffer.alloc(68, 3).toString('base64')}\n`)],
    run(input) {
      const said = Buffer.from(input).toString()
      refuses(EvidenceError, () => must(writeCheckpoint(parseCheckpoint(said)) === said, 'checkpoint round trip'))
      refuses(EvidenceError, () => must(said.startsWith(parseNote(said).text), 'a note begins with its text'))
    },
  },
  {
    name: 'tlog proofs: parse and write are inverse',
    seeds: [text(writeTlogProof({ index: 3, hashes: [new Uint8Array(32).fill(1)], checkpoint: `o\n4\n${Buffer.alloc(32).toString('base64')}\n\n— o ${Buffer.alloc(68).toString('base64')}\n` }))],
    run: (input) => refuses(EvidenceError, () => { const said = Buffer.from(input).toString(); must(writeTlogProof(parseTlogProof(said)) === said, 'proof round trip') }),
  },
  {
    name: 'event streams: however the bytes are cut, the events are the same',
    seeds: ['data: {"a":1}\n\n', 'id: 1\r\nevent: message\r\ndata: x\r\ndata: y\r\n\r\n', ':\n\ndata\n\nretry: 10\n\n'].map(text),
    run: (input) => refuses(RefusalError, () => {
      const whole = new EventParser().push(input)
      const parser = new EventParser()
      const pieces = [...input].flatMap((_byte, at) => parser.push(input.subarray(at, at + 1)))
      must(isDeepStrictEqual(pieces, whole), 'byte by byte as at once')
    }),
  },
  {
    name: 'paths: a routed path holds nothing that two servers read differently',
    seeds: ['/bank/accounts/1?x=%2e', '/bank/..', '/bank%2f..', '/bank//a', '/bank/%41'].map(text),
    run(input) {
      const url = Buffer.from(input).toString('latin1')
      const found = route(url, 'gw', undefined)
      if (!('refused' in found)) must(!/%2e|%2f|%5c|\\|\/\.\.?(\/|$)|\/\//i.test(url.split('?')[0] ?? ''), 'no ambiguous path is routed')
    },
  },
  {
    name: 'detectors: findings lie in the text, in order, and do not overlap',
    seeds: ['ssn 219-09-9999, card 4111 1111 1111 1111, a@b.example', 'iban DE89370400440532013000 tel +1 419 555 0178', 'AKIAIOSFODNN7EXAMPLE eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln'].map(text),
    run(input) {
      const said = Buffer.from(input).toString()
      let end = 0
      for (const found of findSensitive(said)) {
        must(found.start >= end && found.end > found.start && found.end <= said.length, 'in order, inside')
        end = found.end
      }
    },
  },
  {
    name: 'governed config: an error with a path, or a config',
    seeds: [text('identity: [{issuer: "https://i", jwks_uri: "https://i/jwks", audiences: [a]}]\ntargets: [{name: t, protocol: http, prefix: /t, upstream: {url: "https://u"}, env: prod}]\n')],
    run: (input) => refuses(ConfigError, () => { parseGoverned(Buffer.from(input).toString(), []) }),
  },
  {
    name: 'bundles: refused with a code, or read',
    seeds: [bundleSeed()],
    run: (input) => refuses(PolicyError, () => { readBundle(input) }),
  },
  {
    name: 'canonical JSON: refused, or the value that everybody else reads, in one form',
    seeds: [text('{"b":[1.0,1e2,-0],"a":"<&>\\u2028","\\ud83d\\ude00":{"\uffee":null,"":true}}'), text(' [ {"z" : 1, "a":"\\n\\/"} , [] ] ')],
    run: (input) => refuses(JsonFault, () => {
      const said = Buffer.from(input).toString()
      const canonical = canonicalJson(said)
      must(isDeepStrictEqual(JSON.parse(canonical), JSON.parse(said)), 'one value')
      must(canonicalJson(canonical) === canonical, 'one form')
    }),
  },
  {
    name: 'policy modules: refused, or metered and ended by an empty tank',
    seeds: [moduleOf([1, [1, 0x60, 0, 0]], [3, [2, 0, 0]], [8, [0]], [10, [2, 9, 0, 0x03, 0x40, 0x10, 1, 0x0c, 0, 0x0b, 0x0b, 4, 0, 0x10, 1, 0x0b]])],
    run: (input) => refuses(PolicyError, () => {
      if (!WebAssembly.validate(input)) return
      const metered = meterModule(input, 1_000)
      must(WebAssembly.validate(metered), 'valid when metered')
      try { new WebAssembly.Instance(new WebAssembly.Module(metered), {}) } catch (error) { must(error instanceof WebAssembly.RuntimeError || error instanceof WebAssembly.LinkError || error instanceof TypeError || error instanceof RangeError, 'a trap') }
    }),
  },
  ...policyTargets,
  { name: 'postgres frontend: frames are the bytes that were read, and a message has one encoding', seeds: postgresSeeds.frontend, run: runFrontend, counts: 'packets' },
  { name: 'postgres backend: frames are the bytes that were read, and a row has one encoding', seeds: postgresSeeds.backend, run: runBackend, counts: 'packets' },
  { name: 'postgres start-up: a packet has one encoding', seeds: postgresSeeds.startup, run: runStartup, counts: 'packets' },
  { name: 'postgres cells: what passes at first look holds nothing that detectors find', seeds: cellSeeds, run: runCells },
  { name: 'postgres rows: the kernel makes of them what the walk does', seeds: rowSeeds, run: runRows },
  { name: 'postgres statements: those that differ in constants are told apart where constants matter', seeds: alikeSeeds, run: runAlike },
]
