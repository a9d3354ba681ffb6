// Step 7 of the tour: a colleague proposes to change the policy, and a replay of the calls just recorded says which decisions would flip.
import fs from 'node:fs'
import path from 'node:path'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import git from 'isomorphic-git'
import { allowedSigner } from '../../evidence/repository/sshsig.ts'
import { countersign } from './cast.ts'
import type { Home } from './home.ts'
import { signedBy } from './policy-repository.ts'
import type { Say } from './say.ts'

const branch = 'less-friction'
/** What eli finds in the way: two lines of the policy's data. */
const edits = [
  ['"bulk_exports": ["bank/export_customers"]', '"bulk_exports": []'],
  ['{ "id": "mcp.contact", "match": { "columns": ["email", "phone"] }', '{ "id": "mcp.contact", "match": { "columns": ["phone"] }'],
] as const

/** The calls of the tour are sealed by now. */
export async function reviewPolicy(home: Home, say: Say): Promise<void> {
  const dir = path.join(home.dir, 'review')
  const at = (name: string) => path.join(dir, name)
  say.title('7. A pull request to the policy says which recorded decisions it flips, before anybody merges it')
  fs.rmSync(dir, { recursive: true, force: true })
  fs.mkdirSync(dir, { mode: 0o700 })
  const keys = await countersign(['evidence', 'export', '--keys', at('session-keys.jsonl'), path.join(home.gateway, 'keys')])
  writeExporter(at('exporter.pem'), at('exporters'))
  const corpus = await countersign(['evidence', 'export', '--replay-corpus', at('corpus.jsonl'), '--keys', at('session-keys.jsonl'), '--bundles', path.join(home.gateway, 'state', 'bundles'), '--sign', at('exporter.pem'), path.join(home.gateway, 'evidence')])
  // They open everything; the corpus has what a review needs.
  fs.rmSync(at('session-keys.jsonl'), { force: true })
  say.line(corpus.output.trim().replaceAll(`${dir}${path.sep}`, ''))
  say.expect('the calls just recorded are exported without names, signed, each with its proof', keys.code === 0 && corpus.code === 0 && corpus.output.includes('pseudonymous identities, signed'), keys.output + corpus.output)

  await propose(home)
  say.line(`eli proposes, on branch ${branch}: bulk exports without approval, and e-mail addresses for analysts`)
  const review = await countersign([
    'policy', 'replay', '--base', 'main', '--head', branch, '--repository', home.policy, '--corpus', at('corpus.jsonl'), '--signers', at('exporters'), '--log-key', path.join(home.gateway, 'sealer', 'log.vkey'),
    '--author', 'eli', '--output', at('report'), '--suggest-tests', at('report'),
  ])
  for (const line of review.output.trim().split('\n').filter((said) => !said.includes(dir) && !said.startsWith('report sha256'))) say.line(line)
  say.command(`the whole report, as the pull request's comment: ${path.join(at('report'), 'report.md')}`)
  say.expect('the policy in force makes every recorded decision again, byte for byte', /base makes (\d+) of \1 (?:of its own )?recorded decisions again/.test(review.output), review.output)
  say.expect('the report says that exports lose their approval and a column its mask', review.output.includes('approval removed') && review.output.includes('mcp.bulk_export') && review.output.includes('mask removed') && review.output.includes('column email'), review.output)
  say.expect('wider access cannot be merged without a label and an owner other than eli (exit 1)', review.code === 1 && review.output.includes('to merge:'), `exit ${review.code}`)
  say.expect('no caller is named in the report', !/\b(?:ana|lena)\b/.test(fs.readFileSync(path.join(at('report'), 'report.json'), 'utf8')))
}

function writeExporter(keyFile: string, signersFile: string): void {
  const { privateKey } = generateKeyPairSync('ed25519')
  fs.writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  fs.writeFileSync(signersFile, allowedSigner('exporter@bank.example', Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url'), 'countersign-replay-corpus'))
}

/** A branch from main with one signed commit, made anew in each tour without touching the work tree; the gateway follows main and takes no notice. */
async function propose(home: Home): Promise<void> {
  const repository = { fs, dir: home.policy }
  const main = await git.resolveRef({ ...repository, ref: 'main' })
  const { blob } = await git.readBlob({ ...repository, oid: main, filepath: 'data/data.json' })
  const text = edits.reduce((before, [from, to]) => before.replace(from, to), Buffer.from(blob).toString('utf8'))
  const oid = await git.writeBlob({ ...repository, blob: Buffer.from(text) })
  const data = await replaced(repository, main, 'data', 'data.json', oid)
  const tree = await replaced(repository, main, undefined, 'data', data)
  await git.commit({ ...repository, message: 'policy: less friction for analysts', tree, parent: [main], ref: `refs/heads/${branch}`, ...signedBy(home, 'eli') })
}

/** A folder of a commit with another object under one name. */
async function replaced(repository: { readonly fs: typeof fs; readonly dir: string }, commit: string, folder: string | undefined, name: string, oid: string): Promise<string> {
  const { tree } = await git.readTree({ ...repository, oid: commit, ...(folder === undefined ? {} : { filepath: folder }) })
  return await git.writeTree({ ...repository, tree: tree.map((entry) => entry.path === name ? { ...entry, oid } : entry) })
}
