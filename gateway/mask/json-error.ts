// What strict JSON refuses, and what it is held to.

const jsonFaults = {
  too_large: 'the JSON text is larger than allowed',
  bom: 'the JSON text starts with a byte order mark',
  utf8: 'the JSON text is not UTF-8',
  syntax: 'the JSON text is malformed',
  duplicate_key: 'an object has the same member twice',
  proto_key: 'an object has a member named __proto__',
  too_deep: 'the JSON text is nested deeper than allowed',
  surrogate: 'a string holds half of a surrogate pair',
  inexact_number: 'a number has more digits than can be judged exactly; send it as a string',
} as const
export type JsonFault = keyof typeof jsonFaults

/** Says what is wrong and where, never what was there. */
export class JsonError extends Error {
  readonly fault: JsonFault
  /** Bytes into the text. */
  readonly offset: number
  constructor(fault: JsonFault, offset: number) {
    super(`${jsonFaults[fault]} (byte ${offset})`)
    this.name = 'JsonError'
    this.fault = fault
    this.offset = offset
  }
}

export interface JsonLimits {
  readonly maxBytes: number
  /** Objects and arrays inside one another; a scalar is depth 0. */
  readonly maxDepth: number
  /**
   * `refuse` (requests): a number whose text names another value than the double it parses to is a fault, else policy would judge
   * 12345678901234567000 while the upstream reads …890. `keep` (results): such numbers come back as `JSON.rawJSON` objects that
   * `JSON.stringify` writes as they were.
   */
  readonly inexact: 'refuse' | 'keep'
}
