// `policy verify`: whose a bundle is, that it is not an older one, and that it was made of the commit that it names.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { bundleOf, signaturesFile, type Bundle } from '../bundle.ts'
import { shippedCapabilities } from '../capabilities.ts'
import { PolicyError } from '../errors.ts'
import { checkShape } from '../module-shape.ts'
import { reproduceBundle, type Commit } from '../reproduce.ts'
import { quicken } from '../runtime/index.ts'
import { readSignedBundle } from '../signing/bundle-signature.ts'
import { readVerificationKey, rsaAlgorithms } from '../signing/keys.ts'
import { readTarball } from '../tarball.ts'
import { compilerDigest } from '../toolchain/artefact.ts'
import { readSections } from '../wasm-reader.ts'
import { readBundleFile } from './bundle-file.ts'
import { ran, style, type Json, type Told } from './run.ts'

/** Reads a commit's policy from a repository's objects, never from its work tree. This folder knows no Git; whoever starts the program does. */
export type ReadCommit = (repository: string, commit: string) => Promise<Commit>

interface VerifyOptions extends Json {
  readonly key?: string; readonly keyid?: string; readonly alg?: string; readonly scope: string; readonly unsigned?: boolean
  readonly minimumSerial: string; readonly commit?: string; readonly repository: string
}

export const verifyCommand = (readCommit: ReadCommit) => (policy: Command): void => {
  policy.command('verify').description('whose a bundle is, that it is not rolled back, and that a commit compiles to it')
    .argument('<BUNDLE>', 'bundle.tar.gz, or DIR@sha256:… for an image in an OCI layout')
    .option('--key <file>', 'public key in PEM that it must be signed by')
    .option('--keyid <id>', 'the name that the signature knows the key by')
    .option('--alg <name>', `of an RSA key: ${rsaAlgorithms.join(', ')} (default RS256)`)
    .option('--scope <scope>', 'what it must be signed for', '')
    .option('--unsigned', 'instead of a key: do not ask whose it is')
    .option('--minimum-serial <number>', 'the lowest serial that is accepted', '0')
    .option('--commit <rev>', 'rebuild it from this commit (id or its start, branch, tag, ~n or ^n behind it) and compare byte for byte')
    .option('--repository <dir>', 'where the commit is, a linked worktree will do; what is checked out does not matter', '.')
    .option('--json', 'the result as one JSON document')
    .addHelpText('after', `
Examples:
  countersign policy verify --key release.pub --keyid release-2026 --scope prod bundle.tar.gz
  countersign policy verify --unsigned --commit main --repository ~/policies bundle.tar.gz

Exit status: 0 all of it holds; 1 it does not; 2 could not run.`)
    .action((file: string, options: VerifyOptions) => ran(options.json, 'verifying', String, () => verify(file, options, readCommit)))
}

async function verify(file: string, options: VerifyOptions, readCommit: ReadCommit): Promise<Told> {
  const { bytes, bundle, signer } = await open(file, options)
  const { hex, revision, serial, sourceDigest, compilerDigest, capabilitiesDigest, reports } = bundle
  const says = { digest: hex, signer, revision, serial, source: sourceDigest, compiler: compilerDigest, capabilities: capabilitiesDigest, reports }
  const lines = [
    `${file}: sha256 ${hex}`,
    signer === undefined ? 'whose it is was not asked (--unsigned)' : `signed by ${signer}${options.scope === '' ? '' : ` for ${options.scope}`}`,
    `revision ${revision}, serial ${serial}`,
    ...compilerWords(bundle),
  ]
  if (options.commit === undefined) return { document: says, lines }
  const commit = await readCommit(options.repository, options.commit)
  const { differences, rebuilt } = await reproduceBundle(bytes, commit, shippedCapabilities())
  const isSame = differences.length === 0
  return {
    document: { ...says, commit: commit.revision, rebuilt, differences: differences.map(({ code, message }) => ({ code, message })) },
    lines: isSame
      ? [...lines, `${style.good('reproduced')}: commit ${commit.revision} compiles to it, unsigned sha256 ${rebuilt}`]
      : [...lines, `${style.bad('not reproduced')} from commit ${commit.revision}:`, ...differences.map(({ message }) => `  ${message}`)],
    isAmiss: !isSame,
  }
}

/** What a host here does not know is right, and slower: an operator is told before it decides. */
export function compilerWords({ wasm, compilerDigest: compiler }: Pick<Bundle, 'wasm' | 'compilerDigest'>): readonly string[] {
  const parts = readSections(wasm)
  const known = quicken(parts, wasm, checkShape(parts).length)
  return [
    ...compiler === compilerDigest() ? [] : ['compiled by another compiler than the one of this release'],
    ...known.includes('opa_value_hash') ? [] : [`its functions are not those of the OPA that this release knows: it decides the same, and takes longer (rego/README.md, "What is replaced in a module")`],
  ]
}

async function open(file: string, { key, keyid, alg, scope, unsigned = false, minimumSerial }: VerifyOptions): Promise<{ bytes: Uint8Array; bundle: Bundle; signer: string | undefined }> {
  if (unsigned === (key !== undefined) || (key === undefined) !== (keyid === undefined)) throw new PolicyError('ERR_BUNDLE_KEY', 'give either --key with --keyid, or --unsigned')
  if (!/^\d{1,15}$/.test(minimumSerial)) throw new PolicyError('ERR_POLICY_BUILD', '--minimum-serial is not a number')
  const least = { minimumSerial: Number(minimumSerial) }
  const keys = key === undefined || keyid === undefined ? undefined : [readVerificationKey(readFileSync(key, 'utf8'), keyid, alg)]
  try {
    const bytes = readBundleFile(file)
    if (keys !== undefined) {
      const bundle = await readSignedBundle(bytes, { keys, scope, ...least })
      return { bytes, bundle, signer: bundle.signer }
    }
    const files = readTarball(bytes)
    files.delete(signaturesFile)
    return { bytes, bundle: bundleOf(bytes, files, least), signer: undefined }
  } catch (cause) {
    // A bundle that is not what it should be is what was asked about, not a failure to ask.
    if (!(cause instanceof PolicyError) || cause.findings.length > 0) throw cause
    const { code, message } = cause
    throw new PolicyError(code, message, { cause, findings: [{ code, message, file: '', row: 0, col: 0 }] })
  }
}
