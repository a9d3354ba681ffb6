// Names beyond ASCII in a database that is not UTF8. Its server folds and cuts them by the bytes of its own encoding (downcase_identifier and
// truncate_identifier in PostgreSQL's scansup.c), the parser by those of UTF-8: one name here may be another there.
import { readTokens } from './tokens.ts'

/** Whether a text has such a name, also one written `U&"…"`. Comments and constants are nobody's name. */
export function hasForeignName(text: string): boolean {
  if (!mayHaveOne.test(text)) return false
  return readTokens(text).some(({ kind, start, end }) => kind !== 'string' && kind !== 'comment' && mayHaveOne.test(text.slice(start, end)))
}

const mayHaveOne = /[^\0-\x7f]|u&"/i
