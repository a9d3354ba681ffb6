// Whose keys may sign policy: OpenSSH's allowed_signers format (ssh-keygen(1), ALLOWED SIGNERS). What we do not know of it is refused.
import { GatewayError } from '../errors.ts'

const maxLines = 1_000

export interface AllowedSigner {
  /** The first principal of the line, as the record names the signer. */
  readonly name: string
  /** base64 of the public key blob */
  readonly key: string
  /** ms; the commit's own time must lie between */
  readonly validAfter: number
  readonly validBefore: number
}

/** @throws GatewayError ERR_POLICY_UNTRUSTED naming the line: a list half understood would trust the wrong people */
export function parseAllowedSigners(text: string): readonly AllowedSigner[] {
  const lines = text.split('\n')
  if (lines.length > maxLines) throw new GatewayError('ERR_POLICY_UNTRUSTED', `allowed_signers has more than ${maxLines} lines`)
  return lines.flatMap((line, index) => line.trim() === '' || line.startsWith('#') ? [] : [parseLine(line.trim(), index + 1)])
}

/** The signer whose key this is and whose time window holds `time` (ms), or undefined. */
export function findSigner(signers: readonly AllowedSigner[], key: string, time: number): AllowedSigner | undefined {
  return signers.find((signer) => signer.key === key && signer.validAfter <= time && time < signer.validBefore)
}

function parseLine(line: string, number: number): AllowedSigner {
  const wrong = (why: string): GatewayError => new GatewayError('ERR_POLICY_UNTRUSTED', `allowed_signers line ${number}: ${why}`)
  const fields = line.match(/(?:[^\s"]|"[^"]*")+/g) ?? []
  const [principals, second, third, fourth] = fields
  const hasOptions = second !== undefined && !second.startsWith('ssh-') && !second.startsWith('sk-') && !second.startsWith('ecdsa-')
  const [options, type, key] = hasOptions ? [second, third, fourth] : ['', second, third]
  const name = principals?.replaceAll('"', '').split(',')[0]
  if (name === undefined || name === '' || type === undefined || key === undefined) throw wrong('expected principals, options, key type and key')
  if (type !== 'ssh-ed25519') throw wrong('only ssh-ed25519 keys are accepted')
  if (!/^[A-Za-z0-9+/]{50,100}={0,2}$/.test(key)) throw wrong('the key is not base64')
  let validAfter = -Infinity, validBefore = Infinity
  for (const option of options === '' ? [] : options.match(/(?:[^,"]|"[^"]*")+/g) ?? []) {
    const at = option.indexOf('=')
    const value = option.slice(at + 1).replaceAll('"', '')
    switch (at < 0 ? option.toLowerCase() : option.slice(0, at).toLowerCase()) {
      case 'namespaces':
        if (!value.split(',').includes('git')) throw wrong('the key may not sign commits: namespaces has no git')
        break
      case 'valid-after': validAfter = parseTime(value) ?? fail(wrong('valid-after is not a time')); break
      case 'valid-before': validBefore = parseTime(value) ?? fail(wrong('valid-before is not a time')); break
      default: throw wrong('an option that is not known')
    }
  }
  return { name, key, validAfter, validBefore }
}

/** `YYYYMMDD[Z]` or `YYYYMMDDHHMM[SS][Z]`; always read as UTC, so that every machine judges alike. */
function parseTime(text: string): number | undefined {
  const m = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?Z?$/.exec(text)
  if (m === null) return undefined
  const [, year, month, day, hour = '0', minute = '0', second = '0'] = m
  return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
}

function fail(error: GatewayError): never {
  throw error
}
