// Secrets: named in configuration, resolved at run time from a file or an environment variable, never logged and never in an error.
import { readFileSync } from 'node:fs'
import type { SecretSource } from './config.ts'
import { GatewayError } from './errors.ts'

/** Longer than any credential; guards against a path to the wrong file. */
const maxSecretBytes = 64 * 1024

/**
 * Resolves every named secret once. One trailing line break is not part of a secret in a file.
 * @param environment the process's variables, passed in by main
 * @throws GatewayError ERR_SECRET_UNRESOLVED naming the secret and where it was looked for
 */
export function resolveSecrets(sources: Readonly<Record<string, SecretSource>>, environment: Readonly<Record<string, string | undefined>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(sources).map(([name, source]) => [name, resolveSecret(name, source, environment)]))
}

function resolveSecret(name: string, source: SecretSource, environment: Readonly<Record<string, string | undefined>>): string {
  if ('env' in source) {
    const value = environment[source.env]
    if (value === undefined || value === '') throw new GatewayError('ERR_SECRET_UNRESOLVED', `secret ${name}: environment variable ${source.env} is not set`)
    return checked(name, value)
  }
  let text: string
  try {
    text = readFileSync(source.file, 'utf8')
  } catch (cause) {
    throw new GatewayError('ERR_SECRET_UNRESOLVED', `secret ${name}: ${source.file} cannot be read`, { cause })
  }
  return checked(name, text.replace(/\r?\n$/, ''))
}

/** Keys and certificates (RFC 7468) are the one kind of secret that has lines. */
const pem = /^-----BEGIN [A-Z0-9 ]{1,64}-----\r?\n/

/** A header value or a password is where other secrets go: a control character in one would split the request. */
function checked(name: string, value: string): string {
  if (value === '') throw new GatewayError('ERR_SECRET_UNRESOLVED', `secret ${name} is empty`)
  if (value.length > maxSecretBytes) throw new GatewayError('ERR_SECRET_UNRESOLVED', `secret ${name} is longer than ${maxSecretBytes} characters`)
  if (/[\u0000-\u001f\u007f]/.test(pem.test(value) ? value.replaceAll(/\r?\n/g, '') : value)) throw new GatewayError('ERR_SECRET_UNRESOLVED', `secret ${name} contains a control character`)
  return value
}
