// A unified diff of two texts, as `patch` and `git apply` read it (POSIX.1-2024, diff -u).
const context = 3
// Larger middles are shown as one replacement: a table of that many cells is a second's work.
const maxCells = 4_000_000

interface Edit { readonly kind: ' ' | '-' | '+'; readonly line: string }

/** Lines of the diff, headers first; none where the texts are equal. */
export function unifiedDiff(before: string, after: string, name: string): string[] {
  if (before === after) return []
  const edits = editsOf(linesOf(before), linesOf(after))
  const lines = [`--- a/${name}`, `+++ b/${name}`]
  // Positions of edits that change something, joined where less than twice the context lies between.
  const changed = edits.flatMap(({ kind }, at) => (kind === ' ' ? [] : [at]))
  for (let first = 0; first < changed.length;) {
    let last = first
    while (last + 1 < changed.length && (changed[last + 1] ?? 0) - (changed[last] ?? 0) <= 2 * context) last += 1
    lines.push(...hunk(edits, Math.max(0, (changed[first] ?? 0) - context), Math.min(edits.length, (changed[last] ?? 0) + context + 1)))
    first = last + 1
  }
  return lines
}

function hunk(edits: readonly Edit[], from: number, to: number): string[] {
  const count = (part: readonly Edit[], without: '-' | '+') => part.filter(({ kind }) => kind !== without).length
  const part = edits.slice(from, to)
  const start = (without: '-' | '+') => {
    const length = count(part, without)
    // An empty side is named by the line before it.
    return `${count(edits.slice(0, from), without) + (length === 0 ? 0 : 1)},${length}`
  }
  const noNewline = '\\ No newline at end of file'
  return [`@@ -${start('+')} +${start('-')} @@`, ...part.flatMap(({ kind, line }) => (line.endsWith('\n') ? [`${kind}${line.slice(0, -1)}`] : [`${kind}${line}`, noNewline]))]
}

/** With their newline, so that a missing last one is a difference. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

function editsOf(a: readonly string[], b: readonly string[]): Edit[] {
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1
  let end = 0
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1
  const same = (lines: readonly string[]): Edit[] => lines.map(line => ({ kind: ' ', line }))
  return [...same(a.slice(0, start)), ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end)), ...same(a.slice(a.length - end))]
}

/** By the longest common subsequence, from its table of lengths. */
function middle(a: readonly string[], b: readonly string[]): Edit[] {
  const width = b.length + 1
  if ((a.length + 1) * width > maxCells) return [...a.map((line): Edit => ({ kind: '-', line })), ...b.map((line): Edit => ({ kind: '+', line }))]
  const lengths = new Uint32Array((a.length + 1) * width)
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) lengths[i * width + j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  }
  const edits: Edit[] = []
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const [left, right] = [a[i], b[j]]
    if (left !== undefined && left === right) {
      edits.push({ kind: ' ', line: left })
      i += 1
      j += 1
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      edits.push({ kind: '-', line: left })
      i += 1
    } else if (right !== undefined) {
      edits.push({ kind: '+', line: right })
      j += 1
    }
  }
  return edits
}
