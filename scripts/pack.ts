// Makes the npm tarball: types stripped by tsc, no Node inside, runs on the host's Node from 22.19 on.
// Node refuses .ts below node_modules, so what is published is JavaScript; everything else is as in the checkout.
// `--to FOLDER` says where the tarball goes (default: the checkout).
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

const root = path.join(import.meta.dirname, '..')
const { to = root } = parseArgs({ options: { to: { type: 'string' } } }).values
const folders = ['gateway', 'rego', 'evidence', 'scripts/demo'] as const
/** undici 8 needs it. */
const minimumNode = '>=22.19'
/** Beside JavaScript: what the code reads at run time, and what people read. Go sources stay behind: the digest names the build they make. */
const kept = /(\.(json|rego|md|br|sha256|css|html|ya?ml|editorconfig)|\/(NOTICE|LICENSE|CODEOWNERS))$/

interface Manifest { name: string; version: string; optionalDependencies: Record<string, string>; [member: string]: unknown }

// Outside the checkout, so that no half-made copy of it is ever found in it.
const out = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-pack-'))
try {
  const project = path.join(out, 'tsconfig.json')
  fs.writeFileSync(project, JSON.stringify({
    extends: path.join(root, 'tsconfig.json'),
    compilerOptions: { noEmit: false, outDir: out, rootDir: root, typeRoots: [path.join(root, 'node_modules', '@types')], rewriteRelativeImportExtensions: true, target: 'es2024' },
    include: folders.map((folder) => path.join(root, folder)),
  }))
  run(path.join(root, 'node_modules', '.bin', 'tsc'), ['-p', project])
  fs.rmSync(project)
  for (const folder of folders) {
    for (const name of fs.readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (kept.test(`/${name}`)) copy(path.join(folder, name))
    }
  }
  for (const name of ['README.md', 'LICENSE']) if (fs.existsSync(path.join(root, name))) copy(name)
  writeLauncher()
  const manifest = publishedManifest()
  fs.writeFileSync(path.join(out, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  fs.mkdirSync(to, { recursive: true })
  run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', path.resolve(to), out])
  process.stdout.write(`${path.join(to, `${manifest.name}-${manifest.version}.tgz`)}\n`)
} finally {
  fs.rmSync(out, { recursive: true, force: true })
}

function copy(name: string): void {
  fs.mkdirSync(path.dirname(path.join(out, name)), { recursive: true })
  fs.copyFileSync(path.join(root, name), path.join(out, name))
}

/** The same launcher, for JavaScript and for the host's own Node. */
function writeLauncher(): void {
  let text = fs.readFileSync(path.join(root, 'gateway', 'countersign.js'), 'utf8')
  for (const [before, after] of [['>= 26) {', '>= 22) {'], ["'./cli.ts'", "'./cli.js'"], ['countersign needs Node 26 or newer', 'countersign needs Node 22.19 or newer'], ['Run it through npm: npm ci, then npx countersign.', 'Install a newer one, or run it through npx node@lts.']] as const) {
    if (!text.includes(before)) throw new Error(`gateway/countersign.js is not as pack.ts expects it: no ${before}`)
    text = text.replace(before, after)
  }
  fs.writeFileSync(path.join(out, 'gateway', 'countersign.js'), text, { mode: 0o755 })
}

/** What concerns the checkout alone stays in it, and so does its Node: it would take the place of the host's in every npm script. */
function publishedManifest(): Manifest {
  const { scripts: _scripts, devDependencies: _dev, overrides: _overrides, ava: _ava, private: _private, ...manifest } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest
  const optional = Object.entries(manifest.optionalDependencies).filter(([name]) => !name.startsWith('node-'))
  return { ...manifest, engines: { node: minimumNode }, optionalDependencies: Object.fromEntries(optional) }
}

function run(command: string, args: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`, { cause: error })
}
