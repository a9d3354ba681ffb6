// Go's `time.Parse`. An abbreviation of a zone is read and means nothing, as in Go where the machine's own zone is UTC.
import { daysIn, isLeap, nanosPerSecond, secondsOf, toInstant } from './civil.ts'
import { months, weekdays } from './layout.ts'
import type { Field, Part } from './layout.ts'

/** Characters of a time. */
const maxTimeLength = 1_024

/** Where the text is not what the layout says. */
class Unreadable extends Error {}

export function parseTime(parts: readonly Part[], text: string): bigint | undefined {
  if (text.length > maxTimeLength) return undefined
  try {
    return new Reader(text).read(parts)
  } catch (cause) {
    if (cause instanceof Unreadable) return undefined
    throw cause
  }
}

class Reader {
  #text: string
  #year = 0
  #month = -1
  #day = -1
  #yearDay = -1
  #hour = 0
  #minute = 0
  #second = 0
  #nanosecond = 0
  #half: 'am' | 'pm' | undefined
  #offset = 0

  constructor(text: string) {
    this.#text = text
  }

  read(parts: readonly Part[]): bigint | undefined {
    for (const [at, part] of parts.entries()) {
      if (part.kind === 'text') this.#skip(part.text)
      else if (part.kind === 'field') this.#field(part.field, parts.slice(at + 1).find(({ kind }) => kind !== 'text')?.kind === 'fraction')
      else if (!part.isTrimmed) this.#exactFraction(part.digits)
      else if (/^[.,][0-9]/.test(this.#text)) this.#fraction(this.#take(/^[.,][0-9]+/))
    }
    if (this.#text !== '') throw new Unreadable()
    if (this.#half === 'pm' && this.#hour < 12) this.#hour += 12
    else if (this.#half === 'am' && this.#hour === 12) this.#hour = 0
    if (this.#yearDay >= 0) this.#resolveYearDay()
    const [month, day] = [this.#month < 0 ? 1 : this.#month, this.#day < 0 ? 1 : this.#day]
    if (day < 1 || day > daysIn(this.#year, month)) throw new Unreadable()
    const seconds = secondsOf({ year: this.#year, month, day, hour: this.#hour, minute: this.#minute, second: this.#second, nanosecond: 0 }) - this.#offset
    return toInstant(BigInt(seconds) * nanosPerSecond + BigInt(this.#nanosecond))
  }

  /** What the pattern takes from the front. */
  #take(pattern: RegExp): string {
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) throw new Unreadable()
    this.#text = this.#text.slice(found.length)
    return found
  }

  // Spaces of a layout stand for any number of them.
  #skip(text: string): void {
    for (const piece of text.split(/( +)/)) {
      if (piece.startsWith(' ')) {
        if (this.#text !== '' && !this.#text.startsWith(' ')) throw new Unreadable()
        this.#text = this.#text.replace(/^ +/, '')
      } else {
        if (!this.#text.startsWith(piece)) throw new Unreadable()
        this.#text = this.#text.slice(piece.length)
      }
    }
  }

  #number(pattern: RegExp, least: number, most: number): number {
    const value = Number(this.#take(pattern))
    if (value < least || value > most) throw new Unreadable()
    return value
  }

  /** The index of the name that the text begins with, in any case. */
  #name(names: readonly string[], length: number | undefined): number {
    const index = names.findIndex(name => this.#text.toLowerCase().startsWith(name.slice(0, length).toLowerCase()))
    const name = names[index]
    if (name === undefined) throw new Unreadable()
    this.#text = this.#text.slice(name.slice(0, length).length)
    return index
  }

  #exactFraction(digits: number): void {
    const text = this.#text.slice(0, digits + 1)
    if (text.length <= digits || !/^[.,]/.test(text)) throw new Unreadable()
    this.#text = this.#text.slice(digits + 1)
    this.#fraction(text)
  }

  #fraction(text: string): void {
    const digits = text.slice(1, 10)
    if (!/^(?:[0-9]+|[+][0-9]+|-0+)$/.test(digits)) throw new Unreadable()
    this.#nanosecond = Math.abs(Number(digits)) * 10 ** (9 - digits.length)
  }

  #field(field: Field, isBeforeFraction: boolean): void {
    switch (field) {
      case '06': {
        const year = Number(this.#take(/^(?:[0-9]{2}|[+-][0-9])/))
        this.#year = year + (year >= 69 ? 1_900 : 2_000)
        break
      }
      case '2006': this.#year = Number(this.#take(/^[0-9]{4}/)); break
      case 'Jan': this.#month = this.#name(months, 3) + 1; break
      case 'January': this.#month = this.#name(months, undefined) + 1; break
      case '1': this.#month = this.#number(/^[0-9]{1,2}/, 1, 12); break
      case '01': this.#month = this.#number(/^[0-9]{2}/, 1, 12); break
      // Read, and not held to the date.
      case 'Mon': this.#name(weekdays, 3); break
      case 'Monday': this.#name(weekdays, undefined); break
      case '_2': this.#day = Number(this.#take(/^ ?[0-9]{1,2}/)); break
      case '2': this.#day = Number(this.#take(/^[0-9]{1,2}/)); break
      case '02': this.#day = Number(this.#take(/^[0-9]{2}/)); break
      case '__2': this.#yearDay = Number(this.#take(/^ {0,2}[0-9]{1,3}/)); break
      case '002': this.#yearDay = Number(this.#take(/^[0-9]{3}/)); break
      case '15': this.#hour = this.#number(/^[0-9]{1,2}/, 0, 23); break
      case '3': this.#hour = this.#number(/^[0-9]{1,2}/, 0, 12); break
      case '03': this.#hour = this.#number(/^[0-9]{2}/, 0, 12); break
      case '4': this.#minute = this.#number(/^[0-9]{1,2}/, 0, 59); break
      case '04': this.#minute = this.#number(/^[0-9]{2}/, 0, 59); break
      case '5':
      case '05':
        this.#second = this.#number(field === '5' ? /^[0-9]{1,2}/ : /^[0-9]{2}/, 0, 59)
        // A fraction may stand behind the seconds whether the layout has it or not.
        if (!isBeforeFraction && /^[.,][0-9]/.test(this.#text)) this.#fraction(this.#take(/^[.,][0-9]+/))
        break
      case 'PM': this.#half = this.#take(/^(?:AM|PM)/) === 'PM' ? 'pm' : 'am'; break
      case 'pm': this.#half = this.#take(/^(?:am|pm)/) === 'pm' ? 'pm' : 'am'; break
      // Nothing shorter than three characters is one.
      case 'MST': this.#take(/^(?:UTC|ChST|MeST|GMT(?:[+-]0*(?:2[0-3]|1?[0-9])(?![0-9]))?|(?=[^]{3})[+-]0*(?:2[0-3]|1?[0-9])(?![0-9])|[A-Z]{4}T(?![A-Z])|(?:[A-Z]{3}T|WITA)(?![A-Z])|[A-Z]{3}(?![A-Z]))/); break
      default: this.#zone(field)
    }
  }

  #zone(field: string): void {
    if (field.startsWith('Z') && this.#text.startsWith('Z')) {
      this.#take(/^Z/)
      this.#offset = 0
      return
    }
    const patterns: Readonly<Record<string, RegExp>> = { '0700': /^[+-][0-9]{4}/, '070000': /^[+-][0-9]{6}/, '07': /^[+-][0-9]{2}/, '07:00': /^[+-][0-9]{2}:[0-9]{2}/, '07:00:00': /^[+-][0-9]{2}:[0-9]{2}:[0-9]{2}/ }
    const text = this.#take(patterns[field.slice(1)] ?? /^$/)
    const [hours = 0, minutes = 0, seconds = 0] = (text.slice(1).match(/[0-9]{2}/g) ?? []).map(Number)
    // Some write an offset of 24 hours, or of 60 minutes.
    if (hours > 24 || minutes > 60 || seconds > 60) throw new Unreadable()
    this.#offset = (hours * 3_600 + minutes * 60 + seconds) * (text.startsWith('-') ? -1 : 1)
  }

  #resolveYearDay(): void {
    const lengths = Array.from({ length: 12 }, (_month, at) => daysIn(this.#year, at + 1))
    if (this.#yearDay < 1 || this.#yearDay > (isLeap(this.#year) ? 366 : 365)) throw new Unreadable()
    let [month, day] = [1, this.#yearDay]
    for (const length of lengths) {
      if (day <= length) break
      day -= length
      month++
    }
    if ((this.#month >= 0 && this.#month !== month) || (this.#day >= 0 && this.#day !== day)) throw new Unreadable()
    this.#month = month
    this.#day = day
  }
}
