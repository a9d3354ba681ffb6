// `policy sign`: OPA's signature into a bundle.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { PolicyError } from '../errors.ts'
import { readSigningKey, rsaAlgorithms } from '../signing/keys.ts'
import { attachSignatures, signBundle } from '../signing/sign-bundle.ts'
import { readBundleFile } from './bundle-file.ts'
import { ran, type Json } from './run.ts'

interface SignOptions extends Json { readonly key?: string; readonly keyid?: string; readonly alg?: string; readonly scope: string; readonly signatures?: string; readonly output?: string }

export function signCommand(policy: Command): void {
  policy.command('sign').description("sign a bundle, in OPA's format; a signature it had is replaced")
    .argument('<BUNDLE>', 'bundle.tar.gz')
    .option('--key <file>', 'private key in PEM: Ed25519, ECDSA or RSA')
    .option('--keyid <id>', 'the name that verifiers know the key by')
    .option('--alg <name>', `of an RSA key: ${rsaAlgorithms.join(', ')} (default RS256)`)
    .option('--scope <scope>', 'what it is signed for; verifiers must ask for the same', '')
    .option('--signatures <file>', 'instead of a key: a .signatures.json that `opa sign` or a KMS made; it is not verified here')
    .option('--output <file>', 'where to write it, instead of over BUNDLE')
    .option('--json', 'the result as one JSON document')
    .addHelpText('after', `
Examples:
  countersign policy sign --key release.pem --keyid release-2026 --scope prod bundle.tar.gz
  opa sign --bundle bundle.tar.gz --signing-key release.pem && countersign policy sign --signatures .signatures.json bundle.tar.gz

Exit status: 0 signed; 2 could not run.`)
    .action((file: string, { json, key, keyid, alg, scope, signatures, output = file }: SignOptions) => ran(json, 'signing', String, async () => {
      const bytes = readBundleFile(file)
      let signed: Uint8Array
      if (signatures !== undefined && key === undefined) signed = attachSignatures(bytes, readFileSync(signatures))
      else if (signatures === undefined && key !== undefined && keyid !== undefined) signed = await signBundle(bytes, readSigningKey(readFileSync(key, 'utf8'), keyid, alg), scope)
      else throw new PolicyError('ERR_BUNDLE_KEY', 'give either --key with --keyid, or --signatures')
      writeFileSync(output, signed)
      const digest = createHash('sha256').update(signed).digest('hex')
      return {
        document: { output, digest, keyid, scope, bytes: signed.length },
        lines: [`${output}: ${signed.length} bytes, sha256 ${digest}`],
      }
    }))
}
