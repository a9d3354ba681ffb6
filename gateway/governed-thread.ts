// Governed configuration, parsed in a thread of its own: a millisecond for each kilobyte of YAML, which calls do not wait for.
import path from 'node:path'
import { runInThread, type ThreadLimits } from '../rego/index.ts'
import { ConfigError, deepFreeze, type ConfigProblem } from './config-document.ts'
import type { Governed } from './config.ts'

/** The longest text that is one (4 MiB) takes 4 s. */
const limits: ThreadLimits = { deadlineMs: 30_000, maxHeapMb: 1_024 }
// `.ts` in a checkout, `.js` in the npm package.
const workerPath = new URL(`governed-worker${path.extname(import.meta.url)}`, import.meta.url)

/** @internal what the worker is asked, and what it posts */
export interface GovernedJob { readonly text: string; readonly secrets: readonly string[]; readonly file: string }
export type GovernedAnswer = { readonly governed: Governed } | { readonly problems: readonly ConfigProblem[] }

/** As parseGoverned. @throws ConfigError; PolicyError ERR_TOOLCHAIN_* */
export async function parseGovernedAside(text: string, secrets: Iterable<string>, file = 'config.yaml'): Promise<Governed> {
  const answer = await runInThread<GovernedAnswer>(workerPath, { text, secrets: [...secrets], file } satisfies GovernedJob, `the thread that reads ${file}`, limits)
  if ('problems' in answer) throw new ConfigError(file, answer.problems)
  return deepFreeze(answer.governed)
}
