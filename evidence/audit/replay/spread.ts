// Rego with each body in a row of its own, for coverage, which goes by rows: `allow if a` in one row is covered once `a` was asked, whatever it gave.
// The same program: a line break means nothing behind `if` and before `else`.

/** @returns the text, and for each row of `text` the row where it begins there */
export function spread(text: string): { readonly text: string; readonly rows: readonly number[] } {
  const rows = [1]
  let [to, row, depth] = ['', 1, 0]
  for (const [token] of text.matchAll(tokens)) {
    const breaks = depth > 0 ? '' : '\n'
    if (token === 'else') { to += breaks; row += breaks.length }
    to += token
    if (token === 'if') { to += breaks; row += breaks.length }
    if (opening.has(token)) depth++
    if (closing.has(token)) depth--
    for (let at = token.indexOf('\n'); at >= 0; at = token.indexOf('\n', at + 1)) rows.push(++row)
  }
  return { text: to, rows }
}

/** A comment, a string, a raw one, a word, or any other character: all that a text has, each of them once. */
const tokens = /#[^\n]*|"(?:[^"\\\n]|\\.)*"|`[^`]*`|[A-Za-z0-9_]+|[^]/g
const opening: ReadonlySet<string> = new Set('([{')
const closing: ReadonlySet<string> = new Set(')]}')
