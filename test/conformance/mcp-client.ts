// The suite's client scenarios with the gateway as their server's client: what reaches the upstream keeps the protocol's rules for clients.
// Those of OAuth are not among them: the gateway never follows an upstream's challenge.
import path from 'node:path'
import type { Outcome } from './outcome.ts'
import { run, type Installed } from './packages.ts'

const scenarios = [
  ['initialize', '2025-11-25'], ['tools_call', '2025-11-25'], ['elicitation-sep1034-client-defaults', '2025-11-25'], ['sse-retry', '2025-11-25'],
  ['tools_call', '2026-07-28'], ['request-metadata', '2026-07-28'], ['http-standard-headers', '2026-07-28'], ['http-custom-headers', '2026-07-28'],
  ['http-invalid-tool-headers', '2026-07-28'], ['sep-2322-client-request-state', '2026-07-28'], ['json-schema-ref-no-deref', '2026-07-28'],
] as const

export async function gatewayAsClient(installed: Installed, suite: string): Promise<Outcome[]> {
  const command = `${process.execPath} ${path.join(import.meta.dirname, 'through.ts')}`
  const outcomes: Outcome[] = []
  for (const [scenario, revision] of scenarios) {
    const { code, output } = await run(process.execPath, [installed.file(suite, 'dist/index.js'), 'client', '--command', command, '--scenario', scenario, '--spec-version', revision], { cwd: installed.folder, timeoutMs: 60_000 })
    const counts = /^Passed: (.*)$/m.exec(output)?.[1] ?? ''
    const passed = code === 0 && counts !== ''
    outcomes.push({ name: `MCP ${revision}, the gateway as client: ${scenario}`, passed, detail: passed ? counts : `exit ${code}\n  ${output.slice(-600)}` })
  }
  return outcomes
}
