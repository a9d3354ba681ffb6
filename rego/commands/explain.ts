// `policy explain`: why this decision, and which lines; of an input in a file, or of a call on record.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Command } from 'commander'
import { bundleOf, signaturesFile } from '../bundle.ts'
import { shippedCapabilities } from '../capabilities.ts'
import { PolicyError } from '../errors.ts'
import { explainDecision } from '../explain.ts'
import { explanationLines } from '../explanation-lines.ts'
import { defaultFolder, isPolicyFile, readPolicyFolder } from '../folder.ts'
import { sourceDigest, type PolicySource } from '../source.ts'
import { readTarball } from '../tarball.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { readBundleFile } from './bundle-file.ts'
import { ran, style, type Json, type Told } from './run.ts'
import type { ReadCommit } from './verify.ts'

/** A call on record, with the decision that was made. */
export interface RecordedDecision {
  readonly input: object
  /** RFC 8785 bytes. */
  readonly decision: Uint8Array
  /** SHA-256 in hex of the bundle that decided. */
  readonly bundle: string
}
/** Reads a record: what knows evidence is outside of this folder. */
export type ReadRecorded = (where: { readonly directory: string; readonly keys: string; readonly session: string; readonly seq: number }) => Promise<RecordedDecision>

interface ExplainFlags extends Json {
  readonly input?: string
  readonly evidence?: string; readonly keys?: string; readonly session?: string; readonly seq?: string
  readonly bundle?: string; readonly commit?: string; readonly repository: string
}

export const explainCommand = (toolchain: Toolchain, readCommit: ReadCommit, readRecorded: ReadRecorded) => (policy: Command): void => {
  policy.command('explain').description('why this decision: the rule and line behind each reason, mask and limit, and what nearly applied')
    .argument('[DIR]', 'folder of policies')
    .option('--input <file>', 'the input to decide on, as JSON; - is standard input')
    .option('--evidence <dir>', 'instead: an evidence directory, with --keys, --session and --seq')
    .option('--keys <file>', "session keys, without which a record's inputs stay shut")
    .option('--session <id>', 'id of the session, or the start of it')
    .option('--seq <number>', 'number of the frame in it')
    .option('--bundle <file>', 'instead of DIR: the policy of the commit that this bundle names')
    .option('--commit <rev>', 'instead of DIR: the policy of this commit')
    .option('--repository <dir>', 'where the commit is; its work tree does not matter', '.')
    .option('--json', 'the result as one JSON document')
    .addHelpText('after', `
Examples:
  countersign policy explain --input input.json policies
  countersign policy explain --evidence evidence --keys keys.jsonl --session 01a2 --seq 7 --bundle bundle.tar.gz --repository ~/policies

Exit status: 0 explained; 1 the source does not compile, or decides otherwise than is on record; 2 could not run.
DIR is as of policy check.`)
    .action(async (dir: string | undefined, flags: ExplainFlags) => {
      const folder = path.resolve(dir ?? defaultFolder())
      const isCommitted = flags.bundle !== undefined || flags.commit !== undefined
      const show = isCommitted ? String : (file: string) => path.relative(process.cwd(), path.join(folder, file))
      await ran(flags.json, 'explaining', show, () => explain(dir, flags, show, { toolchain, readCommit, readRecorded }))
    })
}

interface Reach { readonly toolchain: Toolchain; readonly readCommit: ReadCommit; readonly readRecorded: ReadRecorded }

async function explain(dir: string | undefined, flags: ExplainFlags, show: (file: string) => string, { toolchain, readCommit, readRecorded }: Reach): Promise<Told> {
  const recorded = await readQuestion(flags, readRecorded)
  const { files, origin } = await readPolicy(dir, flags, readCommit)
  const explanation = await explainDecision({ toolchain, files, capabilities: shippedCapabilities(), input: recorded.input })
  const { decided, why, parts, missed } = explanation
  const isOther = recorded.decision !== undefined && (decided === undefined || Buffer.compare(decided.canonical, recorded.decision) !== 0)
  const verdict = recorded.decision === undefined ? [] : ['', isOther
    ? style.bad(`On record is another decision: this source is not the one that decided (bundle ${recorded.bundle}), or its bundle was not made of it.`)
    : `This is the decision on record, byte for byte (bundle ${recorded.bundle}).`]
  return {
    document: { decision: decided?.decision ?? null, ...why === undefined ? {} : { why }, parts, missed, policy: origin, ...recorded.bundle === undefined ? {} : { bundle: recorded.bundle, is_recorded: !isOther } },
    lines: [...explanationLines(explanation, show, style), ...verdict],
    isAmiss: isOther,
  }
}

async function readQuestion(flags: ExplainFlags, readRecorded: ReadRecorded): Promise<{ readonly input: object; readonly decision?: Uint8Array; readonly bundle?: string }> {
  const { input, evidence, keys, session, seq } = flags
  if ((input === undefined) === (evidence === undefined)) throw new PolicyError('ERR_POLICY_INPUT', 'say what is to be explained: --input FILE, or --evidence DIR with --keys, --session and --seq')
  if (evidence !== undefined) {
    if (keys === undefined || session === undefined || seq === undefined || !/^\d{1,15}$/.test(seq)) throw new PolicyError('ERR_POLICY_INPUT', '--evidence goes with --keys FILE, --session ID and --seq N')
    return readRecorded({ directory: evidence, keys, session, seq: Number(seq) })
  }
  let value: unknown
  try {
    value = JSON.parse(readFileSync(input === '-' || input === undefined ? 0 : input, 'utf8'))
  } catch (cause) {
    throw new PolicyError('ERR_POLICY_INPUT', `${input} cannot be read as JSON`, { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new PolicyError('ERR_POLICY_INPUT', 'the input is not an object')
  return { input: value }
}

/** Where the rules are: a folder, a commit, or the commit that a bundle names, if it still has the source that the bundle states. */
async function readPolicy(dir: string | undefined, { bundle, commit, repository }: ExplainFlags, readCommit: ReadCommit): Promise<{ readonly files: PolicySource; readonly origin: string }> {
  if ([dir, bundle, commit].filter(one => one !== undefined).length > 1) throw new PolicyError('ERR_POLICY_SOURCE', 'give one of DIR, --bundle and --commit')
  if (commit !== undefined) {
    const { revision, files } = await readCommit(repository, commit)
    return { files: policyFiles(files), origin: revision }
  }
  if (bundle === undefined) return { files: readPolicyFolder(dir ?? defaultFolder()), origin: path.resolve(dir ?? defaultFolder()) }
  const bytes = readBundleFile(bundle)
  const inside = readTarball(bytes)
  inside.delete(signaturesFile)
  const { revision, sourceDigest: stated } = bundleOf(bytes, inside, {})
  const { files } = await readCommit(repository, revision)
  const found = [policyFiles(files), files].find(one => sourceDigest(one) === stated)
  if (found === undefined) throw new PolicyError('ERR_POLICY_SOURCE', `commit ${revision} is not the source that the bundle states`)
  return { files: found, origin: revision }
}

function policyFiles(files: PolicySource): PolicySource {
  return new Map([...files].filter(([name]) => isPolicyFile(name)))
}
