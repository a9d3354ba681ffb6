// `regex.globs_match` (is there a text that two globs both match?) and `glob.quote_meta`. OPA's library for the first is not exact,
// `ab*` and `a` have nothing in common for it, so its steps are taken here one by one; remembered, since there can be exponentially many.
import { ofTexts } from './operand.ts'
import type { MakerFamily } from './operand.ts'

/** Characters of one glob. */
const maxGlobLength = 256

export const globs: MakerFamily = [
  ['regex.globs_match', spend => ofTexts((left, right) => {
    const [a, b] = [readGlob(left), readGlob(right)]
    spend((a?.length ?? 0) * (b?.length ?? 0) * 128)
    return a && b && new Intersection(a, b).isNotEmpty()
  })],
  ['glob.quote_meta', () => ofTexts(text => text.replace(/[*?\\[\]{}]/g, '\\$&'))],
]

/** What one place of a text may hold, and whether once, `+` or `*`. Ranges are of code points; none: any character. */
interface Token { readonly kind: 'character' | 'dot' | 'set'; readonly ranges: readonly (readonly [number, number])[]; readonly flag: '' | '+' | '*' }

function readGlob(text: string): readonly Token[] | undefined {
  if (text.length > maxGlobLength) return undefined
  const characters = [...text]
  const tokens: Token[] = []
  let at = 0
  while (at < characters.length) {
    const next = take()
    if (next === undefined) return undefined
    let token: Omit<Token, 'flag'>
    if (next.isEscaped) token = { kind: 'character', ranges: [[next.point, next.point]] }
    else if (next.text === '.') token = { kind: 'dot', ranges: [] }
    else if (next.text === '[') {
      const ranges = readSet()
      if (!ranges) return undefined
      token = { kind: 'set', ranges }
    } else if (next.text === ']' || next.text === '+' || next.text === '*') return undefined
    else token = { kind: 'character', ranges: [[next.point, next.point]] }
    const flag = characters[at] === '+' || characters[at] === '*' ? characters[at++] as '+' | '*' : ''
    // t+t* is t+.
    const last = tokens.at(-1)
    if (last && flag !== '' && last.flag !== '' && isSame(token, last)) tokens[tokens.length - 1] = { ...last, flag: flag === '+' || last.flag === '+' ? '+' : '*' }
    else tokens.push({ ...token, flag })
  }
  return tokens

  function take(): { readonly text: string; readonly point: number; readonly isEscaped: boolean } | undefined {
    const isEscaped = characters[at] === '\\'
    if (isEscaped) at++
    const character = characters[at++]
    return character === undefined ? undefined : { text: character, point: character.codePointAt(0) ?? 0, isEscaped }
  }

  function readSet(): readonly (readonly [number, number])[] | undefined {
    const ranges: (readonly [number, number])[] = []
    let previous: number | undefined
    for (;;) {
      const next = take()
      if (next === undefined) return undefined
      if (next.isEscaped || (next.text !== '-' && next.text !== ']')) {
        ranges.push([next.point, next.point])
        previous = next.point
      } else if (next.text === ']') return ranges
      else {
        const to = at < characters.length - 1 ? take() : undefined
        if (previous === undefined || to === undefined || (!to.isEscaped && (to.text === ']' || to.text === '-')) || to.point < previous) return undefined
        ranges.push([previous, to.point])
        previous = undefined
      }
    }
  }
}

function isSame(a: Omit<Token, 'flag'>, b: Token): boolean {
  return a.kind === b.kind && pointsOf(a.ranges) === pointsOf(b.ranges)
}

function pointsOf(ranges: readonly (readonly [number, number])[]): string {
  const merged: [number, number][] = []
  for (const [from, to] of [...ranges].sort(([a], [b]) => a - b)) {
    const last = merged.at(-1)
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to)
    else merged.push([from, to])
  }
  return merged.join(' ')
}

function meet(a: Token, b: Token): boolean {
  if (a.kind === 'dot' || b.kind === 'dot') return true
  return a.ranges.some(([from, to]) => b.ranges.some(([other, end]) => from <= end && other <= to))
}

class Intersection {
  readonly #globs: readonly [readonly Token[], readonly Token[]]
  readonly #known = new Map<string, boolean>()

  constructor(a: readonly Token[], b: readonly Token[]) {
    this.#globs = [a, b]
  }

  isNotEmpty(): boolean {
    const [a, b] = this.#globs
    let start = 0
    for (let at = 0; a[at]?.flag === '' && b[at]?.flag === ''; at++) {
      if (!this.#meet(0, at, at)) return false
      start = at
    }
    // From the end, one pair that meets is kept.
    let [endA, endB] = [a.length, b.length]
    while (endA > start && endB > start && a[endA - 1]?.flag === '' && b[endB - 1]?.flag === '') {
      if (!this.#meet(0, endA - 1, endB - 1)) return false
      endA--
      endB--
    }
    if (endA < a.length) {
      endA++
      endB++
    }
    return new Intersection(a.slice(start, endA), b.slice(start, endB)).#together(0, 0, 0)
  }

  #meet(side: 0 | 1, at: number, other: number): boolean {
    const [a, b] = [this.#globs[side][at], this.#globs[side === 0 ? 1 : 0][other]]
    return a !== undefined && b !== undefined && meet(a, b)
  }

  #remember(step: string, side: 0 | 1, at: number, other: number, find: () => boolean): boolean {
    const key = `${step}${side},${at},${other}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const found = find()
    this.#known.set(key, found)
    return found
  }

  /** Token by token until one has a flag. `at` is in the glob of `side`, `other` in the other one. */
  #together(side: 0 | 1, at: number, other: number): boolean {
    return this.#remember('t', side, at, other, () => {
      const [mine, theirs] = [this.#globs[side], this.#globs[side === 0 ? 1 : 0]]
      for (let step = 0; ; step++) {
        const [a, b] = [mine[at + step], theirs[other + step]]
        if (!a || !b) return !a && !b
        if (a.flag !== '') return this.#repeated(side, at + step, other + step)
        if (b.flag !== '') return this.#repeated(side === 0 ? 1 : 0, other + step, at + step)
        if (!meet(a, b)) return false
      }
    })
  }

  #repeated(side: 0 | 1, at: number, other: number): boolean {
    if (this.#globs[side][at]?.flag === '*') return this.#star(side, at, other)
    if (!this.#meet(side, at, other)) return false
    return this.#star(side, at, other + 1) || (this.#globs[side === 0 ? 1 : 0][other]?.flag !== '' && this.#together(side, at + 1, other))
  }

  // The token takes what it can of the other glob, and lets go wherever the one behind it could go on.
  #star(side: 0 | 1, at: number, other: number): boolean {
    return this.#remember('s', side, at, other, () => {
      const theirs = this.#globs[side === 0 ? 1 : 0]
      const isLast = at + 1 >= this.#globs[side].length
      for (let next = other; next < theirs.length; next++) {
        if (!isLast && this.#meet(side, at + 1, next) && this.#together(side, at + 1, next)) return true
        if (!this.#meet(side, at, next)) return false
      }
      return isLast
    })
  }
}
