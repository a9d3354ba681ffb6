// A folder of policies on disk, read whole into memory: the compiler itself sees no file system.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { PolicyError } from './errors.ts'
import type { PolicySource } from './source.ts'

/** The policies that this package ships. */
export const shippedFolder = fileURLToPath(new URL('.', import.meta.url))

/** What a command without DIR is about: the policy repository that it is called in; elsewhere what is shipped. */
export function defaultFolder(): string {
  return existsSync('policy') && statSync('policy').isDirectory() ? '.' : shippedFolder
}

/** The policy repository of which `folder` is a part, where it is: alone it has neither the data nor the types that its rules ask. */
export function wholeOf(folder: string): string | undefined {
  const names = path.resolve(folder).split(path.sep)
  const at = names.lastIndexOf('policy')
  const whole = names.slice(0, at).join(path.sep)
  return at > 0 && !existsSync(path.join(folder, 'policy')) && existsSync(path.join(whole, 'data')) ? whole : undefined
}

// Beside policies live compilers, configuration and readmes; these three are the policy.
const parts = ['policy', 'data', 'schema']
const extensions = ['.rego', '.json', '.yaml', '.yml']
const skipped = ['node_modules', '.git']

/** Rego right beside `policy/`, or in a folder beside it: whoever put it there thinks that it is in force, and nothing reads it. Empty where there is no `policy/`. */
export function overlooked(folder: string): readonly string[] {
  if (!existsSync(path.join(folder, 'policy')) || !statSync(folder).isDirectory() || path.resolve(folder) === path.resolve(shippedFolder)) return []
  const isBeside = (name: string) => !parts.includes(name) && !skipped.includes(name) && !name.startsWith('.')
  return readdirSync(folder, { withFileTypes: true }).filter(({ name }) => isBeside(name)).flatMap(entry => {
    const names = entry.isDirectory() ? readdirSync(path.join(folder, entry.name)).map(name => `${entry.name}/${name}`) : [entry.name]
    return names.filter(name => name.endsWith('.rego'))
  })
}

/** Whether a file of the source, by its path, is one that the compiler reads. */
export function isPolicyFile(name: string): boolean {
  return extensions.includes(path.extname(name)) && !name.split('/').some(segment => skipped.includes(segment))
}

/**
 * One that the compiler would take, where no tool here looks for policy: below `node_modules`, or with nothing before its extension. A gateway
 * that compiled it would decide by what no review has seen, so all refuse it in `policy/`, `data/` and `schema/`.
 */
export function isHiddenPolicyFile(name: string): boolean {
  return extensions.some(extension => name.endsWith(extension)) && !isPolicyFile(name)
}

/**
 * `policy/`, `data/` and `schema/` of `folder` where it has a `policy/`, else all of it. Links are not followed: what is
 * compiled is what the folder holds.
 * @throws PolicyError ERR_POLICY_SOURCE if there is no such folder, no policy in it, or some where nobody looks
 */
export function readPolicyFolder(folder: string): PolicySource {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) throw new PolicyError('ERR_POLICY_SOURCE', `${folder} is not a folder`)
  const tops = existsSync(path.join(folder, 'policy')) ? parts.filter(part => existsSync(path.join(folder, part))) : ['']
  const files = new Map<string, Uint8Array>()
  for (const top of tops) {
    for (const entry of readdirSync(path.join(folder, top), { recursive: true, withFileTypes: true })) {
      const full = path.join(entry.parentPath, entry.name)
      const name = path.relative(folder, full).split(path.sep).join('/')
      if (!entry.isFile()) continue
      if (top !== '' && isHiddenPolicyFile(name)) throw new PolicyError('ERR_POLICY_SOURCE', `${JSON.stringify(name)} is policy where none is looked for`)
      if (!isPolicyFile(name)) continue
      files.set(name, readFileSync(full))
    }
  }
  if (![...files.keys()].some(name => name.endsWith('.rego'))) throw new PolicyError('ERR_POLICY_SOURCE', `there is no .rego file below ${folder}`)
  return files
}
