// The MCP Inspector's command line, as a person at a terminal would use it: both eras, through the gateway, with the exit codes it documents.
import { frontServers } from './gateway.ts'
import { startFixture } from './mcp-fixture.ts'
import type { Outcome } from './outcome.ts'
import { installPackages, run } from './packages.ts'

const inspector = '@modelcontextprotocol/inspector'
const inspectorVersion = '2.12.0'
/** The Inspector's own exit codes. */
const fine = 0
const authRequired = 3
const toolFailed = 5

export async function inspectorConformance(): Promise<Outcome[]> {
  await using installed = await installPackages([`${inspector}@${inspectorVersion}`])
  const fixture = await startFixture()
  const gateway = await frontServers({ mcp: fixture.url })
  try {
    const outcomes: Outcome[] = []
    for (const era of ['legacy', 'auto', 'modern']) {
      const ask = async (title: string, args: readonly string[], exit: number, says: RegExp, token?: string) => {
        const { code, output } = await run(process.execPath, [
          installed.file(inspector, 'clients/launcher/build/index.js'), '--cli', gateway.url('mcp'), '--transport', 'http', '--protocol-era', era, '--format', 'json', '--stored-auth-only', ...args,
          ...token === undefined ? [] : ['--header', `Authorization: Bearer ${token}`],
        ], { cwd: installed.folder, env: { ...process.env, HOME: installed.folder }, timeoutMs: 60_000 })
        const passed = code === exit && says.test(output)
        outcomes.push({ name: `Inspector, ${era}: ${title}`, passed, detail: `exit ${code}${passed ? '' : `, expected ${exit}\n  ${output.trim().slice(0, 500)}`}` })
      }
      await ask('lists tools', ['--method', 'tools/list'], fine, /test_simple_text/, gateway.token)
      await ask('calls a tool', ['--method', 'tools/call', '--tool-name', 'test_simple_text'], fine, /This is a simple text response for testing\./, gateway.token)
      await ask('sees that a tool failed', ['--method', 'tools/call', '--tool-name', 'test_error_handling'], toolFailed, /intentionally returns an error/, gateway.token)
      await ask('reads a resource', ['--method', 'resources/read', '--uri', 'test://static-text'], fine, /content of the static text resource/, gateway.token)
      await ask('gets a prompt', ['--method', 'prompts/get', '--prompt-name', 'test_prompt_with_arguments', '--prompt-args', 'arg1=one', 'arg2=two'], fine, /arg1='one', arg2='two'/, gateway.token)
      await ask('is asked for a token', ['--method', 'tools/list'], authRequired, /auth/i)
    }
    return outcomes
  } finally {
    await gateway.stop()
    gateway.remove()
    await fixture.close()
  }
}
