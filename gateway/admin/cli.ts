// `countersign approvals …` and `countersign config check`: thin over the admin API and the parsers. Exit codes: 0 done, 1 refused or invalid, 2 could not run.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { parseBootstrap } from '../bootstrap.ts'
import { ConfigError } from '../config-document.ts'
import { GatewayError } from '../errors.ts'
import { parseGoverned } from '../governed.ts'

const defaultAdmin = 'http://127.0.0.1:8081'
const timeoutMs = 30_000

interface Connect { readonly admin: string; readonly tokenFile?: string; readonly json?: true }
interface View { readonly id: string; readonly state: string; readonly action: string; readonly resource: string; readonly target: string; readonly requester: { readonly subject: string; readonly client: string }; readonly reasons: readonly { readonly id: string; readonly msg: string }[]; readonly request: unknown; readonly expires_at: string; readonly operation: string; readonly verdicts: readonly { readonly verdict: string; readonly subject: string; readonly comment: string }[]; readonly may_decide: boolean; readonly why_not?: string }

export function approvalCommands(program: Command): void {
  const approvals = program.command('approvals').description('requests that wait for a human').addHelpText('after', `
The token comes from --token-file or COUNTERSIGN_TOKEN and must be for the admin address.

Examples:
  countersign approvals ls --admin http://127.0.0.1:7401
  countersign approvals approve 0f3c… --comment "ticket CHG-1042"`)

  const command = (name: string, description: string): Command => approvals.command(name).description(description)
    .option('--admin <url>', 'address of the admin listener', defaultAdmin)
    .option('--token-file <file>', 'file with an access token')
    .option('--json', 'the answer as data')

  command('ls', 'what you asked for, answer for, or may decide').option('--state <state>', 'pending, approved, rejected, expired, superseded, consumed or all', 'pending')
    .action(async ({ state, ...connect }: Connect & { state: string }) => {
      const { approvals: rows } = await call(connect, 'GET', `/api/approvals?state=${encodeURIComponent(state)}`) as { approvals: readonly View[] }
      say(connect, { approvals: rows }, rows.length === 0 ? 'nothing is waiting' : rows.map((row) => `${row.id}  ${row.state.padEnd(9)} ${row.action} ${row.resource}  by ${row.requester.subject}  until ${row.expires_at}`).join('\n'))
    })
  command('show <id>', 'one request: who, what, why it was held, until when')
    .action(async (id: string, connect: Connect) => {
      const view = await call(connect, 'GET', pathOf(id)) as View
      say(connect, view, describe(view))
    })
  for (const verb of ['approve', 'reject'] as const) {
    command(`${verb} <id>`, `${verb} exactly this operation`).option('--comment <text>', 'kept in the record; the requester of a rejected one is told', '')
      .action(async (id: string, { comment, ...connect }: Connect & { comment: string }) => {
        const view = await call(connect, 'POST', `${pathOf(id)}/${verb}`, { comment }) as View
        say(connect, view, `${view.id} is ${view.state}`)
      })
  }
}

export function configCommands(program: Command): void {
  program.command('config').description('configuration files').command('check <file>').description('every error with its path; a bootstrap file, or the config.yaml of a policy repository')
    .option('--governed', 'the file is a governed config.yaml')
    .option('--secret <name...>', 'secret names that the bootstrap file has (with --governed)', [])
    .option('--json', 'the problems as data')
    .addHelpText('after', '\nExit codes: 0 valid, 1 not valid, 2 could not be read.')
    .action((file: string, { governed, secret, json }: { governed?: true; secret: string[]; json?: true }) => {
      const text = readText(file)
      try {
        if (governed === true) parseGoverned(text, secret, file)
        else parseBootstrap(text, file)
        process.stdout.write(json === true ? `${JSON.stringify({ valid: true, problems: [] })}\n` : `${file} is valid\n`)
      } catch (cause) {
        if (!(cause instanceof ConfigError)) throw cause
        process.stdout.write(json === true ? `${JSON.stringify({ valid: false, problems: cause.problems })}\n` : `${cause.message}\n${hintFor(cause, text, governed === true, secret)}`)
        process.exitCode = 1
      }
    })
}

function hintFor({ problems }: ConfigError, text: string, isGoverned: boolean, secrets: readonly string[]): string {
  if (!isGoverned) return /^targets:/m.test(text) ? 'It has targets, as the config.yaml of a policy repository has: for one, say --governed.\n' : ''
  const lacksNames = secrets.length === 0 && problems.some(({ message }) => message.startsWith('no secret of this name'))
  return lacksNames ? 'The names of the bootstrap file\'s secrets are given behind the file: --governed --secret NAME...\n' : ''
}

function describe(view: View): string {
  return [
    `${view.action} on ${view.resource} (target ${view.target}): ${view.state}`,
    `asked by   ${view.requester.subject} through ${view.requester.client}`,
    `held for   ${view.reasons.map(({ id, msg }) => `${msg} [${id}]`).join('; ')}`,
    `until      ${view.expires_at}`,
    `binds to   ${view.operation}`,
    ...view.verdicts.map(({ verdict, subject, comment }) => `${verdict.padEnd(10)} ${subject}${comment === '' ? '' : `: ${comment}`}`),
    ...view.why_not === undefined ? [] : [`you        ${view.why_not}`],
    JSON.stringify(view.request, undefined, 2),
  ].join('\n')
}

async function call({ admin, tokenFile }: Connect, method: string, path: string, body?: unknown): Promise<unknown> {
  const token = tokenFile === undefined ? process.env['COUNTERSIGN_TOKEN'] : readText(tokenFile).trim()
  if (token === undefined || token === '') throw new GatewayError('ERR_USAGE', 'a token is needed: --token-file FILE or COUNTERSIGN_TOKEN')
  let response: Response
  try {
    response = await fetch(`${admin.replace(/\/$/, '')}${path}`, { method, redirect: 'error', signal: AbortSignal.timeout(timeoutMs), headers: { authorization: `Bearer ${token}`, ...body === undefined ? {} : { 'content-type': 'application/json' } }, ...body === undefined ? {} : { body: JSON.stringify(body) } })
  } catch (cause) {
    throw new GatewayError('ERR_USAGE', `${admin} cannot be reached`, { cause })
  }
  const answer = await response.json().catch(() => ({})) as { readonly title?: unknown; readonly code?: unknown }
  if (response.ok) return answer
  process.stderr.write(`countersign: ${typeof answer.code === 'string' ? `${answer.code}: ` : ''}${typeof answer.title === 'string' ? answer.title : `the answer was ${response.status}`}\n`)
  process.exit(1)
}

/** On a terminal nothing that a caller wrote may move the cursor or hide text; in JSON the escapes mean the same characters. */
function say({ json }: Connect, data: unknown, text: string): void {
  process.stdout.write(`${(json === true ? JSON.stringify(data) : text).replace(steering, escaped)}\n`)
}

const steering = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
}

function pathOf(id: string): string {
  if (!/^[0-9a-f]{32}$/.test(id)) throw new GatewayError('ERR_USAGE', 'an approval id has 32 hex digits')
  return `/api/approvals/${id}`
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new GatewayError('ERR_CONFIG_UNREADABLE', `${file} cannot be read`, { cause })
  }
}
