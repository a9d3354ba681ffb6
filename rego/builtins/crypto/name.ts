// Distinguished names (RFC 5280 §4.1.2.4) and the ASN.1 strings in them, as Go's crypto/x509 reads them.
import { DerError, DerReader, tag } from './der.ts'
import type { Element } from './der.ts'

export interface Attribute {
  readonly type: string
  readonly value: string
}

/** Every attribute in its order; the sets they stand in say nothing more. @throws DerError */
export function parseName(name: Element): readonly Attribute[] {
  const attributes: Attribute[] = []
  for (const sets = new DerReader(name.body); !sets.isEmpty;) {
    for (const set = new DerReader(sets.element(tag.set).body); !set.isEmpty;) {
      const attribute = set.sequence()
      const type = attribute.oid()
      attributes.push({ type, value: readText(attribute.any()) })
    }
  }
  return attributes
}

function readText({ tag: kind, body }: Element): string {
  const text = Buffer.from(body).toString('latin1')
  switch (kind) {
    // T.61 in name; everybody takes it for Latin-1.
    case tag.teletexString: return text
    // An asterisk and an ampersand are not printable by the standard, but in use.
    case tag.printableString: return matching(text, /^[A-Za-z0-9'()*+,\-./ :=?&]*$/)
    case tag.numericString: return matching(text, /^[0-9 ]*$/)
    case tag.ia5String: return readIa5(body)
    case tag.utf8String: {
      const utf8 = Buffer.from(body).toString('utf8')
      if (!Buffer.from(utf8).equals(body)) throw new DerError('text that is not UTF-8')
      return utf8
    }
    case tag.bmpString: {
      if (body.length % 2 !== 0) throw new DerError('text of half characters')
      const ends = body.length >= 2 && body.at(-1) === 0 && body.at(-2) === 0 ? body.length - 2 : body.length
      let units = ''
      for (let at = 0; at < ends; at += 2) units += String.fromCharCode(((body[at] ?? 0) << 8) | (body[at + 1] ?? 0))
      return matching(units, /^[^\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]*$/)
    }
    default: throw new DerError('text of another kind')
  }
}

export function readIa5(body: Uint8Array): string {
  return matching(Buffer.from(body).toString('latin1'), /^[\x00-\x7f]*$/)
}

function matching(text: string, allowed: RegExp): string {
  if (!allowed.test(text)) throw new DerError('text with characters of another kind')
  return text
}
