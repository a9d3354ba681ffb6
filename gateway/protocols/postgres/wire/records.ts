// Row values in binary (rowtypes.c, record_send): a count, then each field's type, length and bytes.

/** PostgreSQL's MaxTupleAttributeNumber. */
const maxFields = 1_664

/** NULLs left out; undefined: the bytes are no row. */
export function recordFields(bytes: Buffer): readonly { readonly oid: number; readonly bytes: Buffer }[] | undefined {
  if (bytes.length < 4) return undefined
  const count = bytes.readInt32BE(0)
  if (count < 0 || count > maxFields) return undefined
  const fields: { oid: number; bytes: Buffer }[] = []
  let at = 4
  for (let i = 0; i < count; i++) {
    if (at + 8 > bytes.length) return undefined
    const oid = bytes.readUInt32BE(at)
    const size = bytes.readInt32BE(at + 4)
    at += 8
    if (size < 0) continue
    if (size > bytes.length - at) return undefined
    fields.push({ oid, bytes: bytes.subarray(at, at + size) })
    at += size
  }
  return at === bytes.length ? fields : undefined
}
