// `countersign policy statement` and `policy activate`: what the people of a quorum do. Signing is ssh-keygen's: keys stay where they are.
// Exit status: 0 done, 1 the policy does not pass, 2 could not run.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { PolicyError, shippedCapabilities } from '../rego/index.ts'
import { GatewayError } from './errors.ts'
import { activationNamespace, leaveEndorsement, proposeActivation, signerOf, statementKinds, writeEndorsement, writeStatement, type Proposal, type StatementKind } from './policy/index.ts'

interface Asked { readonly repository: string; readonly commit: string; readonly kind: string; readonly reason?: string; readonly serial?: string; readonly json?: true }

export function statementCommand(policy: Command): void {
  asking(policy.command('statement').description('test and build a commit, and print the statement that brings it into force when enough people sign it'))
    .addHelpText('after', `
The statement is one line of JSON, and exactly what is signed:
  tree     SHA-256 of: find allowed_signers config.yaml data policy schema -type f | LC_ALL=C sort | xargs sha256sum
  bundle   SHA-256 of what countersign policy build --revision <commit> --serial <serial> writes
  tests    SHA-256 of the sorted lines "<outcome>  <package>.<test>"

Examples:
  countersign policy statement                                  of HEAD of the repository here
  countersign policy statement > statement && ssh-keygen -Y sign -n ${activationNamespace} -f ~/.ssh/id_ed25519 statement`)
    .action((asked: Asked) => ran(asked, async () => {
      const { statement } = await propose(asked)
      process.stdout.write(writeStatement(statement))
    }))
}

export function activateCommand(policy: Command): void {
  asking(policy.command('activate').description('sign the statement of a commit with your SSH key, and leave it in the repository where gateways look'))
    .requiredOption('--sign <key>', 'private key, or a public key whose private half the SSH agent holds')
    .option('--push <remote>', 'push the signed statement there')
    .addHelpText('after', `
Run it in your own checkout: it tests and builds the commit on your machine, and signs what came out. Nothing is in force before as many
people as the policy in force asks for have signed the same statement.

Examples:
  countersign policy activate --sign ~/.ssh/id_ed25519 --push origin
  countersign policy activate --sign key.pub --kind emergency --reason "INC-77: exports stopped" --push origin
  countersign policy activate --sign key.pub --kind after-review --commit 4f1c09e --push origin`)
    .action((asked: Asked & { sign: string; push?: string }) => ran(asked, async () => {
      if (!existsSync(asked.sign)) throw new GatewayError('ERR_USAGE', `--sign: ${asked.sign} is not there`)
      const { statement, allowedSigners } = await propose(asked)
      const signature = await run('ssh-keygen', ['-Y', 'sign', '-q', '-n', activationNamespace, '-f', asked.sign], writeStatement(statement))
      const signer = signerOf(statement, signature, allowedSigners, Date.now())
      const ref = await leaveEndorsement(asked.repository, writeEndorsement(statement, signature))
      if (asked.push !== undefined) await run('git', ['-C', asked.repository, 'push', '--quiet', '--', asked.push, `+${ref}:${ref}`])
      const { kind, revision, serial, tree, bundle, tests } = statement
      if (asked.json === true) process.stdout.write(`${JSON.stringify({ statement, signer: signer ?? null, ref, pushed: asked.push ?? null })}\n`)
      else {
        const tip = asked.push === undefined ? revision : await tipOf(asked.repository, asked.push)
        const hasRemote = (await run('git', ['-C', asked.repository, 'remote']).catch(() => 'unknown')).trim() !== ''
        process.stdout.write([
          `signed: ${kind} of ${revision}, serial ${serial}`, `  tree    ${tree}`, `  bundle  ${bundle}`, `  tests   ${tests}`,
          `  by      ${signer ?? (allowedSigners === undefined ? 'a key that the gateway\'s own list must name: this commit has no allowed_signers' : 'A KEY THAT IS IN NO LINE of this commit\'s allowed_signers: a gateway that goes by them does not count it')}`,
          ...tip === revision ? [] : [`  NOT THE NEWEST: the default branch of ${asked.push} is at ${tip}, which this does not bring into force`],
          asked.push !== undefined ? `pushed to ${asked.push}` : hasRemote ? `Push it to where gateways look:\n  git push origin +${ref}` : 'Gateways that read this very repository see it at once.', '',
        ].join('\n'))
      }
    }))
}

function asking(command: Command): Command {
  return command
    .option('--repository <dir>', 'checkout or bare repository of the policy', '.')
    .option('--commit <rev>', 'which commit', 'HEAD')
    .option('--kind <kind>', statementKinds.join(', '), 'activation')
    .option('--reason <text>', 'why: of an emergency change, or what a review found')
    .option('--serial <number>', 'default: the commits on its first-parent line')
    .option('--json', 'the result, or what is wrong, as one JSON document')
}

async function propose({ repository, commit, kind, reason, serial }: Asked): Promise<Proposal> {
  if (!isKind(kind)) throw new GatewayError('ERR_USAGE', `--kind: expected one of ${statementKinds.join(', ')}`)
  if (serial !== undefined && !/^[1-9]\d{0,14}$/.test(serial)) throw new GatewayError('ERR_USAGE', '--serial: expected a number')
  if (!existsSync(repository)) throw new GatewayError('ERR_USAGE', `--repository: ${repository} is not there`)
  return await proposeActivation(repository, { commit, kind, capabilities: shippedCapabilities(), ...reason === undefined ? {} : { reason }, ...serial === undefined ? {} : { serial: Number(serial) } })
}

/** Where a remote's default branch is: whoever did not pull signs for a commit that is no longer the newest. */
async function tipOf(repository: string, remote: string): Promise<string> {
  const [id = ''] = (await run('git', ['-C', repository, 'ls-remote', '--', remote, 'HEAD'])).split('\t')
  return id === '' ? 'no commit' : id
}

/** A policy that does not pass is an answer; anything else that goes wrong is the caller's to say. */
async function ran({ json }: Asked, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error
    const { code, message, findings } = error
    if (json === true) process.stdout.write(`${JSON.stringify({ code, message, findings })}\n`)
    else process.stderr.write(`countersign: ${code}: ${message}${code === 'ERR_POLICY_TEST' ? ' (countersign policy test shows why)' : ''}\n`)
    process.exitCode = 1
  }
}

/** @returns stdout; a passphrase is asked for, and errors are said, on the terminal */
async function run(program: string, args: readonly string[], input: Uint8Array = new Uint8Array(0)): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stdin.on('error', () => undefined).end(input)
  const code = await new Promise<number | null>((resolve, reject) => { child.once('error', () => reject(new GatewayError('ERR_USAGE', `${program} is not on PATH`))).once('close', resolve) })
  if (code !== 0) throw new GatewayError('ERR_USAGE', `${program} ended with ${code ?? 'a signal'}`)
  return output
}

function isKind(kind: string): kind is StatementKind {
  return statementKinds.some((one) => one === kind)
}
