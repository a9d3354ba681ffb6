// The policy of the golden set, its changes compiled in one kept compiler, and what they flip.
import { join } from 'node:path'
import { compileBundle, readPolicyFolder, shippedCapabilities } from '../../../../rego/index.ts'
import type { PolicySource } from '../../../../rego/index.ts'
import { shippedFolder } from '../../../../rego/folder.ts'
import { Toolchain } from '../../../../rego/toolchain/process.ts'
import { engineOf, openEngine } from '../../../../evidence/audit/replay/engine.ts'
import type { Engine } from '../../../../evidence/audit/replay/engine.ts'
import type { FlipEntry } from '../../../../evidence/audit/replay/tally.ts'
import type { Change } from './changes.ts'

const library = [...readPolicyFolder(shippedFolder)].filter(([name]) => (name.startsWith('policy/lib/') && !name.endsWith('_test.rego')) || name.startsWith('schema/'))

/** The shipped library, and the policy in test/vectors/replay. */
export const goldenFiles: PolicySource = new Map([...library, ...readPolicyFolder(join(import.meta.dirname, '..', '..', '..', 'vectors', 'replay'))])

/** @throws when an edit meets nothing: a change that changes nothing would prove nothing */
export function changed({ name, edits }: Change): PolicySource {
  const files = new Map(goldenFiles)
  for (const [from, to] of edits) {
    const found = [...files].find(([file, bytes]) => !file.startsWith('policy/lib/') && Buffer.from(bytes).includes(from))
    if (found === undefined) throw new Error(`${name}: there is no ${from}`)
    files.set(found[0], Buffer.from(Buffer.from(found[1]).toString('utf8').replace(from, () => to)))
  }
  return files
}

export async function compiled(files: PolicySource, toolchain: Toolchain, revision = 'golden'): Promise<Engine> {
  return openEngine(await compileBundle({ files, revision, serial: 0, capabilities: shippedCapabilities(), toolchain }))
}

export function isOfData(change: Change): boolean {
  return [...changed(change)].every(([name, bytes]) => name === 'data/data.json' || goldenFiles.get(name) === bytes)
}

/** A change of data alone leaves the module as it is; `npm run conformance -- replay` compiles these as well. */
export async function headOf(change: Change, base: Engine, toolchain: Toolchain): Promise<Engine> {
  const files = changed(change)
  const data = files.get('data/data.json')
  return isOfData(change) && data !== undefined ? engineOf({ ...base.bundle, data: JSON.stringify(JSON.parse(Buffer.from(data).toString('utf8'))) }) : await compiled(files, toolchain)
}

/** `mask_removed desk.contact (column email) redact → none ×10, 40 cells` */
export function told({ kind, rules, subjects, before, after, calls, cells }: FlipEntry): string {
  const about = subjects.length === 0 ? '' : ` (${subjects.join(', ')})`
  return `${kind} ${rules.join('+')}${about}${before === '' && after === '' ? '' : ` ${before} → ${after}`} ×${calls}${cells === null ? '' : `, ${cells} cells`}`
}
