// Names and values in SQL text that a person will run: whatever a database calls things, they stay names (PostgreSQL 18, §4.1).

/** What would end a line, steer a terminal or hide text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]/u

/** An identifier, always quoted; with code points by number where they cannot be seen (§4.1.1, `U&""`: needs standard_conforming_strings on). */
export function quoteName(name: string): string {
  if (!unprintable.test(name)) return `"${name.replaceAll('"', '""')}"`
  return `U&"${escaped(name).replaceAll('"', '""')}"`
}

/** A string constant that means the same with and without standard_conforming_strings, or is refused without. */
export function quoteText(text: string): string {
  if (!unprintable.test(text) && !text.includes('\\')) return `'${text.replaceAll("'", "''")}'`
  return `U&'${escaped(text).replaceAll("'", "''")}'`
}

/** One line of a comment. */
export function comment(text: string): string {
  return `-- ${Array.from(text, (character) => unprintable.test(character) ? '?' : character).join('')}`
}

function escaped(text: string): string {
  return Array.from(text, (character) => {
    if (character === '\\') return '\\\\'
    return unprintable.test(character) ? `\\+${(character.codePointAt(0) ?? 0).toString(16).padStart(6, '0')}` : character
  }).join('')
}
