// What may lie in a policy repository: statements with their signatures, lists of signers, commits. Whoever may push chooses these bytes.
import { signSsh } from '../../evidence/repository/sshsig.ts'
import { GatewayError } from '../../gateway/errors.ts'
import { parseAllowedSigners } from '../../gateway/policy/allowed-signers.ts'
import { peopleOf } from '../../gateway/policy/people.ts'
import { parseCommit } from '../../gateway/policy/repository.ts'
import { verifySshSignature } from '../../gateway/policy/sshsig.ts'
import { activationNamespace, parseEndorsement, writeEndorsement, writeStatement, type Statement } from '../../gateway/policy/statement.ts'
import { newSigner } from '../gateway/policy/policy-repository.ts'
import type { Target } from './targets.ts'

const eli = newSigner('eli'), lena = newSigner('lena')
const statement: Statement = { kind: 'emergency', revision: 'a'.repeat(40), tree: '1'.repeat(64), bundle: '2'.repeat(64), serial: 7, tests: '3'.repeat(64), reason: 'INC-77: "stopped" – é' }
const signature = signSsh(writeStatement(statement), eli.key, eli.publicKey, activationNamespace)
const signed = writeEndorsement(statement, signature)
const commit = `tree ${'b'.repeat(40)}\nparent ${'c'.repeat(40)}\nauthor E <e> 1 +0000\ncommitter E <e> 1 +0000\ngpgsig ${signature.trimEnd().replaceAll('\n', '\n ')}\n\nmessage\n`

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`)
}

export const policyTargets: readonly Target[] = [
  {
    name: 'activation statements: one form for one meaning, and no other bytes under a signature',
    seeds: [signed, writeEndorsement({ kind: 'activation', revision: statement.revision, tree: statement.tree, bundle: statement.bundle, serial: 1, tests: statement.tests }, signature)],
    run(input) {
      const read = parseEndorsement(input)
      if (typeof read === 'string') return
      must(Buffer.compare(writeStatement(read.statement), read.signed) === 0, 'what was signed is what is meant')
      if (verifySshSignature(read.signature, read.signed, activationNamespace) !== undefined) must(Buffer.compare(read.signed, writeStatement(statement)) === 0, 'a signature holds for what was signed')
    },
  },
  {
    name: 'allowed_signers: refused as a whole or understood as a whole',
    seeds: [Buffer.from(eli.line + lena.line), Buffer.from(`# people\neli@b,e@b namespaces="git",valid-after="20250101",valid-before="20260101Z" ${eli.line.trim().split(' ').slice(-2).join(' ')} c\n`)],
    run(input) {
      try {
        const signers = parseAllowedSigners(Buffer.from(input).toString())
        must(signers.every(({ names, namespaces }) => namespaces.length > 0 && names.every((name) => !/[*?!]/.test(name))), 'a line names somebody, for something')
        const people = peopleOf(signers)
        must(people.flatMap(({ keys }) => [...keys]).length === new Set(signers.map(({ key }) => key)).size, 'a key is one person\'s')
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
      }
    },
  },
  {
    name: 'commits of a policy repository: the signature covers all but itself',
    seeds: [Buffer.from(commit)],
    run(input) {
      const read = parseCommit('r', input)
      if (read === undefined) return
      must(/^[0-9a-f]{40}$/.test(read.tree), 'a tree is an id')
      must(read.signed.length <= input.length, 'nothing is added to what was signed')
    },
  },
]
