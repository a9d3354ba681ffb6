// What OPA's own program signed, kept as files, so that its word is there without it. `npm run conformance -- bundles` asks it anew.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { readSignedBundle } from '../../../rego/index.ts'
import { canonicalJson } from '../../../rego/signing/canonical-json.ts'
import { readVerificationKey } from '../../../rego/signing/keys.ts'
import { attachSignatures } from '../../../rego/signing/sign-bundle.ts'
import { writeTarball } from '../../../rego/tarball.ts'
import { text } from '../archive.ts'

interface Vectors {
  readonly bundle: Readonly<Record<'.manifest' | 'data.json' | 'policy.wasm', string>>
  readonly scope: string
  readonly keyid: string
  readonly signed: readonly { readonly algorithm: string; readonly key: string; readonly signatures: string }[]
  readonly documents: readonly { readonly document: string; readonly sha256: string }[]
}
const { bundle, scope, keyid, signed, documents } = JSON.parse(readFileSync(new URL('../../vectors/bundles/opa-1.22.0.json', import.meta.url), 'utf8')) as Vectors
const pack = (data: string) => writeTarball(new Map([['data.json', text(data)], ['policy.wasm', Buffer.from(bundle['policy.wasm'], 'hex')], ['.manifest', text(bundle['.manifest'])]]))

for (const { algorithm, key, signatures } of signed) {
  test(`a bundle that OPA signed with ${algorithm} is accepted, and refused with one number of its data rounded`, async t => {
    const verification = { keys: [readVerificationKey(key, keyid, algorithm)], scope }
    const read = await readSignedBundle(attachSignatures(pack(bundle['data.json']), text(signatures)), verification)
    t.deepEqual([read.signer, read.serial, read.reports], [keyid, 41, { tests: 'd'.repeat(64) }])
    const rounded = pack(bundle['data.json'].replace('12345678901234567890', '12345678901234567000'))
    await t.throwsAsync(readSignedBundle(attachSignatures(rounded, text(signatures)), verification), { code: 'ERR_BUNDLE_SIGNATURE', message: 'the signature of the bundle is refused: data.json is not as it was signed' })
  })
}

test('OPA and we hash structured files alike', t => {
  t.true(documents.length >= 12)
  for (const { document, sha256 } of documents) t.is(createHash('sha256').update(canonicalJson(document)).digest('hex'), sha256, document)
})
