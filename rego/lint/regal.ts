// Regal, the Rego community's linter: run where the user has it on PATH. Its absence is no fault, its failure is one.
import { execFile } from 'node:child_process'
import { PolicyError, type Finding } from '../errors.ts'

const deadlineMs = 60_000
const maxAnswerBytes = 16 * 1024 * 1024
/** What `regal lint` ends with: nothing found, only warnings, violations. Anything else is no answer. */
const answered: readonly unknown[] = [0, 2, 3]

interface Violation { readonly title?: unknown; readonly description?: unknown; readonly level?: unknown; readonly location?: { readonly file?: unknown; readonly row?: unknown; readonly col?: unknown } }

/**
 * What Regal finds below `paths` of `folder`, with its own configuration.
 * @returns undefined where there is no `regal`
 * @throws PolicyError ERR_POLICY_LINT where there is one that gives no answer
 */
export function regalFindings(folder: string, paths: readonly string[]): Promise<readonly Finding[] | undefined> {
  return new Promise((resolve, reject) => {
    // No shell, and paths that are read off a folder stand behind `--`.
    execFile('regal', ['lint', '--format', 'json', '--', ...paths], { cwd: folder, timeout: deadlineMs, maxBuffer: maxAnswerBytes, shell: false }, (error, out, err) => {
      const status = error === null ? 0 : error.code
      if (status === 'ENOENT') return resolve(undefined)
      const failed = (why: string, cause?: unknown) => reject(new PolicyError('ERR_POLICY_LINT', `regal is on PATH but ${why}`, { cause }))
      if (!answered.includes(status)) return failed(`ended with ${String(status ?? 'no status')}: ${err.trim().slice(0, 500)}`, error)
      try {
        resolve(readReport(out))
      } catch (cause) {
        failed('gave no report that can be read', cause)
      }
    })
  })
}

function readReport(text: string): Finding[] {
  const { violations } = JSON.parse(text) as { violations?: unknown }
  if (!Array.isArray(violations)) throw new TypeError('no violations in it')
  return (violations as readonly Violation[]).map(({ title, description, level, location }) => ({
    code: `regal/${String(title)}`, message: `${level === 'warning' ? 'warning: ' : ''}${String(description ?? title)}`, file: String(location?.file ?? ''), row: Number(location?.row ?? 0), col: Number(location?.col ?? 0),
  }))
}
