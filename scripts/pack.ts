// Makes the npm tarball: types stripped by tsc, no Node inside, runs on the host's Node from 22.19 on.
// Node refuses .ts below node_modules, so what is published is JavaScript; everything else is as in the checkout.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

const root = path.join(import.meta.dirname, '..')
const stage = fs.mkdtempSync(path.join(root, '.pack-'))
const compiled = ['gateway', 'rego', 'evidence', 'scripts/demo'] as const
/** undici 8 needs it. */
const minimumNode = '>=22.19'
/** Beside JavaScript: what the code reads at run time, and what people read. */
const kept = /\.(json|rego|md|br|sha256|css|html)$/

interface Manifest { name: string; version: string; bin: object; dependencies: Record<string, string>; optionalDependencies: Record<string, string>; [member: string]: unknown }

try {
  const out = path.join(stage, 'package')
  run('tsc', ['-p', '.', '--noEmit', 'false', '--outDir', out, '--rewriteRelativeImportExtensions', '--target', 'es2024'])
  for (const folder of ['test', 'scripts']) {
    for (const entry of fs.existsSync(path.join(out, folder)) ? fs.readdirSync(path.join(out, folder)) : []) {
      if (folder === 'test' || entry !== 'demo') fs.rmSync(path.join(out, folder, entry), { recursive: true })
    }
  }
  fs.rmSync(path.join(out, 'test'), { recursive: true, force: true })
  for (const folder of compiled) {
    for (const name of fs.readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (kept.test(name)) copy(path.join(folder, name))
    }
  }
  for (const name of ['README.md', 'LICENSE']) copy(name)
  writeLauncher(out)
  fs.writeFileSync(path.join(out, 'package.json'), `${JSON.stringify(publishedManifest(), null, 2)}\n`)
  run('npm', ['pack', '--silent', '--pack-destination', root, out])
  const { name, version } = publishedManifest()
  process.stdout.write(`${name}-${version}.tgz\n`)

  function copy(name: string): void {
    fs.mkdirSync(path.dirname(path.join(out, name)), { recursive: true })
    fs.copyFileSync(path.join(root, name), path.join(out, name))
  }
} finally {
  fs.rmSync(stage, { recursive: true, force: true })
}

/** The same launcher, for JavaScript and for the host's own Node. */
function writeLauncher(out: string): void {
  const text = fs.readFileSync(path.join(root, 'gateway', 'countersign.js'), 'utf8')
  const published = text.replace(">= 26) {", ">= 22) {").replace("'./cli.ts'", "'./cli.js'").replace('countersign needs Node 26 or newer', 'countersign needs Node 22.19 or newer')
  if (published === text || published.includes('cli.ts')) throw new Error('gateway/countersign.js is not as pack.ts expects it')
  fs.writeFileSync(path.join(out, 'gateway', 'countersign.js'), published, { mode: 0o755 })
}

function publishedManifest(): Manifest {
  const { scripts: _scripts, devDependencies: _dev, overrides: _overrides, ava: _ava, private: _private, ...manifest } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest
  const optional = Object.entries(manifest.optionalDependencies).filter(([name]) => !name.startsWith('node-'))
  return { ...manifest, engines: { node: minimumNode }, optionalDependencies: Object.fromEntries(optional) }
}

function run(command: string, args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`)
}
