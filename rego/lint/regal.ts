// Regal, the Rego community's linter: run where the user has it on PATH. Its absence is no fault, its failure is one.
import { execFile } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { PolicyError, type Finding } from '../errors.ts'

const deadlineMs = 60_000
const maxAnswerBytes = 16 * 1024 * 1024
const maxWordsChars = 500
/** What `regal lint` ends with: nothing found, only warnings, violations. Anything else is no answer. */
const answered: readonly unknown[] = [0, 2, 3]

interface Violation { readonly title?: unknown; readonly description?: unknown; readonly level?: unknown; readonly location?: { readonly file?: unknown; readonly row?: unknown; readonly col?: unknown } }

/**
 * What Regal finds below `paths` of `folder`, with its own configuration.
 * @param environment the process's variables, for whom it is run
 * @returns undefined where there is no `regal`
 * @throws PolicyError ERR_POLICY_LINT where there is one that gives no answer
 */
export function regalFindings(folder: string, paths: readonly string[], environment: Readonly<Record<string, string | undefined>>): Promise<readonly Finding[] | undefined> {
  return new Promise((resolve, reject) => {
    // No shell, and paths that are read off a folder stand behind `--`.
    // By itself it asks GitHub whether there is a newer one of it: nothing here looks outside.
    const env = { ...environment, REGAL_DISABLE_VERSION_CHECK: '1' }
    execFile('regal', ['lint', '--format', 'json', '--', ...paths], { cwd: folder, timeout: deadlineMs, maxBuffer: maxAnswerBytes, shell: false, env }, (error, out, err) => {
      const status = error === null ? 0 : error.code
      // Also where a folder of PATH may not be looked into, or holds a folder of this name, and no `regal` is anywhere.
      if (status === 'ENOENT' || (status === 'EACCES' && !isOnPath(environment['PATH'] ?? ''))) return resolve(undefined)
      const failed = (why: string, cause?: unknown) => reject(new PolicyError('ERR_POLICY_LINT', `regal is on PATH but ${why}`, { cause }))
      if (!answered.includes(status)) return failed(`ended with ${String(status ?? 'no status')}: ${(err.trim() || saidErrors(out)).slice(0, maxWordsChars)}`, error)
      try {
        resolve(readReport(out))
      } catch (cause) {
        failed('gave no report that can be read', cause)
      }
    })
  })
}

function isOnPath(folders: string): boolean {
  return folders.split(path.delimiter).map((folder) => path.join(folder, 'regal')).some((file) => existsSync(file) && statSync(file).isFile())
}

/** Of Rego that it cannot read it says so in its report; of its own settings, beside it. */
function saidErrors(text: string): string {
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown }
    return Array.isArray(errors) ? errors.map(String).join('; ') : ''
  } catch {
    return ''
  }
}

function readReport(text: string): Finding[] {
  const { violations } = JSON.parse(text) as { violations?: unknown }
  if (!Array.isArray(violations)) throw new TypeError('no violations in it')
  return (violations as readonly Violation[]).map(({ title, description, level, location }) => ({
    code: `regal/${String(title)}`, message: `${level === 'warning' ? 'warning: ' : ''}${String(description ?? title)}`, file: String(location?.file ?? ''), row: Number(location?.row ?? 0), col: Number(location?.col ?? 0),
  }))
}
