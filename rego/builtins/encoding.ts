// `hex.*` and `base64url.encode_no_pad`, as OPA's topdown answers them.
import { readUtf8 } from './json/read.ts'
import { ofTexts } from './operand.ts'
import type { Family } from './operand.ts'

export const encoding: Family = [
  ['hex.encode', ofTexts(text => Buffer.from(text).toString('hex'))],
  ['hex.decode', ofTexts(text => text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text) ? readUtf8(Buffer.from(text, 'hex')) : undefined)],
  ['base64url.encode_no_pad', ofTexts(text => Buffer.from(text).toString('base64url'))],
]
