// What a policy compiled to, kept from one test file to the next: compiling the shipped one, its tests with it, takes seconds, and twenty files begin with that.
// Kept by all that goes into it: the source, the compiler and our code around it. A policy that a test changes is compiled by the gateway itself.
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import type { ActivationOptions } from '../../../gateway/policy/index.ts'
import type { PolicyTree } from '../../../gateway/policy/repository.ts'
import { capabilitiesDigest } from '../../../rego/compiler.ts'
import { sourceDigest } from '../../../rego/index.ts'
import { compilerDigest } from '../../../rego/toolchain/artefact.ts'
import { keptFolder } from '../../kept.ts'
import { rebranded } from './two-people.ts'

const root = join(import.meta.dirname, '..', '..', '..')

/** As if this machine had compiled the head of the repository before, where a test file has. @returns keeps what it compiled to, where none had */
export async function buildBefore({ repository, memory, bundles, capabilities }: Pick<ActivationOptions, 'repository' | 'memory' | 'bundles' | 'capabilities'>): Promise<() => Promise<void>> {
  const kept = keptFolder('policies')
  if (kept === undefined) return () => Promise.resolve()
  const commit = await repository.readCommit(await repository.head())
  const { count: serial } = await repository.countCommits(commit)
  const { revision } = commit
  const file = join(kept, nameOf(await repository.readTree(commit), capabilities))
  if (fs.existsSync(file)) {
    const { tests, bundle } = JSON.parse(fs.readFileSync(file, 'utf8')) as { readonly tests: string; readonly bundle: string }
    memory.setBuild(revision, serial, { bundle: await bundles.write(rebranded(Buffer.from(bundle, 'base64'), revision, serial)), tests })
    return () => Promise.resolve()
  }
  return async () => {
    const build = memory.buildOf(revision, serial)
    const bundle = build === undefined ? undefined : await bundles.read(build.bundle)
    if (build === undefined || bundle === undefined) return
    const own = fs.mkdtempSync(join(kept, 'new-'))
    fs.writeFileSync(join(own, 'build'), JSON.stringify({ tests: build.tests, bundle: Buffer.from(bundle).toString('base64') }))
    fs.renameSync(join(own, 'build'), file)
    fs.rmdirSync(own)
  }
}

function nameOf({ source }: PolicyTree, capabilities: unknown): string {
  const all = createHash('sha256').update(`${sourceDigest(source)} ${capabilitiesDigest(capabilities)} ${compilerDigest()}`)
  for (const name of fs.readdirSync(join(root, 'rego'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts')).sort()) all.update(`\n${name}\n`).update(fs.readFileSync(join(root, 'rego', name)))
  return all.digest('hex')
}
