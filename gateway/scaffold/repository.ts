// The files of a new policy repository: library and packs from rego/, a first package of the house's own, a governed config whose targets
// are those that the packs' data speak of, review rules, CI and editor settings.
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { starterFiles, type PackName } from '../../rego/index.ts'
import { GatewayError } from '../errors.ts'
import { parseAllowedSigners } from '../policy/allowed-signers.ts'

/** Packs that a target of config.yaml belongs to. The gateway has no gRPC listener yet, and ffiec is about all targets. */
const withTarget = { mcp: 'bank', http: 'ledger', pg: 'appdb' } as const satisfies Partial<Record<PackName, string>>
const here = import.meta.dirname
const template = path.join(here, 'template')
// Here and not in the template, since npm leaves files of this name out of a package.
const ignored = `# Whoever holds session keys reads every recorded body, and a corpus holds what callers sent: neither is committed by the way.
keys.jsonl
/corpus.jsonl
/corpus.jsonl.sig
*.pem
`

export interface NewRepository {
  readonly packs: readonly PackName[]
  /** Of Countersign, for its CI. */
  readonly version: string
  /** Public keys of those who may sign, as `ssh-keygen` writes them. */
  readonly signers: readonly { readonly file: string; readonly text: string }[]
}

/** A gateway in front of nothing is refused, and so is one that opens nothing of what it is in front of. */
export function effectivePacks(asked: readonly PackName[]): readonly PackName[] {
  return asked.some(name => name in withTarget) ? asked : ['mcp', ...asked]
}

/** Text by path, in the order in which a reader would look. @throws GatewayError ERR_USAGE for a key that cannot sign */
export function repositoryFiles({ packs, version, signers }: NewRepository): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const name of ['README.md', '.github/CODEOWNERS', '.github/workflows/policy.yml', '.editorconfig', '.regal/config.yaml', '.vscode/extensions.json', '.vscode/settings.json', '.vscode/tasks.json']) {
    files.set(name, filled(readFileSync(path.join(template, name), 'utf8'), { VERSION: version }))
  }
  files.set('.gitignore', ignored)
  files.set('.vscode/config.schema.json', readFileSync(path.join(here, '..', 'schema', 'governed.schema.json'), 'utf8'))
  files.set('config.yaml', configYaml(packs))
  if (signers.length > 0) files.set('allowed_signers', signers.map(signerLine).join(''))
  for (const folder of ['policy/house', 'data/house']) {
    for (const name of readdirSync(path.join(template, folder))) files.set(`${folder}/${name}`, readFileSync(path.join(template, folder, name), 'utf8'))
  }
  for (const [name, text] of starterFiles(packs)) files.set(name, text)
  return files
}

function configYaml(packs: readonly PackName[]): string {
  const targets = Object.entries(withTarget).filter(([pack]) => packs.some(name => name === pack))
  const part = (name: string) => readFileSync(path.join(here, 'config', `${name}.yaml`), 'utf8')
  const head = filled(part('head'), { AUDIENCES: targets.map(([, target]) => `https://gateway.example.com/${target}`).join(', ') })
  return head + targets.map(([pack]) => part(pack)).join('')
}

/** `ssh-ed25519 KEY COMMENT` to a line of allowed_signers; the comment names the person. */
function signerLine({ file, text }: NewRepository['signers'][number]): string {
  const [type = '', key = '', name = ''] = text.trim().split(/\s+/)
  const line = `${name} namespaces="git,countersign-activation,countersign-replay-corpus" ${type} ${key}\n`
  // A private key given by mistake has neither, and nothing of it is said again.
  if (type !== 'ssh-ed25519' || name === '') throw new GatewayError('ERR_USAGE', `${file} is no public ssh-ed25519 key with a comment that names a person`)
  parseAllowedSigners(line)
  return line
}

function filled(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((done, [name, value]) => done.replaceAll(name, value), text)
}
