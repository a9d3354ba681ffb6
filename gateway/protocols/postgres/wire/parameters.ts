// Run-time parameters in a start-up packet: which of them a session may begin with. They take effect before any statement is decided,
// so only harmless names pass (pgbouncer CVE-2025-12819: SQL by way of a start-up `search_path` that ran before authentication).
// `options` is read as the server reads it (postinit.c pg_split_opts, postgres.c process_postgres_switches) and goes on as plain parameters.

import { isTicket, ticketForm, ticketParameter } from '../../../ticket.ts'
import type { Fatal } from './farewell.ts'

/** Formats, time-outs and planner hints of the session itself. `search_path` is among them since names resolve by the live one. */
const allowed: ReadonlySet<string> = new Set([
  'application_name', 'bytea_output', 'client_encoding', 'client_min_messages', 'datestyle', 'default_transaction_deferrable', 'default_transaction_isolation',
  'default_transaction_read_only', 'extra_float_digits', 'geqo', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'intervalstyle', 'jit', 'lock_timeout',
  'plan_cache_mode', 'search_path', 'standard_conforming_strings', 'statement_timeout', 'timezone', 'transaction_timeout', 'xmloption',
])
/** Members of the packet that are no run-time parameters; under `options` they would become what they are not. */
const reserved: ReadonlySet<string> = new Set(['user', 'database', 'replication', 'options'])
const maxNameChars = 128

export interface ParameterRules {
  /** The transparent profile: any parameter that the server takes, except those that change how statements are read. */
  readonly allowAnyParameters: boolean
}

/** @param written parameters of the packet without user, database and replication, names in the client's spelling */
export function sessionParameters(written: ReadonlyMap<string, string>, rules: ParameterRules): ReadonlyMap<string, string> | Fatal {
  const parameters = new Map<string, string>()
  const fromOptions = optionsOf(written.get('options') ?? '')
  if ('sqlState' in fromOptions) return fromOptions
  // The server sets those of `options` first, so that one of the packet wins.
  for (const [spelled, value] of [...fromOptions, ...[...written].filter(([name]) => name !== 'options')]) {
    const name = spelled.toLowerCase()
    const fault = faultOf(name, value, rules)
    if (fault !== undefined) return fault
    parameters.set(name, value)
  }
  // Said even when the client does not: a database or role may default to an encoding in which 0x5C or 0x27 end a character.
  return parameters.set('client_encoding', 'UTF8')
}

function faultOf(name: string, value: string, { allowAnyParameters }: ParameterRules): Fatal | undefined {
  if (!/^[a-z_][a-z0-9_$.]*$/.test(name) || name.length > maxNameChars || reserved.has(name)) return { sqlState: '42601', message: 'a start-up option has a name that no parameter has' }
  if (name === ticketParameter) return value === '' || isTicket(value) ? undefined : { sqlState: '22023', message: `${ticketParameter}: expected ${ticketForm}` }
  if (!allowAnyParameters && !allowed.has(name)) return { sqlState: '42501', message: `parameter "${name}" may not be set at start-up through the gateway`, hint: 'Set it with SET once connected: that is decided by policy.' }
  if (name === 'client_encoding' && !isUtf8(value)) return { sqlState: '22023', message: 'client_encoding must be UTF8 through the gateway', hint: 'Set PGCLIENTENCODING=UTF8.' }
  if (name === 'standard_conforming_strings' && !/^(on|true|yes|1)$/i.test(value)) return { sqlState: '22023', message: 'standard_conforming_strings must be on through the gateway' }
  return undefined
}

/** As pg_char_to_encoding reads a name: only letters and digits count. `SQL_ASCII` converts nothing and is what psql asks for in a C locale: UTF-8 bytes are the same bytes. */
function isUtf8(name: string): boolean {
  return ['utf8', 'unicode', 'sqlascii'].includes(name.toLowerCase().replaceAll(/[^a-z0-9]/g, ''))
}

/** `-c name=value`, `-cname=value` and `--name=value`; any other switch is refused, as is what cannot be read. */
function optionsOf(options: string): [string, string][] | Fatal {
  const unreadable: Fatal = { sqlState: '42601', message: 'options holds more than -c name=value and --name=value' }
  const words = splitOptions(options)
  const found: [string, string][] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    const assignment = word === '-c' ? words[++at] : /^(?:-c|--)(.+)$/s.exec(word)?.[1]
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(assignment ?? '') ?? []
    if (name === undefined || value === undefined) return unreadable
    found.push([name.replaceAll('-', '_'), value])           // guc.c ParseLongOption
  }
  return found
}

/** White space parts words, a backslash takes the next character as it is (pg_split_opts). */
function splitOptions(options: string): string[] {
  const words: string[] = []
  let word = ''
  let isOpen = false
  for (let at = 0; at < options.length; at++) {
    const character = options.charAt(at)
    if (/[ \t\n\v\f\r]/.test(character)) {
      if (isOpen) words.push(word)
      word = ''
      isOpen = false
      continue
    }
    isOpen = true
    word += character === '\\' ? options.charAt(++at) : character
  }
  return isOpen ? [...words, word] : words
}
