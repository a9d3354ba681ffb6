// `countersign policy new`: a policy repository that works at once. Exit codes: 0 made, 2 not made.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Argument, type Command, Option } from 'commander'
import { packNames, packs as starterPacks, type PackName } from '../../rego/index.ts'
import { GatewayError } from '../errors.ts'
import { effectivePacks, repositoryFiles } from './repository.ts'

interface Options { readonly pack: readonly PackName[]; readonly signer: readonly string[]; readonly json?: true }

/** @param version of Countersign, which the new repository's CI installs */
export const newCommand = (version: string) => (policy: Command): void => {
  policy.command('new')
    .description('a policy repository to start from: library, packs, a package of your own with tests, config, CI, review rules')
    .addArgument(new Argument('<DIR>', 'folder to make; one that holds anything is refused'))
    .addOption(new Option('--pack <name...>', 'starter packs to take').choices(packNames).default(['mcp']))
    .option('--signer <file...>', 'public SSH keys (ssh-ed25519, with the person as comment) that go into allowed_signers', [])
    .option('--json', 'the result as one JSON document')
    .addHelpText('after', `
Packs:
${packNames.map((name) => `  ${name.padEnd(7)} ${starterPacks[name].title}`).join('\n')}

Examples:
  countersign policy new policy                       tools behind an MCP server
  countersign policy new policy --pack mcp pg ffiec   and databases, and what examiners ask about
  countersign policy new policy --signer ~/.ssh/id_ed25519.pub eli.pub

Exit codes: 0 made; 2 not made.`)
    .action((dir: string, { pack, signer, json }: Options) => {
      if (!isEmpty(dir)) throw new GatewayError('ERR_USAGE', `${dir} is not an empty folder`)
      const taken = effectivePacks(pack)
      const files = repositoryFiles({ packs: taken, version, signers: signer.map((file) => ({ file, text: readKey(file) })) })
      for (const [name, text] of files) {
        mkdirSync(path.dirname(path.join(dir, name)), { recursive: true })
        // Never over a file that somebody put there meanwhile.
        writeFileSync(path.join(dir, name), text, { flag: 'wx' })
      }
      process.stdout.write(json === true ? `${JSON.stringify({ dir, packs: taken, files: [...files.keys()] })}\n` : `${files.size} files in ${dir}, packs ${taken.join(', ')}. Next:
  cd ${dir} && git init -b main
  countersign policy check .     typed inputs, strict
  countersign policy test .      every rule has tests
  README.md                      how a change is made, reviewed and brought into force
`)
    })
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new GatewayError('ERR_USAGE', `${file} cannot be read`, { cause })
  }
}

/** A clone of a repository without commits counts as empty. */
function isEmpty(dir: string): boolean {
  if (!existsSync(dir)) return true
  return statSync(dir).isDirectory() && readdirSync(dir).every((name) => name === '.git')
}
