// SASLprep (RFC 4013) of a password, as PostgreSQL applies it: where the text may not be prepared, its bytes are used as they are.

/** RFC 3454 C.1.2: spaces that become U+0020. */
const spaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu
/** RFC 3454 B.1: characters that are left out. */
const nothing = /[\u00ad\u034f\u1806\u180b-\u180d\u200c\u200d\u2060\ufe00-\ufe0f\ufeff]/gu
/** RFC 3454 C.2 to C.9: what a prepared string may not hold. */
const prohibited = /[\u0000-\u001f\u007f-\u009f\u0340\u0341\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\uffff\ufdd0-\ufdef\p{Co}\p{Cs}\p{Cn}]/u

/** RFC 3454 §6 (right-to-left text) is not checked: such passwords are prepared like any other. */
export function saslprep(password: string): string {
  if (/^[\x20-\x7e]*$/.test(password)) return password
  const prepared = password.replaceAll(spaces, ' ').replaceAll(nothing, '').normalize('NFKC')
  return prepared === '' || prohibited.test(prepared) ? password : prepared
}
