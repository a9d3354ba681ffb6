// What every verb of `policy` shares: its folder argument, and how an answer, a finding and an error reach the terminal.
import { existsSync } from 'node:fs'
import path from 'node:path'
import { styleText } from 'node:util'
import { Option, type Command } from 'commander'
import { PolicyError, type Finding } from '../errors.ts'
import { defaultFolder, overlooked, readPolicyFolder, wholeOf } from '../folder.ts'
import { formatFindings, formats, isMachineFormat, type Format, type MachineFormat } from '../formats/index.ts'
import { findingLines, type Style } from '../report.ts'

const exits = `
Exit status: 0 fine; 1 findings, a failed test or an unformatted file; 2 could not run.
DIR is a folder with policy/, data/ and schema/, or any folder of .rego files; without it, the folder here if it has a policy/, else the shipped policies.`

export interface Json { readonly json?: boolean }
/** Of a verb with `--format`: `--json` is its short form. */
export interface Formatted extends Json { readonly format?: Format }
export interface Source { readonly folder: string; readonly files: ReturnType<typeof readPolicyFolder>; show(file: string): string }

/** A verb with what all of them have: a folder, `--json`, examples and the exit status. */
export function verb(policy: Command, name: string, description: string, examples: string): Command {
  return policy.command(name).description(description).argument('[DIR]', 'folder of policies')
    .option('--json', 'the result as one JSON document')
    .addHelpText('after', `\nExamples:${examples}\n${exits}`)
}

/** Files that are named in a note. */
const maxBeside = 3

/** `--format`, for a verb whose findings a machine reads. */
export function formatted(command: Command): Command {
  return command.addOption(new Option('--format <form>', 'for people, or for a machine that knows findings').choices(formats).default('pretty'))
}

export function formOf({ json, format }: Formatted): Format {
  return json === true ? 'json' : format ?? 'pretty'
}

export const style: Style = {
  good: text => styleText('green', text, { stream: process.stdout }),
  bad: text => styleText('red', text, { stream: process.stdout }),
  faint: text => styleText('dim', text, { stream: process.stdout }),
}

/** What a command found out: as data and for people. `isAmiss` is exit status 1. */
export interface Told {
  readonly document: unknown
  readonly lines: readonly string[]
  readonly isAmiss?: boolean
  /** Of a verb with `--format`: what the other forms show, or how to write them. */
  readonly findings?: readonly Finding[]
  readonly machine?: (format: MachineFormat) => string
}

/** Reads the policy folder, then as `ran`. */
export async function told(dir: string | undefined, form: boolean | undefined | Format, doing: string, work: (source: Source) => Promise<Told>): Promise<void> {
  const from = dir ?? defaultFolder()
  const folder = path.resolve(from)
  const whole = wholeOf(folder)
  if (whole !== undefined) write(process.stderr, [`note: ${from} is a part of the policy in ${path.relative(process.cwd(), whole) || '.'}, here without its data/ and schema/`])
  const show = (file: string) => path.relative(process.cwd(), path.join(folder, file))
  const beside = existsSync(folder) ? overlooked(folder) : []
  if (beside.length > 0) write(process.stderr, [`note: ${beside.slice(0, maxBeside).map(show).join(', ')}${beside.length > maxBeside ? ` and ${beside.length - maxBeside} more` : ''}: not below policy/, so no part of this policy`])
  await ran(form, doing, show, async () => work({ folder, files: readPolicyFolder(from), show }))
}

/**
 * Tells a waiting person after a second that it is at work, then what came of it, and sets the exit status.
 * @param form of the answer; `true` is JSON
 */
export async function ran(form: boolean | undefined | Format, doing: string, show: (file: string) => string, work: () => Promise<Told>): Promise<void> {
  const format = typeof form === 'string' ? form : form === true ? 'json' : 'pretty'
  const onTerminal = (text: string) => { if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`) }
  const progress = setTimeout(onTerminal, 1000, `${doing} …`)
  const settle = () => { clearTimeout(progress); onTerminal('') }
  try {
    const { document, lines, isAmiss = false, findings = [], machine } = await work().finally(settle)
    if (format === 'json') write(process.stdout, [JSON.stringify(document, undefined, 1)])
    else if (isMachineFormat(format)) writeText(machine === undefined ? formatFindings(format, findings, show) : machine(format))
    else write(process.stdout, lines)
    process.exitCode = isAmiss ? 1 : 0
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const { code, message, findings } = error
    if (format === 'json') write(process.stdout, [JSON.stringify({ code, message, findings }, undefined, 1)])
    else if (isMachineFormat(format) && findings.length > 0) writeText(formatFindings(format, findings, show))
    else write(process.stderr, findings.length > 0 ? findingLines(findings, show) : [`countersign: ${code}: ${message}`])
    process.exitCode = findings.length > 0 ? 1 : 2
  }
}

function writeText(text: string): void {
  write(process.stdout, text === '' ? [] : [text])
}

function write(stream: NodeJS.WriteStream, lines: readonly string[]): void {
  stream.write(lines.map(line => `${line}\n`).join(''))
}
