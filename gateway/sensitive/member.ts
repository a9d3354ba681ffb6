// What a member's name says about its value. The same names come in every row of every call, so what was learnt of one is kept.
import { snakeCase } from './context.ts'

export interface Member {
  readonly name: string
  readonly lowerCase: string
  /** snake_case; '' where there is no name */
  readonly hint: string
  /** The name alone can make a value sensitive. A coarse first look; the detector looks closer. */
  readonly isTelling: boolean
}

const TELLING = /pass|pwd|secret|key|token|auth|cred|connection|cookie/i

export function readMember(name: string): Member {
  return { name, lowerCase: name.toLowerCase(), hint: name === '' ? '' : snakeCase(name), isTelling: name.length > 2 && TELLING.test(name) }
}
