// What goes to the client next.
import type { MaskedPart, Permit } from '../../../call.ts'
import type { PostgresOperation } from '../operation.ts'
import type { Act } from './act.ts'

/** Bytes as they are, a part that must be on record first, or something that is on its way there already. */
export type Out =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array; /** Told once it is out. */ readonly act?: Act | undefined }
  | { readonly kind: 'part'; readonly act: Act; readonly permit: Permit<PostgresOperation>; readonly part: MaskedPart }
  | { readonly kind: 'later'; readonly bytes: Promise<Uint8Array>; /** Of what it was made from. */ readonly size: number }
