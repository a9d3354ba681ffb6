// SASLprep (RFC 4013) of a password, as PostgreSQL applies it: where the text may not be prepared, its bytes are used as they are.

/** RFC 3454 C.1.2: spaces that become U+0020. */
const spaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu
/** RFC 3454 B.1: characters that are left out. */
const nothing = /[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/gu
/** RFC 3454 C.2 to C.9: what a prepared string may not hold; and what Unicode 3.2 had no characters at, as far as whole ranges go (A.1): emoji among it. */
const prohibited = /[\u0000-\u001f\u007f-\u009f\u0340\u0341\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\uffff\ufdd0-\ufdef\u{1d800}-\u{1ffff}\u{e0001}\u{e0020}-\u{e007f}\p{Co}\p{Cs}\p{Cn}]/u

/**
 * RFC 3454 §6 (right-to-left text) is not checked, nor is every character that is newer than Unicode 3.2: a password that holds one beside another that
 * NFKC changes is prepared here and used as it is there.
 */
export function saslprep(password: string): string {
  if (/^[\x20-\x7e]*$/.test(password)) return password
  const mapped = password.replaceAll(spaces, ' ').replaceAll(nothing, '')
  // Looked at before it is normalised, as the server does (saslprep.c).
  return mapped === '' || prohibited.test(mapped) ? password : mapped.normalize('NFKC')
}
