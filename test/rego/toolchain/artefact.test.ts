import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import test from 'ava'
import { PolicyError } from '../../../rego/errors.ts'
import { compilerDigest, openArtefact, readArtefact } from '../../../rego/toolchain/artefact.ts'

const folder = path.join(import.meta.dirname, '../../../rego/toolchain')
const small = new TextEncoder().encode('not a compiler')
const compressed = brotliCompressSync(small)
const digest = createHash('sha256').update(small).digest('hex')

test('the committed compiler has the committed digest', async t => {
  const wasm = await readArtefact()
  t.is(createHash('sha256').update(wasm).digest('hex'), compilerDigest())
})

test('a compiler with another digest is refused', async t => {
  t.deepEqual(new Uint8Array(await openArtefact([compressed], digest)), small)
  const error = await t.throwsAsync(openArtefact([compressed], '0'.repeat(64)), { instanceOf: PolicyError })
  t.is(error?.code, 'ERR_TOOLCHAIN_DIGEST')
  t.is(error?.message, `the policy compiler has digest ${digest}, expected ${'0'.repeat(64)}`)
})

test('a compiler that is cut short, or that would not stop unpacking, is refused', async t => {
  const bomb = brotliCompressSync(new Uint8Array(97 * 1024 * 1024), { params: { 1: 1 } })
  for (const parts of [[compressed.subarray(0, -3)], [new Uint8Array(0)], [small], [bomb], [compressed, compressed.subarray(0, -3)]]) {
    const error = await t.throwsAsync(openArtefact(parts, digest), { instanceOf: PolicyError })
    t.is(error?.code, 'ERR_TOOLCHAIN_DIGEST')
    t.is(error?.message, 'the policy compiler cannot be decompressed')
  }
})

test('the compiler can reach nothing but its own pipes and clocks, and its memory has a ceiling', async t => {
  const wasm = await readArtefact()
  const imports = WebAssembly.Module.imports(new WebAssembly.Module(wasm))
  t.deepEqual([...new Set(imports.map(({ module }) => module))], ['wasi_snapshot_preview1'])
  // Section 5 (memory): one memory, limits with a maximum (1), minimum, then 8192 as LEB128.
  const at = Buffer.from(wasm.subarray(0, 64 * 1024)).indexOf(Buffer.from([0x80, 0x40, 6]))
  t.true(at > 0 && wasm[at - 3] === 1, 'the memory section states 8192 pages at most')
})

test('the Go source pins OPA and Go exactly', t => {
  const mod = readFileSync(path.join(folder, 'go.mod'), 'utf8')
  t.regex(mod, /^toolchain go1\.26\.8$/m)
  t.regex(mod, /^require github\.com\/open-policy-agent\/opa v1\.22\.0$/m)
})
