// `countersign policy replay`, and `countersign evidence export --replay-corpus`: files in, files and lines out.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { PolicyError, Toolchain } from '../../../rego/index.ts'
import { EvidenceError } from '../../errors.ts'
import { parseSessionKeys } from '../../verify/session-keys.ts'
import { verifyEvidence } from '../../verify/verifier.ts'
import { Recording } from '../recording.ts'
import { readBundles } from '../redecide.ts'
import { collectCorpus } from './collect.ts'
import { writeCorpus } from './corpus.ts'
import { writeMarkdown } from './markdown.ts'
import { createPseudonyms } from './pseudonyms.ts'
import { review } from './run.ts'
import type { Review } from './run.ts'
import { writeSarif } from './sarif.ts'
import { namespaces, signFile } from './signature.ts'
import { writePatch } from './suggest.ts'
import { summaryLines } from './summary.ts'
import { openVersion } from './version.ts'

interface ReplayFlags {
  readonly base: string; readonly head: string; readonly corpus: string; readonly repository: string
  readonly signers?: string; readonly unsigned?: true; readonly logKey?: string; readonly realIdentities?: true
  readonly label: readonly string[]; readonly author?: string; readonly approvedBy: readonly string[]; readonly warnBlocked: string
  readonly output?: string; readonly sign?: string; readonly suggestTests?: string; readonly json?: true; readonly markdown?: true
}

const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value]

export function replayCommand(policy: Command): void {
  policy.command('replay').description('which recorded decisions a change of policy flips')
    .requiredOption('--base <version>', 'Git revision, folder or bundle: as it is; ./NAME is a path')
    .requiredOption('--head <version>', 'Git revision, folder or bundle: as it would be')
    .requiredOption('--corpus <file>', 'replay corpus, its signature beside it as <file>.sig')
    .option('--repository <path>', 'the policy repository that revisions are of', '.')
    .option('--signers <file>', 'allowed_signers of corpora (default: allowed_signers of the base revision)').option('--unsigned', 'take a corpus that nobody vouches for')
    .option('--log-key <file>', "the evidence log's verifier key, kept outside").option('--real-identities', 'take a corpus with real identities: the report names people')
    .option('--label <name>', 'a label of the pull request; may be given again', collect, []).option('--author <name>', 'who proposes the change')
    .option('--approved-by <name>', 'an owner who approved it; may be given again', collect, []).option('--warn-blocked <calls>', 'warn when more calls than this would be refused', '100')
    .option('--output <folder>', 'write report.json, report.md and report.sarif').option('--sign <key>', 'sign report.json: an Ed25519 PEM, or any key that ssh-keygen signs with')
    .option('--suggest-tests <folder>', 'write a test of the new decisions, and a patch that adds it').option('--json', 'the report as data').option('--markdown', 'the report as a comment')
    .addHelpText('after', `
Examples:
  countersign policy replay --base main --head feature --corpus corpus.jsonl
  countersign policy replay --base origin/main --head HEAD --corpus corpus.jsonl --output review --label policy-widening --author eli --approved-by lena
  countersign policy replay --base ../in-force.tar.gz --head . --corpus corpus.jsonl --suggest-tests review

Exit status: 0 nothing widens, or the gate is met; 1 access widens, or no recorded call proves the change, without label
(policy-widening) and an owner's approval; 2 could not run;
3 not faithful: base does not make the decisions that it made; 4 the compiled policy and OPA's interpreter disagree.`)
    .action(async (flags: ReplayFlags) => { process.exitCode = await replay(flags) })
}

async function replay(flags: ReplayFlags): Promise<number> {
  const progress = createProgress()
  using toolchain = new Toolchain()
  try {
    if (!/^\d{1,12}$/.test(flags.warnBlocked)) throw new EvidenceError('ERR_EVIDENCE_REPLAY', '--warn-blocked is not a number')
    if (flags.sign !== undefined && flags.output === undefined) throw new EvidenceError('ERR_EVIDENCE_REPLAY', '--sign signs report.json: say --output')
    progress.tell('compiling', 0, 0)
    const [base, head] = await Promise.all([openVersion(flags.base, flags.repository, toolchain), openVersion(flags.head, flags.repository, toolchain)])
    const done = await review({
      base, head, corpus: read(flags.corpus), signature: existsSync(`${flags.corpus}.sig`) ? read(`${flags.corpus}.sig`).toString('utf8') : undefined,
      // Base's own: a pull request must not name who vouches for what it is judged by.
      signers: flags.signers === undefined ? base.signers : read(flags.signers).toString('utf8'),
      isUnsignedAllowed: flags.unsigned === true, areRealIdentitiesAllowed: flags.realIdentities === true, logKey: flags.logKey === undefined ? undefined : read(flags.logKey).toString('utf8'),
      labels: flags.label, author: flags.author, approvedBy: flags.approvedBy, warnBlocked: Number(flags.warnBlocked), wantsTests: flags.suggestTests !== undefined, toolchain,
      now: () => Date.now(), clock: () => performance.now(), progress: progress.tell,
    })
    progress.end()
    const written = [...writeFiles(done, flags), ...writeTests(done, flags.suggestTests)]
    if (flags.json === true) process.stdout.write(done.bytes)
    else if (flags.markdown === true) process.stdout.write(writeMarkdown(done.report, done.sha256))
    else process.stdout.write([...summaryLines(done.report), ...written, `report sha256 ${done.sha256}`, ''].join('\n'))
    return done.report.exit
  } catch (error) {
    progress.end()
    if (!(error instanceof PolicyError) && !(error instanceof EvidenceError)) throw error
    if (flags.json === true) process.stdout.write(`${JSON.stringify({ code: error.code, message: error.message })}\n`)
    process.stderr.write(`countersign: ${error.code}: ${error.message}\n`)
    return 2
  }
}

function writeFiles({ report, bytes, sha256, rules }: Review, { output, sign }: ReplayFlags): string[] {
  if (output === undefined) return []
  mkdirSync(output, { recursive: true })
  const put = (name: string, content: string | Uint8Array): void => writeFileSync(path.join(output, name), content)
  put('report.json', bytes)
  put('report.md', writeMarkdown(report, sha256))
  put('report.sarif', writeSarif(report, rules))
  rmSync(path.join(output, 'report.json.sig'), { force: true })
  if (sign !== undefined) put('report.json.sig', signFile(bytes, sign, namespaces.report))
  return [`${output}: report.json${sign === undefined ? '' : ' and its signature'}, report.md, report.sarif`]
}

function writeTests({ tests }: Review, folder: string | undefined): string[] {
  if (folder === undefined) return []
  if (tests === undefined) return ['no test to suggest']
  mkdirSync(folder, { recursive: true })
  const [test, patch] = [path.join(folder, path.posix.basename(tests.file)), path.join(folder, 'flips.patch')]
  writeFileSync(test, tests.text)
  writeFileSync(patch, writePatch(tests))
  return [`${test}: tests of the new decisions, which pass on head; git apply ${patch} adds them`]
}

export interface ExportFlags { readonly replayCorpus: string; readonly keys?: string; readonly bundles?: string; readonly since?: string; readonly until?: string; readonly sign?: string; readonly realIdentities?: true; readonly trust?: string }

/** @returns what was written, as a line. @throws EvidenceError; nothing is left behind half written */
export function exportCorpus(directory: string, flags: ExportFlags): string {
  if (flags.keys === undefined) throw new EvidenceError('ERR_EVIDENCE_EXPORT', 'say --keys: a corpus is made of what the session keys open')
  if (flags.bundles === undefined) throw new EvidenceError('ERR_EVIDENCE_EXPORT', 'say --bundles: each decision is made again before it is exported')
  const keys = parseSessionKeys(read(flags.keys).toString('utf8'))
  const trust = flags.trust === undefined ? {} : { trust: read(flags.trust).toString('utf8') }
  const progress = createProgress()
  const verdict = verifyEvidence({ directory, keys, at: Date.now(), ...trust, progress: (done, total) => progress.tell('verifying the record', done, total) })
  progress.tell('collecting', 0, 0)
  if (verdict.exit === 1) throw new EvidenceError('ERR_EVIDENCE_CORRUPT', `the record is false (${verdict.falsities[0]?.code ?? ''}): "evidence verify" names all that is wrong, and nothing is made of it`)
  using recording = new Recording(directory, keys)
  const [since, until] = [timeOf(flags.since), timeOf(flags.until)]
  // Known to this one run: nobody can go from a pseudonym to a name again, by guessing neither.
  const pseudonyms = flags.realIdentities === true ? undefined : createPseudonyms(randomBytes(32))
  const parts = collectCorpus(recording, { bundles: readBundles(flags.bundles), pseudonyms, now: Date.now(), ...(since === undefined ? {} : { since }), ...(until === undefined ? {} : { until }) })
  const bytes = writeCorpus(parts)
  progress.end()
  const signature = flags.sign === undefined ? undefined : signFile(bytes, flags.sign, namespaces.corpus)
  mkdirSync(path.dirname(flags.replayCorpus), { recursive: true })
  writeFileSync(flags.replayCorpus, bytes, { mode: 0o600 })
  rmSync(`${flags.replayCorpus}.sig`, { force: true })
  if (signature !== undefined) writeFileSync(`${flags.replayCorpus}.sig`, signature, { mode: 0o600 })
  const { rows, calls, identities, left_out: left } = parts.header
  const leftOut = Object.entries(left).filter(([, count]) => count > 0).map(([why, count]) => `${count} ${why}`).join(', ')
  return `${flags.replayCorpus}: ${calls} calls as ${rows} rows, ${identities} identities, ${signature === undefined ? 'unsigned' : 'signed'}${leftOut === '' ? '' : `; left out: ${leftOut}`}. It holds what callers sent, as policy sees it: arguments, statements, paths.`
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const time = Date.parse(text)
  if (!Number.isFinite(time)) throw new EvidenceError('ERR_EVIDENCE_EXPORT', 'a time is written such as 2026-01-31T12:00:00Z')
  return time
}

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new EvidenceError('ERR_EVIDENCE_NOT_FOUND', `${file} cannot be read${code === 'EISDIR' ? ': it is a folder' : code === 'ENOENT' ? ': there is no such file' : ''}`, { cause })
  }
}

const barWidth = 24

/** A bar on a terminal, nothing elsewhere. */
function createProgress(): { tell(doing: string, done: number, total: number): void; end(): void } {
  const write = (text: string): void => { if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`) }
  let shown = 0
  return {
    tell(doing, done, total) {
      if (done < total && Date.now() - shown < 100) return
      shown = Date.now()
      const full = total === 0 ? 0 : Math.floor(barWidth * done / total)
      write(total === 0 ? `${doing} …` : `${doing} ${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${done} of ${total}`)
    },
    end: () => write(''),
  }
}
