// What a call costs besides its arguments, in steps of the evaluation's tank (`fuel.ts`), where that is much: by the slowest call that
// each function's own limits allow, so that no policy makes a thousand slow ones out of one call.

const prices: Readonly<Record<string, number>> = {
  'json.match_schema': 1_000_000,
  'json.verify_schema': 1_000_000,
  'net.cidr_contains_matches': 1_000_000,
  'net.cidr_expand': 500_000,
  'net.cidr_merge': 500_000,
  'crypto.x509.parse_and_verify_certificates': 1_000_000,
  'crypto.x509.parse_and_verify_certificates_with_options': 1_000_000,
  'io.jwt.decode_verify': 1_000_000,
}

export function priceOf(name: string): number {
  const price = Object.hasOwn(prices, name) ? prices[name] : undefined
  if (price !== undefined) return price
  // A signature or a certificate costs tens of microseconds, a document a few for each hundred characters.
  if (/^io\.jwt\.verify_|^crypto\.x509\.|^crypto\.parse_/.test(name)) return 200_000
  return name.startsWith('graphql.') ? 500_000 : 0
}
