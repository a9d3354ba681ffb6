// `npm run toolchain:build`: builds rego/toolchain/ with the pinned Go and writes the artefact beside its source.
// `--check` builds and compares the digest instead, so that the committed binary is no matter of trust: exit 0 same, 1 different.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'
import { artefactParts } from '../rego/toolchain/artefact.ts'

const directory = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../rego/toolchain')
// 512 MiB: Go's own memory has no ceiling, so the module gets one. A policy that needs more ends in a clean error.
const maxMemoryPages = 8192

/** The Go version that go.mod pins; another Go makes other bytes. */
function pinnedGo(): string {
  const version = /^toolchain (go\S+)$/m.exec(readFileSync(path.join(directory, 'go.mod'), 'utf8'))?.[1]
  if (version === undefined) throw new Error('rego/toolchain/go.mod pins no toolchain')
  return version
}

function foundGo(): string | undefined {
  const run = spawnSync('go', ['env', 'GOVERSION'], { cwd: directory, encoding: 'utf8', env: { ...process.env, GOTOOLCHAIN: 'local' } })
  return run.status === 0 ? run.stdout.trim() : undefined
}

function build(): Uint8Array {
  const scratch = mkdtempSync(path.join(tmpdir(), 'opa-toolchain-'))
  try {
    const out = path.join(scratch, 'opa-toolchain.wasm')
    // -mod=readonly: go.sum is the list of what may be linked.
    const run = spawnSync('go', ['build', '-mod=readonly', '-trimpath', '-ldflags=-s -w', '-buildvcs=false', '-o', out, '.'], {
      cwd: directory,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, CGO_ENABLED: '0', GOOS: 'wasip1', GOARCH: 'wasm', GOTOOLCHAIN: 'local', GOFLAGS: '', GOWASM: '', GOEXPERIMENT: '' },
    })
    if (run.status !== 0) throw new Error('go build failed')
    return withMemoryCeiling(readFileSync(out))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Rewrites the memory section (WebAssembly core §5.5.8) from {min} to {min, max}. */
function withMemoryCeiling(wasm: Uint8Array): Uint8Array {
  let at = 8
  while (at < wasm.length) {
    const start = at
    const id = wasm[at++]
    const size = readLeb(wasm, at)
    const body = size.next
    at = body + size.value
    if (id !== 5) continue
    if (wasm[body] !== 1 || wasm[body + 1] !== 0) throw new Error('the memory section is not one memory without a maximum')
    const minimum = readLeb(wasm, body + 2)
    const section = [1, 1, ...leb(minimum.value), ...leb(maxMemoryPages)]
    return Buffer.concat([wasm.subarray(0, start), Uint8Array.from([5, ...leb(section.length), ...section]), wasm.subarray(at)])
  }
  throw new Error('no memory section')
}

function readLeb(bytes: Uint8Array, from: number): { value: number; next: number } {
  let value = 0
  for (let at = from, shift = 0; shift < 35; at++, shift += 7) {
    const byte = bytes[at] ?? 0
    value += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) return { value, next: at + 1 }
  }
  throw new Error('malformed LEB128')
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(Math.floor(value / 0x80))]
}

const isCheck = process.argv.includes('--check')
const pinned = pinnedGo()
const found = foundGo()
if (found !== pinned) {
  // No fault of whoever has no Go: they run the artefact, and the check is for those who can rebuild it.
  console.log(found === undefined ? `No Go at hand: the policy compiler was not rebuilt (needs ${pinned}).` : `Go ${found} makes other bytes than ${pinned}: the policy compiler was not rebuilt.`)
  process.exit(isCheck ? 0 : 2)
}
const wasm = build()
const digest = createHash('sha256').update(wasm).digest('hex')
const digestFile = path.join(directory, 'opa-toolchain.sha256')
if (isCheck) {
  const committed = readFileSync(digestFile, 'utf8').trim()
  const isSame = committed === digest
  console.log(isSame ? `rego/toolchain rebuilds to ${digest}.` : `rego/toolchain builds ${digest}, but ${committed} is committed: run npm run toolchain:build.`)
  process.exit(isSame ? 0 : 1)
}
console.log(`built ${digest}; compressing ${wasm.length} bytes takes a minute or two …`)
const partBytes = Math.ceil(wasm.length / artefactParts.length)
const sizes = await Promise.all(artefactParts.map(async (file, i) => {
  const part = wasm.subarray(i * partBytes, (i + 1) * partBytes)
  const compressed = await promisify(brotliCompress)(part, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: part.length },
  })
  writeFileSync(path.join(directory, file), compressed)
  return compressed.length
}))
writeFileSync(digestFile, `${digest}\n`)
console.log(`wrote ${artefactParts.join(', ')} in rego/toolchain, ${sizes.reduce((sum, size) => sum + size, 0)} bytes`)
