// One side of a comparison: a Git revision, a folder, or a compiled bundle, as an engine that decides and, where it is at hand, its source.
import { hash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { compileBundle, readPolicyFolder, shippedCapabilities } from '../../../rego/index.ts'
import type { PolicySource, Toolchain } from '../../../rego/index.ts'
import { EvidenceError } from '../../errors.ts'
import { openEngine } from './engine.ts'
import type { Engine } from './engine.ts'
import { readRevision } from './revision.ts'

export interface PolicyVersion {
  readonly engine: Engine
  readonly kind: 'revision' | 'folder' | 'bundle'
  /** The commit; what the bundle says it was built from; `working-tree` of a folder. */
  readonly revision: string
  /** SHA-256 of the bundle, hex. */
  readonly digest: string
  readonly wasmBytes: number
  /** Undefined of a bundle. */
  readonly files: PolicySource | undefined
  /** What else the commit holds, path → Git id: config, signers, workflows, which no replay can judge. */
  readonly beside: ReadonlyMap<string, string>
  /** `allowed_signers` of the commit. */
  readonly signers: string | undefined
}

/**
 * Revisions come before paths: in a checkout of a pull request any folder can be made, one that is called as base's commit as well. A
 * path that begins with `.` or `/` is a path.
 * @throws EvidenceError `ERR_EVIDENCE_REPLAY`; PolicyError where it does not compile or load
 */
export async function openVersion(named: string, repository: string, toolchain: Toolchain): Promise<PolicyVersion> {
  const found = /^[./]/.test(named) ? undefined : await readRevision(repository, named)
  if (found !== undefined) return compiled('revision', found.revision, found, toolchain)
  const there = statSync(named, { throwIfNoEntry: false })
  if (there?.isFile() === true) {
    const bytes = readFileSync(named)
    const engine = openEngine(bytes)
    return { engine, kind: 'bundle', revision: engine.bundle.revision, digest: engine.bundle.hex, wasmBytes: engine.bundle.wasm.length, files: undefined, beside: new Map(), signers: undefined }
  }
  if (there?.isDirectory() === true) return compiled('folder', 'working-tree', { files: readPolicyFolder(named), beside: new Map(), signers: undefined }, toolchain)
  throw new EvidenceError('ERR_EVIDENCE_REPLAY', `${JSON.stringify(named)} is no revision of ${repository}, no folder and no bundle`)
}

async function compiled(kind: 'revision' | 'folder', revision: string, source: Pick<PolicyVersion, 'beside' | 'signers'> & { readonly files: PolicySource }, toolchain: Toolchain): Promise<PolicyVersion> {
  const bytes = await compileBundle({ files: source.files, revision, serial: 0, capabilities: shippedCapabilities(), toolchain })
  const engine = openEngine(bytes)
  return { engine, kind, revision, digest: hash('sha256', bytes, 'hex'), wasmBytes: engine.bundle.wasm.length, ...source }
}
