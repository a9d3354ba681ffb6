// Whose keys may sign policy: OpenSSH's allowed_signers format (ssh-keygen(1), ALLOWED SIGNERS). What we do not know of it is refused,
// because a list half understood would trust the wrong people.
import { GatewayError } from '../errors.ts'
import { keyTypes, readPublicKey, type SshNamespace } from './sshsig.ts'

const maxLines = 1_000
/** base64 of a key; one in a security key with a long application's name takes half of it. */
const maxKeyChars = 400
const namespacesOfOurs: readonly SshNamespace[] = ['git', 'countersign-activation']
/** What evidence has signed: a key for nothing else is nobody's here, and stands in the list for the review. */
const namespacesOfTheRecord: readonly string[] = ['countersign-replay-corpus', 'countersign-replay-report']
/** Accounts under which a forge signs what somebody clicked: whoever holds the account's session, so no person. */
const forgeAccount = /^(no-?reply|web-flow|github|gitlab|bitbucket|gitea|forgejo)(@|$)/i

export interface AllowedSigner {
  /** The first principal of the line, as the record names the signer. */
  readonly name: string
  /** Every principal of the line: names of one person. */
  readonly names: readonly string[]
  /** base64 of the public key blob */
  readonly key: string
  /** hex, of the curve: the same private key in a file and in another blob is one */
  readonly point: string
  /** What it may sign; a line without the option may sign both. */
  readonly namespaces: readonly SshNamespace[]
  /** ms */
  readonly validAfter: number
  readonly validBefore: number
}

/** @throws GatewayError ERR_POLICY_UNTRUSTED naming the line */
export function parseAllowedSigners(text: string): readonly AllowedSigner[] {
  const lines = text.split('\n')
  if (lines.length > maxLines) throw new GatewayError('ERR_POLICY_UNTRUSTED', `allowed_signers has more than ${maxLines} lines`)
  return lines.flatMap((line, index) => line.trim() === '' || line.startsWith('#') ? [] : [parseLine(line.trim(), index + 1)])
}

/** A line of this key that may sign for `namespace`, and whose time window holds all of `times` (ms). */
export function findSigner(signers: readonly AllowedSigner[], key: string, namespace: SshNamespace, ...times: readonly number[]): AllowedSigner | undefined {
  return signers.find((signer) => signer.key === key && signer.namespaces.includes(namespace) && times.every((time) => signer.validAfter <= time && time < signer.validBefore))
}

function parseLine(line: string, number: number): AllowedSigner {
  const wrong = (why: string): GatewayError => new GatewayError('ERR_POLICY_UNTRUSTED', `allowed_signers line ${number}: ${why}`)
  const fields = line.match(/(?:[^\s"]|"[^"]*")+/g) ?? []
  const [principals, second, third, fourth] = fields
  const hasOptions = second !== undefined && !second.startsWith('ssh-') && !second.startsWith('sk-') && !second.startsWith('ecdsa-')
  const [options, type, key] = hasOptions ? [second, third, fourth] : ['', second, third]
  const names = (principals ?? '').replaceAll('"', '').split(',')
  const [name] = names
  if (name === undefined || names.includes('') || type === undefined || key === undefined) throw wrong('expected principals, options, key type and key')
  // OpenSSH reads patterns here; one key for many names is nobody in particular.
  if (names.some((one) => /[*?!]/.test(one))) throw wrong('a pattern names no person')
  // Letters of other scripts and of no width: two people to us who are one to whoever reads the list.
  if (names.some((one) => !/^[\x21-\x7e]+$/.test(one))) throw wrong('a name that is not printable ASCII could be read as another')
  if (names.some((one) => forgeAccount.test(one))) throw wrong('the key of a forge is no person')
  if (!keyTypes.some((known) => known === type)) throw wrong('only ssh-ed25519 keys are accepted, in software or in a security key')
  const blob = Buffer.from(key, 'base64')
  const known = key.length <= maxKeyChars && blob.toString('base64') === key ? readPublicKey(blob) : undefined
  if (known?.type !== type) throw wrong('the key is not of its type, in base64')
  let namespaces = namespacesOfOurs
  let validAfter = -Infinity, validBefore = Infinity
  for (const option of options === '' ? [] : options.match(/(?:[^,"]|"[^"]*")+/g) ?? []) {
    const at = option.indexOf('=')
    const value = option.slice(at + 1).replaceAll('"', '')
    switch (at < 0 ? option.toLowerCase() : option.slice(0, at).toLowerCase()) {
      case 'namespaces': {
        // Names as they stand; OpenSSH's patterns would be read as a narrower list than they are, never as a wider one.
        const listed = value.split(',')
        namespaces = namespaces.filter((one) => listed.includes(one))
        if (namespaces.length === 0 && !listed.every((one) => namespacesOfTheRecord.includes(one))) throw wrong('the key may sign nothing here: namespaces has neither git nor countersign-activation')
        break
      }
      case 'valid-after': validAfter = Math.max(validAfter, parseTime(value) ?? fail(wrong('valid-after is not a time'))); break
      case 'valid-before': validBefore = Math.min(validBefore, parseTime(value) ?? fail(wrong('valid-before is not a time'))); break
      default: throw wrong('an option that is not known')
    }
  }
  return { name, names, key, point: known.point, namespaces, validAfter, validBefore }
}

/** `YYYYMMDD[Z]` or `YYYYMMDDHHMM[SS][Z]`; always read as UTC, so that every machine judges alike. */
function parseTime(text: string): number | undefined {
  const m = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?Z?$/.exec(text)
  if (m === null) return undefined
  const [, year, month, day, hour = '00', minute = '00', second = '00'] = m
  const time = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  // The 31st of February would be some day in March here, and nothing to OpenSSH.
  return new Date(time).toISOString().replaceAll(/[-:T]/g, '').startsWith([year, month, day, hour, minute, second].join('')) ? time : undefined
}

function fail(error: GatewayError): never {
  throw error
}
