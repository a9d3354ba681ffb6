// Every place of a text in another, in linear time whatever the two are (Knuth, Morris and Pratt): a search engine's own indexOf is
// quadratic for some, and the fuel of an evaluation does not count what happens here.

/** Positions in UTF-16 units, rising. @param part not empty */
export function occurrences(text: string, part: string, mayOverlap: boolean): number[] {
  const borders = new Int32Array(part.length)
  for (let at = 1, length = 0; at < part.length; at++) {
    while (length > 0 && part.charCodeAt(at) !== part.charCodeAt(length)) length = borders[length - 1] ?? 0
    if (part.charCodeAt(at) === part.charCodeAt(length)) length++
    borders[at] = length
  }
  const found: number[] = []
  for (let at = 0, length = 0; at < text.length; at++) {
    while (length > 0 && text.charCodeAt(at) !== part.charCodeAt(length)) length = borders[length - 1] ?? 0
    if (text.charCodeAt(at) === part.charCodeAt(length)) length++
    if (length < part.length) continue
    found.push(at + 1 - length)
    length = mayOverlap ? borders[length - 1] ?? 0 : 0
  }
  return found
}
