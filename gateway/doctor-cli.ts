// `countersign doctor`: what the gateway depends on and cannot enforce. Exit codes: 0 nothing to mend, 1 something is, 2 could not look.
import type { Command } from 'commander'
import { examine, grants, type DoctorFinding } from './doctor.ts'
import { maskedRole } from './protocols/postgres/doctor/index.ts'

interface Options { readonly config: string; readonly json?: true; readonly grants?: string; readonly role: string; readonly user?: string }

export function doctorCommand(program: Command): void {
  program.command('doctor')
    .description('looks at secrets, listeners, the config in force and every PostgreSQL target: what the gateway\'s own role there could do or read by itself')
    .requiredOption('--config <file>', 'bootstrap file')
    .option('--user <name>', 'whom to sign in as where the client\'s own user name goes through')
    .option('--grants <target>', 'print SQL for a role that may do the same without reading declared columns; changes nothing')
    .option('--role <name>', 'with --grants: that role\'s name', maskedRole)
    .option('--json', 'the findings, or the SQL, as data')
    .addHelpText('after', `
Exit codes: 0 nothing to mend, 1 a warning or a failure, 2 could not look.

Examples:
  countersign doctor --config gateway.yaml
  countersign doctor --config gateway.yaml --grants appdb > masked-role.sql      then psql -v ON_ERROR_STOP=1 -f masked-role.sql, as the tables' owner`)
    .action(async ({ config, json, grants: target, role, user }: Options) => {
      const options = { environment: process.env, now: Date.now, ...user === undefined ? {} : { user } }
      if (target !== undefined) {
        const sql = await grants(config, target, role, options)
        process.stdout.write(json === true ? `${JSON.stringify({ sql })}\n` : sql)
        return
      }
      const findings = await examine(config, options)
      process.stdout.write(json === true ? `${JSON.stringify(findings)}\n` : `${findings.map(line).join('\n').replace(steering, escaped)}\n${summary(findings)}\n`)
      if (findings.some(({ level }) => level !== 'fine')) process.exitCode = 1
    })
}

const marks = { fine: 'ok  ', warn: 'WARN', fail: 'FAIL' } as const

function line({ level, about, check, message }: DoctorFinding): string {
  return `${marks[level]}  ${about === undefined ? '' : `${about}  `}${check}: ${message}`
}

function summary(findings: readonly DoctorFinding[]): string {
  const amiss = findings.filter(({ level }) => level !== 'fine').length
  return amiss === 0 ? `${findings.length} checks, nothing to mend` : `${findings.length} checks, ${amiss} to mend`
}

/** Names come from databases: on a terminal they move no cursor and hide no text. */
const steering = /[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/gu

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')
}
