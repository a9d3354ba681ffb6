// The verdict on one evidence directory: what is there to begin with, one run over it, and what came of it. FORMAT §11.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { CannotRun, Findings } from './finding.ts'
import { GitRepository } from './git.ts'
import { parseCheckpoint } from './note.ts'
import type { Checkpoint } from './note.ts'
import { verdictOf } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { Verification } from './verification.ts'
import type { VerifyOptions } from './verification.ts'

/** @throws CannotRun when nothing can be said (exit 2); every other fault of the record is in the verdict */
export function verifyEvidence(options: VerifyOptions): Verdict {
  const { directory } = options
  for (const folder of ['log.git', 'store']) if (!isFolder(join(directory, folder))) throw new CannotRun(`${folder} is not in the evidence directory`)
  const kept = options.since === undefined ? undefined : readKept(options.since)
  const findings = new Findings()
  const run = new Verification(options, kept, findings)
  const repository = findings.attempt('log.git', () => new GitRepository(join(directory, 'log.git')))
  try {
    if (repository !== undefined) run.all(repository)
  } finally {
    repository?.close()
  }
  return verdictOf(run, findings, options)
}

function readKept(text: string): Checkpoint {
  try {
    return parseCheckpoint(text)
  } catch (cause) {
    throw new CannotRun(`the kept checkpoint cannot be read: ${cause instanceof Error ? cause.message : 'malformed'}`, cause)
  }
}

function isFolder(path: string): boolean {
  try { return statSync(path).isDirectory() } catch { return false }
}
