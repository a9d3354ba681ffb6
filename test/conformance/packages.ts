// Other people's suites: installed pinned, by the ordinary client, into a folder that goes away. None of them is a dependency of ours.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export interface Installed extends AsyncDisposable {
  readonly folder: string
  /** Path of a file inside the package. */
  file(name: string, inside: string): string
}

/** @param packages exact `name@version` */
export async function installPackages(packages: readonly string[]): Promise<Installed> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'countersign-packages-'))
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type":"module","private":true}')
  const { code, output } = await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--no-save', ...packages], { cwd: folder })
  if (code !== 0) throw new Error(`npm could not install ${packages.join(', ')}:\n${output.slice(-2_000)}`)
  return {
    folder,
    file: (name, inside) => path.join(folder, 'node_modules', name, inside),
    async [Symbol.asyncDispose]() { fs.rmSync(folder, { recursive: true, force: true }) },
  }
}

export interface Ran { readonly code: number | null; readonly output: string }

/** Runs to the end; what it says on both pipes is the output. */
export async function run(command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv; timeoutMs?: number } = {}): Promise<Ran> {
  const { timeoutMs = 300_000, ...rest } = options
  const child = spawn(command, args, { ...rest, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs })
  let output = ''
  for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  return { code, output }
}
