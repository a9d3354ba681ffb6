// The words around a number. Nine digits are an SSN, a routing number or an order number: only the neighbourhood tells.
// Every look is bounded, so that a hostile text of n digits costs n looks of constant length.

/** Characters before a candidate that count as its neighbourhood. A stream keeps as many behind its cut. */
export const CONTEXT_CHARS = 48

/** `socialSecurityNumber`, `social-security-number` → `social_security_number`; longer names are cut at the front. */
export function snakeCase(name: string): string {
  return name.slice(-CONTEXT_CHARS).replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[\s-]+/g, '_').toLowerCase()
}

const words = {
  ssn: /(?:^|[^a-z])(?:ssns?|ss_?no|ss_?#|social(?:[\s_-]{0,2}security)?|s\.s\.n|tax[\s_-]?(?:payer)?[\s_-]?id|tin|itin)(?:[^a-z]|$)/,
  card: /(?:^|[^a-z])(?:card|cc|pan|credit|debit|visa|mastercard|amex|maestro|discover|unionpay)(?:[^a-z]|$)/,
  routing: /(?:^|[^a-z])(?:routing|aba|rtn|transit|fedwire|ach)(?:[^a-z]|$)/,
  phone: /(?:^|[^a-z])(?:phone|telephone|tel|mobile|cell|cellphone|fax|call|sms|whatsapp|dial)(?:[^a-z]|$)/,
  birth: /(?:^|[^a-z])(?:dob|d\.o\.b|birth|birthday|birthdate|born|geboren|geburtsdatum)(?:[^a-z]|$)/,
} as const

export type ContextName = keyof typeof words

/** Whether the member name or the text just before `start` speaks of `name`. */
export function isNear(name: ContextName, text: string, start: number, hint: string): boolean {
  if (hint !== '' && words[name].test(hint)) return true
  return start > 0 && words[name].test(snakeCase(text.slice(Math.max(0, start - CONTEXT_CHARS), start)))
}

/** Whether a member's name, in snake_case, speaks of any of them. */
export function speaksOf(hint: string): boolean {
  return hint !== '' && Object.values(words).some((word) => word.test(hint))
}
