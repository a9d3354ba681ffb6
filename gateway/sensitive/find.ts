// Finds sensitive values in text. One pass over the characters says which detectors have an anchor at all; a clean text
// pays for that pass only. Every detector is linear: bounded look-behind, bounded windows, no nested repetition.
import { snakeCase } from './context.ts'
import { findAddresses } from './detectors/address.ts'
import { findAccounts, findIbans, findRoutingNumbers } from './detectors/bank.ts'
import { findCards } from './detectors/card.ts'
import { findBirthDates, findEmails, findPhones } from './detectors/person.ts'
import { findHintedSecret, findNamedSecrets, findPrivateKeys, findTokens, findUrlPasswords } from './detectors/secret.ts'
import { findTaxNumbers } from './detectors/tax.ts'
import { detectedClasses, resolveOverlaps } from './finding.ts'
import type { DetectedClass, Finding, Search } from './finding.ts'
import { fold, unfold } from './fold.ts'

/** Nothing shorter is a finding: `1.1.1.1`, `a@b.co`; a hinted password may be four. */
const MIN_CHARS = 4
/** Shortest run of token characters in which a published key prefix can stand. */
const MIN_TOKEN_RUN = 16
const PEM_BEGIN = '-----BEGIN '

const DIGIT = 1, AT = 2, COLON = 4, DOT = 8, EQUALS = 16, TOKEN = 32, DASH = 64, OTHER = 128
const kinds = new Uint8Array(128)
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code)
  if (/[A-Za-z_+/~%]/.test(character)) kinds[code] = TOKEN
  if (/\d/.test(character)) kinds[code] = DIGIT | TOKEN
}
kinds[0x40] = AT
kinds[0x3a] = COLON
kinds[0x2e] = DOT | TOKEN
kinds[0x3d] = EQUALS
kinds[0x2d] = DASH | TOKEN

const nothing: readonly Finding[] = Object.freeze([])
const everyClass: ReadonlySet<string> = new Set(detectedClasses)

/**
 * @param member name of the JSON member (or header, column) that holds the text; '' where there is none
 * @param classes what to look for
 * @returns spans in order, none overlapping
 */
export function findSensitive(text: string, member = '', classes: ReadonlySet<string> = everyClass): readonly Finding[] {
  const n = text.length
  if (n < MIN_CHARS) return nothing
  let seen = 0, digits = 0, dots = 0, colons = 0, run = 0, longest = 0
  for (let i = 0; i < n; i++) {
    const code = text.charCodeAt(i)
    const kind = code < 128 ? kinds[code] as number : OTHER
    seen |= kind
    if ((kind & TOKEN) !== 0) {
      run++
      digits += kind & DIGIT
      if (kind === (DOT | TOKEN)) dots++
    } else {
      if (run > longest) longest = run
      run = 0
      if (kind === COLON) colons++
    }
  }
  if (run > longest) longest = run
  if ((seen & OTHER) !== 0) return findFolded(text, member, classes)
  // Prose: no digits to speak of, no sign that anchors anything, no long word, no telling name.
  if (digits < 4 && (seen & (AT | COLON | EQUALS)) === 0 && longest < MIN_TOKEN_RUN && !isTelling(member) && !((seen & DASH) !== 0 && text.includes(PEM_BEGIN))) return nothing
  return search(text, member, classes, { digits, dots, colons, longest, seen })
}

interface Anchors { readonly digits: number; readonly dots: number; readonly colons: number; readonly longest: number; readonly seen: number }

function search(text: string, member: string, classes: ReadonlySet<string>, anchors: Anchors): readonly Finding[] {
  const { digits, dots, colons, longest, seen } = anchors
  const found: Finding[] = []
  const search: Search = { text, hint: member === '' ? '' : snakeCase(member), found, wants: (name: DetectedClass) => classes.has(name) }
  if (search.wants('SECRET')) {
    if (isTelling(member)) findHintedSecret(search)
    if (longest >= MIN_TOKEN_RUN) findTokens(search)
    if ((seen & (COLON | EQUALS)) !== 0) findNamedSecrets(search)
    if ((seen & AT) !== 0 && colons > 0) findUrlPasswords(search)
    if ((seen & DASH) !== 0 && text.includes(PEM_BEGIN)) findPrivateKeys(search)
  }
  if (search.wants('EMAIL') && ((seen & AT) !== 0 || text.includes('%40'))) findEmails(search)
  if (digits >= 9) {
    if (digits >= 13 && search.wants('PAN')) findCards(search)
    if (search.wants('US_SSN')) findTaxNumbers(search)
    if (search.wants('US_ROUTING')) findRoutingNumbers(search)
  }
  if (digits >= 7 && search.wants('IBAN')) findIbans(search)
  if (digits >= 7 && search.wants('PHONE')) findPhones(search)
  if (digits >= 6 && search.wants('US_ACCOUNT')) findAccounts(search)
  if (digits >= 4 && search.wants('DATE_OF_BIRTH')) findBirthDates(search)
  if (((dots >= 3 && digits >= 4) || (colons >= 2 && digits >= 1)) && search.wants('IP')) findAddresses(search)
  return found.length === 0 ? nothing : resolveOverlaps(found)
}

function findFolded(text: string, member: string, classes: ReadonlySet<string>): readonly Finding[] {
  const folded = fold(text)
  const all: Anchors = { digits: 99, dots: 99, colons: 99, longest: 99, seen: 255 }
  return search(folded.text, member, classes, all).map((finding) => unfold(finding, folded))
}

/** Whether a member's name alone could make its value sensitive. A coarse first look; the detectors look closer. */
function isTelling(member: string): boolean {
  return member.length > 2 && /pass|pwd|secret|key|token|auth|cred|connection/i.test(member)
}
