// Signed bundles between us and OPA's own program, both ways, and its digests of structured files against ours. OPA is the version that
// rego/toolchain pins: built by Go from the module proxy (two minutes, once), or the one that OPA names in the environment.
import { spawn, spawnSync } from 'node:child_process'
import { createHash, generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { readBundle, readSignedBundle } from '../../rego/index.ts'
import { writeOciLayout } from '../../rego/oci-layout.ts'
import { canonicalJson } from '../../rego/signing/canonical-json.ts'
import { readSigningKey, readVerificationKey } from '../../rego/signing/keys.ts'
import { attachSignatures, signBundle } from '../../rego/signing/sign-bundle.ts'
import { changed, forged, listed, pack, packSigned, pem, publicPem, tar, token, unpack } from '../rego/archive.ts'
import { compileShipped } from '../rego/sources.ts'
import type { Outcome } from './outcome.ts'

const documents = 400

/** Undefined where there is neither OPA nor Go. */
export async function bundlesConformance(): Promise<readonly Outcome[] | undefined> {
  const opa = opaProgram()
  if (opa === undefined) return undefined
  const dir = mkdtempSync(path.join(tmpdir(), 'bundles-'))
  try {
    const bundle = await compileShipped()
    return [...await exchange(opa, dir, bundle), digests(opa, dir), await stricter(opa, dir, bundle), await pulled(opa, dir, bundle)]
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

function opaProgram(): string | undefined {
  const given = process.env['OPA']
  if (given !== undefined) return given
  const version = /open-policy-agent\/opa (v\S+)/.exec(readFileSync(path.resolve(import.meta.dirname, '../../rego/toolchain/go.mod'), 'utf8'))?.[1]
  const folder = path.join(tmpdir(), `countersign-opa-${version}`)
  const program = path.join(folder, 'opa')
  if (existsSync(program)) return program
  if (spawnSync('go', ['version']).status !== 0) return undefined
  const built = spawnSync('go', ['install', '-tags=opa_wasm', '-trimpath', '-ldflags=-s -w', `github.com/open-policy-agent/opa@${version}`], { env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' }, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`OPA could not be built: ${built.stderr}`)
  return program
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const keys = {
  EdDSA: generateKeyPairSync('ed25519'), ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }), ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }), ES512: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  RS256: rsa, RS384: rsa, RS512: rsa, PS256: rsa, PS384: rsa, PS512: rsa,
}

async function exchange(opa: string, dir: string, bundle: Uint8Array): Promise<Outcome[]> {
  const file = (name: string, content: Uint8Array | string) => { writeFileSync(path.join(dir, name), content) }
  const run = (...args: string[]) => spawnSync(opa, args, { cwd: dir, encoding: 'utf8' })
  file('bundle.tar.gz', bundle)
  file('claims.json', JSON.stringify({ scope: 'prod', keyid: 'k1' }))
  const outcomes: Outcome[] = []
  for (const [algorithm, { privateKey, publicKey }] of Object.entries(keys)) {
    file('key.pem', pem(privateKey))
    file('key.pub', pem(publicKey))
    file('signed.tar.gz', await signBundle(bundle, readSigningKey(pem(privateKey), 'k1', algorithm), 'prod'))
    const accept = (scope: string) => run('build', '--bundle', 'signed.tar.gz', '--verification-key', 'key.pub', '--verification-key-id', 'k1', '--signing-alg', algorithm, '--scope', scope, '--output', 'out.tar.gz')
    const [right, wrong] = [accept('prod'), accept('test')]
    outcomes.push({ name: `${algorithm}: OPA accepts what we sign, for its scope only`, passed: right.status === 0 && wrong.status !== 0 && /scope mismatch/.test(wrong.stdout + wrong.stderr), detail: right.stdout + right.stderr })

    const key = readVerificationKey(pem(publicKey), 'k1', algorithm)
    const verdicts: string[] = []
    for (const [args, scope] of [[[], ''], [['--claims-file', 'claims.json'], 'prod']] as const) {
      const signed = run('sign', '--bundle', 'bundle.tar.gz', '--signing-key', 'key.pem', '--signing-alg', algorithm, ...args)
      verdicts.push(signed.status === 0 ? await readSignedBundle(attachSignatures(bundle, readFileSync(path.join(dir, '.signatures.json'))), { keys: [key], scope }).then(({ signer }) => signer, String) : signed.stderr)
    }
    outcomes.push({ name: `${algorithm}: we accept what OPA signs, without claims and with`, passed: verdicts.every(verdict => verdict === 'k1'), detail: verdicts.filter(verdict => verdict !== 'k1').join('; ') })
  }
  return outcomes
}

/** Bundles that no signer meant: all are refused here, and it is told which of them OPA takes. */
async function stricter(opa: string, dir: string, bundle: Uint8Array): Promise<Outcome> {
  const files = unpack(bundle)
  const list = listed(files)
  const first = list[0] ?? { name: '', hash: '', algorithm: '' }
  const [name, content] = [files[0]?.name ?? '', files[0]?.bytes ?? new Uint8Array(0)]
  const weak = (algorithm: string, node: string) => forged(files, { payload: { files: list.map(file => ({ ...file, algorithm, hash: createHash(node).update(file.name === 'policy.wasm' ? files.find(one => one.name === '/policy.wasm')?.bytes ?? '' : canonicalJson(Buffer.from(files.find(one => one.name === `/${file.name}`)?.bytes ?? []).toString())).digest('hex') })) } })
  const honest = forged(files)
  const signatures = { name: '/.signatures.json', bytes: Buffer.from(JSON.stringify({ signatures: [token(files)] })) }
  const odd: Readonly<Record<string, Uint8Array>> = {
    'its signature taken out': bundle, 'hashed with MD5': weak('MD5', 'md5'), 'hashed with SHA-1': weak('SHA-1', 'sha1'), 'long expired': forged(files, { payload: { exp: 1 } }),
    'not valid yet': forged(files, { payload: { nbf: 4_000_000_000 } }), 'a file listed twice': forged(files, { payload: { files: [{ ...first, hash: '00' }, ...list] } }), 'another algorithm in its header': forged(files, { header: { alg: 'RS256' } }),
    'an extension that must be understood': forged(files, { header: { crit: ['x'], x: 1 } }), 'its own key in its header': forged(files, { header: { jwk: {} } }), 'a second gzip member': Buffer.concat([honest, gzipSync('')]),
    'a file behind its end': gzipSync(Buffer.concat([tar([...files, signatures]), tar([{ name, bytes: Buffer.from('{}') }])])), 'a link beside its files': pack([...files, signatures, { name: '/x', bytes: new Uint8Array(0), type: '2' }]),
    'a file twice': pack([...files, { name, bytes: content }, signatures]), 'a file under a name that walks': pack([{ name: '/./a/../data.json', bytes: content }, ...files.slice(1), signatures]),
    'a member of its data twice': packSigned(changed(files, '/data.json', () => Buffer.from('{"a":1,"a":2}')), JSON.stringify({ signatures: [token(files, { payload: { files: list.map(file => (file.name === 'data.json' ? { ...file, hash: createHash('sha256').update('{"a":2}').digest('hex') } : file)) } })] })),
  }
  writeFileSync(path.join(dir, 'key.pub'), publicPem)
  const key = readVerificationKey(publicPem, 'k1')
  const taken: string[] = []
  const ours: string[] = []
  for (const [what, bytes] of Object.entries({ honest, ...odd })) {
    writeFileSync(path.join(dir, 'odd.tar.gz'), bytes)
    const { status } = spawnSync(opa, ['build', '--bundle', 'odd.tar.gz', '--verification-key', 'key.pub', '--verification-key-id', 'k1', '--signing-alg', 'EdDSA', '--scope', 'prod', '--output', 'out.tar.gz'], { cwd: dir })
    if (status === 0) taken.push(what)
    if (await readSignedBundle(bytes, { keys: [key], scope: 'prod' }).then(() => true, () => false)) ours.push(what)
  }
  return { name: 'bundles that no signer meant are refused', passed: ours.join() === 'honest' && taken.includes('honest'), detail: `${Object.keys(odd).length} of them, of which OPA takes ${taken.length - 1}: ${taken.slice(1).join(', ')}${ours.length > 1 ? `; taken here: ${ours.slice(1).join(', ')}` : ''}` }
}

/** One signature by OPA over many odd documents: its digest of each is ours. */
function digests(opa: string, dir: string): Outcome {
  const odd = path.join(dir, 'odd')
  const random = generator(20_261_121)
  const written = new Map<string, string>()
  for (let at = 0; at < documents; at++) {
    const text = `{"v": ${randomJson(random, 5)}}`
    mkdirSync(path.join(odd, `d${at}`), { recursive: true })
    writeFileSync(path.join(odd, `d${at}`, 'data.json'), text)
    written.set(`d${at}/data.json`, text)
  }
  writeFileSync(path.join(dir, 'key.pem'), pem(keys.ES256.privateKey))
  const { stderr } = spawnSync(opa, ['sign', '--bundle', 'odd', '--signing-key', 'key.pem', '--signing-alg', 'ES256'], { cwd: dir, encoding: 'utf8' })
  const { signatures } = JSON.parse(readFileSync(path.join(dir, '.signatures.json'), 'utf8')) as { signatures: string[] }
  const { files } = JSON.parse(Buffer.from(signatures[0]?.split('.')[1] ?? '', 'base64url').toString()) as { files: { name: string; hash: string }[] }
  const wrong = files.filter(({ name, hash }) => createHash('sha256').update(canonicalJson(written.get(name.replace(/^.*?(d\d+\/)/, '$1')) ?? '""')).digest('hex') !== hash)
  return { name: 'digests of structured files', passed: files.length === documents && wrong.length === 0, detail: `${files.length - wrong.length} of ${documents} odd documents agree ${stderr}` }
}

/** A running OPA pulls our image from a registry that serves the layout's files, and verifies the bundle in it. */
async function pulled(opa: string, dir: string, bundle: Uint8Array): Promise<Outcome> {
  const name = 'OPA pulls our image and verifies the bundle in it'
  const signed = await signBundle(bundle, readSigningKey(pem(keys.ES256.privateKey), 'k1'), 'prod')
  const layout = path.join(dir, 'image')
  const digest = writeOciLayout(layout, signed, readBundle(bundle))
  const statuses: { code?: string; message?: string; active_revision?: string }[] = []
  const server = createServer((request, response) => {
    const url = request.url ?? ''
    if (url === '/status') {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part)).on('end', () => {
        statuses.push((JSON.parse(Buffer.concat(parts).toString()) as { bundles?: Record<string, object> }).bundles?.['policy'] ?? {})
        response.end()
      })
      return
    }
    const named = /^\/v2\/policy\/(?:manifests|blobs)\/(.+)$/.exec(url)?.[1]
    const hex = named === '1' ? digest.slice(7) : named?.replace('sha256:', '')
    const file = path.join(layout, 'blobs', 'sha256', hex ?? '')
    if (hex === undefined || !existsSync(file)) { response.writeHead(url === '/v2/' ? 200 : 404).end(); return }
    const bytes = readFileSync(file)
    response.writeHead(200, { 'content-type': url.includes('/manifests/') ? 'application/vnd.oci.image.manifest.v1+json' : 'application/octet-stream', 'docker-content-digest': `sha256:${hex}`, 'content-length': bytes.length })
    response.end(request.method === 'HEAD' ? undefined : bytes)
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  writeFileSync(path.join(dir, 'config.json'), JSON.stringify({
    services: { registry: { url: `http://127.0.0.1:${port}`, type: 'oci' }, told: { url: `http://127.0.0.1:${port}` } },
    keys: { k1: { algorithm: 'ES256', key: pem(keys.ES256.publicKey), scope: 'prod' } },
    bundles: { policy: { service: 'registry', resource: `127.0.0.1:${port}/policy:1`, signing: { keyid: 'k1', scope: 'prod' }, polling: { min_delay_seconds: 1, max_delay_seconds: 2 } } },
    status: { service: 'told' },
  }))
  const child = spawn(opa, ['run', '--server', '--addr', '127.0.0.1:0', '--config-file', 'config.json'], { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (part: Buffer) => { said += part.toString() })
  for (let turns = 0; turns < 100 && !statuses.some(({ code, active_revision }) => code !== undefined || active_revision !== undefined); turns++) await sleep(100)
  child.kill()
  server.close()
  server.closeAllConnections()
  const last = statuses.find(({ code, active_revision }) => code !== undefined || active_revision !== undefined)
  return { name, passed: last?.active_revision === 'shipped', detail: last === undefined ? said.slice(-500) : `${last.message ?? ''} ${last.active_revision ?? ''}` }
}

function generator(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const numbers = ['0', '-0', '1.0', '1e2', '1E+2', '-1.50', '12345678901234567890', '0.1e-7', '1e400', '9007199254740993']
const characters = ['a', 'Z', '<', '>', '&', '\\u003c', '\\u0000', '\\u001f', '\u007f', '\\n', '\\b', '\\f', '\\/', '\\"', '\\\\', '\u2028', '\\u2029', '\u00e9', 'e\u0301', '\uffee', '\u{1f600}', '\\ud83d\\ude00', '\ufffd', ' ']

function randomJson(random: (below: number) => number, depth: number): string {
  const text = () => `"${Array.from({ length: random(6) }, () => characters[random(characters.length)]).join('')}"`
  const kind = random(depth === 0 ? 4 : 6)
  if (kind === 0) return numbers[random(numbers.length)] ?? '0'
  if (kind === 1) return ['true', 'false', 'null'][random(3)] ?? 'null'
  if (kind < 4) return text()
  const items = Array.from({ length: random(5) }, () => randomJson(random, depth - 1))
  if (kind === 4) return `[ ${items.join(' ,\n')}]`
  // A name twice is ours to refuse, and OPA's to take the last of.
  const names = new Map(items.map(item => { const name = text(); return [JSON.parse(name) as string, `${name} :\t${item}`] }))
  return `{${[...names.values()].join(', ')} }`
}
