// What a detector reports: where, and of which class. Never the value itself.

/** Strongest first: of overlapping findings of one length the stronger class names the span. */
export const detectedClasses = ['SECRET', 'PAN', 'IBAN', 'US_SSN', 'EMAIL', 'US_ROUTING', 'PHONE', 'US_ACCOUNT', 'DOB', 'IP'] as const
export type DetectedClass = (typeof detectedClasses)[number]

/** UTF-16 offsets into the text that was searched; `end` is exclusive. */
export interface Finding { readonly start: number; readonly end: number; readonly class: DetectedClass }

/** One search: the text, what its surroundings say about it, and where detectors put what they find. */
export interface Search {
  readonly text: string
  /** Name of the JSON member the text is the value of, in snake_case; '' where there is none. */
  readonly hint: string
  readonly found: Finding[]
}

/**
 * Leaves spans that do not overlap: the longer wins, then the stronger class. What the loser covered beyond the winner
 * stays covered, so an overlap can never uncover a value.
 */
export function resolveOverlaps(found: Finding[]): readonly Finding[] {
  if (found.length < 2) return found
  found.sort((a, b) => a.start - b.start || b.end - a.end)
  const kept: Finding[] = []
  let last: Finding | undefined
  for (const next of found) {
    if (last === undefined || next.start >= last.end) {
      if (last !== undefined) kept.push(last)
      last = next
      continue
    }
    last = { start: last.start, end: Math.max(last.end, next.end), class: stronger(last, next) }
  }
  if (last !== undefined) kept.push(last)
  return kept
}

function stronger(a: Finding, b: Finding): DetectedClass {
  const difference = (b.end - b.start) - (a.end - a.start)
  if (difference !== 0) return difference > 0 ? b.class : a.class
  return detectedClasses.indexOf(a.class) <= detectedClasses.indexOf(b.class) ? a.class : b.class
}
