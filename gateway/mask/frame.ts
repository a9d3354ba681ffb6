// What a protocol knows about its documents and masking must: where a result begins (pointers of a mask count from there) and
// which members are the protocol's own and stay as they are (a JSON-RPC id).
import { addField, classOf, fieldNode, parsePointer, stepInto } from '../sensitive/catalogue.ts'
import type { FieldNode, FieldNodes } from '../sensitive/catalogue.ts'

export interface Frame { readonly root: FieldNode }

/** Every pointer RFC 6901, `*` for any one segment. `roots: ['']` is the whole document. @throws TypeError on a malformed pointer */
export function compileFrame(pointers: { readonly roots: readonly string[]; readonly keep: readonly string[] }): Frame {
  const root = fieldNode()
  for (const [kind, list] of [['root', pointers.roots], ['keep', pointers.keep]] as const) {
    for (const pointer of list) {
      const segments = parsePointer(pointer)
      if (segments === undefined) throw new TypeError(`malformed pointer ${pointer}`)
      addField(root, segments, kind)
    }
  }
  return { root }
}

/** The whole document is the result. */
export const wholeDocument: Frame = compileFrame({ roots: [''], keep: [] })

export { classOf as frameMark, stepInto as stepFrame }
export type { FieldNodes as FrameNodes }
