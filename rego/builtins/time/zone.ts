// Time zones by their IANA names, with the offsets and abbreviations of the runtime's own data (ICU): there is no table of ours.

/** Zones kept by one policy's instance; data that names more of them is asked anew. */
const maxKept = 64

export interface Zone {
  /** Seconds ahead of UTC. */
  offsetAt(instant: bigint): number
  /** Undefined where the runtime's data has none that would be Go's. */
  abbreviationAt(instant: bigint): string | undefined
}

export const utc: Zone = { offsetAt: () => 0, abbreviationAt: () => 'UTC' }

// ICU also knows names that no IANA database has (`BST` is Dhaka to it). Of those without a region, these are in one.
const withoutRegion = new Set('CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST Hongkong Iceland Iran Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo PRC PST8PDT Poland Portugal ROC ROK Singapore Turkey UCT UTC Universal W-SU WET Zulu'.split(' '))
const withRegion = /^(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US)(?:\/[A-Z][A-Za-z0-9+_-]*)+$/
// Each abbreviates the zones of its own region only. Some abbreviations are ICU's alone, and some zones have only numbers in IANA's data.
const locales = ['en-US', 'en-GB', 'en-AU', 'en-IN', 'en-ZA']
const notIana = new Set(['GST', 'HAST', 'HADT', 'ACWST', 'LHST', 'LHDT'])
const numbered = /^Antarctica\/|^Asia\/Colombo$/
const greenwich = /^(?:Etc\/)?(?:GMT[+-]?0?|Greenwich)$/

export type OpenZone = (name: string) => Zone | undefined

export function createZones(): OpenZone {
  const kept = new Map<string, Zone>()
  return name => {
    if (name === '' || name === 'UTC') return utc
    if (greenwich.test(name)) return { offsetAt: () => 0, abbreviationAt: () => 'GMT' }
    const known = kept.get(name)
    if (known) return known
    // `Local` is the machine's: a decision is not.
    if (!withoutRegion.has(name) && !withRegion.test(name)) return undefined
    const zone = openZone(name)
    if (zone) {
      for (const [oldest] of kept) if (kept.size >= maxKept) kept.delete(oldest)
      kept.set(name, zone)
    }
    return zone
  }
}

function openZone(name: string): Zone | undefined {
  let offsets: Intl.DateTimeFormat
  try {
    offsets = formatter('en-US', name, 'longOffset')
  } catch (cause) {
    if (cause instanceof RangeError) return undefined
    throw cause
  }
  return {
    offsetAt: instant => readOffset(zoneName(offsets, instant)),
    abbreviationAt: instant => {
      if (numbered.test(name)) return undefined
      for (const locale of locales) {
        const short = zoneName(formatter(locale, name, 'short'), instant)
        if (/^[A-Z]{3,5}$/.test(short) && !notIana.has(short)) return short
      }
      return undefined
    },
  }
}

function formatter(locale: string, timeZone: string, timeZoneName: 'longOffset' | 'short'): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(locale, { timeZone, timeZoneName })
}

function zoneName(format: Intl.DateTimeFormat, instant: bigint): string {
  // Down to the millisecond before, also for instants before 1970.
  const ms = Number(instant / 1_000_000n) - (instant % 1_000_000n < 0n ? 1 : 0)
  return format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')?.value ?? ''
}

// `GMT`, `GMT+01:00`, `GMT-04:56:02`.
function readOffset(text: string): number {
  const [, sign = '+', hours = '0', minutes = '0', seconds = '0'] = /^GMT(?:([+-])([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?)?$/.exec(text) ?? []
  const offset = Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)
  return sign === '-' ? -offset : offset
}
