// The built-in functions that the host supplies: pure, deterministic, bounded in time and size, with OPA's answers. One family a file.
// `capabilities.json` is made from these and what the module has itself, so a policy that needs another fails when it is checked.
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Family, MakerFamily } from './operand.ts'
import { priceOf } from './price.ts'
import { sprintf } from './sprintf.ts'
import type { BuiltinMaker } from './value.ts'

/**
 * Each family by the names in it: its file, and the libraries it stands on, are read with the first policy that names one of them, so that
 * nobody waits for what nobody uses. A test holds the names to what the files have.
 */
const families: readonly (readonly [names: string, open: () => MakerFamily])[] = [
  ['sprintf', () => made([['sprintf', sprintf]])],
  ['indexof_n strings.count strings.split_n strings.any_prefix_match strings.any_suffix_match', () => { const { affixes, strings } = read<typeof import('./strings.ts')>('strings'); return [...made(strings), ...affixes] }],
  ['hex.encode hex.decode base64url.encode_no_pad', () => made(read<typeof import('./encoding.ts')>('encoding').encoding)],
  ['urlquery.encode urlquery.decode urlquery.encode_object urlquery.decode_object', () => made(read<typeof import('./query.ts')>('query').query)],
  ['uri.parse uri.is_valid', () => made(read<typeof import('./uri.ts')>('uri').uri)],
  ['object.subset numbers.range_step graph.reachable_paths cast_array cast_set cast_string cast_boolean cast_null cast_object trace', () => { const { collections, growing } = read<typeof import('./collections.ts')>('collections'); return [...made(collections), ...growing] }],
  ['json.patch', () => read<typeof import('./patch.ts')>('patch').patch],
  ['json.marshal_with_options', () => made(read<typeof import('./marshal.ts')>('marshal').marshal)],
  ['regex.globs_match glob.quote_meta', () => read<typeof import('./globs.ts')>('globs').globs],
  ['semver.is_valid semver.compare', () => made(read<typeof import('./semver.ts')>('semver').semver)],
  ['units.parse units.parse_bytes', () => made(read<typeof import('./units.ts')>('units').units)],
  ['uuid.parse', () => made(read<typeof import('./uuid.ts')>('uuid').uuid)],
  ['strings.render_template', () => read<typeof import('./template/index.ts')>('template/index').template],
  ['regex.find_n regex.replace regex.split regex.template_match', () => read<typeof import('./regex.ts')>('regex').regex],
  ['time.parse_ns time.parse_rfc3339_ns time.parse_duration_ns time.format time.date time.clock time.weekday time.add_date time.diff', () => read<typeof import('./time/index.ts')>('time/index').time],
  ['yaml.marshal yaml.unmarshal yaml.is_valid', () => read<typeof import('./yaml/index.ts')>('yaml/index').yaml],
  ['net.cidr_contains_matches net.cidr_expand net.cidr_is_valid net.cidr_merge', () => made(read<typeof import('./net/cidr.ts')>('net/cidr').cidr)],
  ['crypto.md5 crypto.sha1 crypto.sha256 crypto.hmac.md5 crypto.hmac.sha1 crypto.hmac.sha256 crypto.hmac.sha512 crypto.hmac.equal', () => made(read<typeof import('./crypto/digest.ts')>('crypto/digest').digests)],
  ['crypto.x509.parse_certificates crypto.x509.parse_and_verify_certificates crypto.x509.parse_and_verify_certificates_with_options crypto.x509.parse_certificate_request crypto.x509.parse_keypair crypto.x509.parse_rsa_private_key crypto.parse_private_keys', () => made(read<typeof import('./crypto/x509.ts')>('crypto/x509').x509)],
  ['io.jwt.decode io.jwt.decode_verify io.jwt.encode_sign io.jwt.encode_sign_raw io.jwt.verify_rs256 io.jwt.verify_rs384 io.jwt.verify_rs512 io.jwt.verify_ps256 io.jwt.verify_ps384 io.jwt.verify_ps512 io.jwt.verify_es256 io.jwt.verify_es384 io.jwt.verify_es512 io.jwt.verify_hs256 io.jwt.verify_hs384 io.jwt.verify_hs512 io.jwt.verify_eddsa', () => made(read<typeof import('./jwt/jwt.ts')>('jwt/jwt').jwt)],
  ['json.match_schema json.verify_schema', () => read<typeof import('./json-schema/schema.ts')>('json-schema/schema').jsonSchema],
  ['graphql.parse_query graphql.parse_schema graphql.schema_is_valid graphql.is_valid graphql.parse graphql.parse_and_verify', () => read<typeof import('./graphql/graphql.ts')>('graphql/graphql').graphql],
]

export const hostBuiltins: ReadonlyMap<string, BuiltinMaker> = new Map(families.flatMap(([names, open]) => names.split(' ').map(name => [name, makerOf(name, open)] as const)))

/** Reads every family now, a third of a second in all: for a process that answers calls when a policy comes that names another. */
export function readBuiltins(): void {
  for (const [, open] of families) open()
}

function makerOf(name: string, open: () => MakerFamily): BuiltinMaker {
  return spend => {
    const make = open().find(([known]) => known === name)?.[1]
    if (!make) throw new TypeError(`${name} is not where it is said to be`)
    const builtin = make(spend)
    const price = priceOf(name)
    return price === 0 ? builtin : (...values) => { spend(price); return builtin(...values) }
  }
}

// A policy is loaded in one go, so its functions are: `import()` would make everybody wait who only wants to load one.
function read<T>(file: string): T {
  return createRequire(import.meta.url)(`./${file}${path.extname(import.meta.filename)}`) as T
}

/** Of a family that needs nothing to be made. */
function made(family: Family): MakerFamily {
  return family.map(([name, builtin]) => [name, () => builtin] as const)
}
