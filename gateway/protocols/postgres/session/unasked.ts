// What the server says that nobody asked for: a notification, a notice between statements, its farewell. Decided, masked and recorded as an operation of
// the server's own; it keeps its place among what goes to the client.
import type { Masking, MaskPlan } from '../../../mask/index.ts'
import type { Gate } from '../../../protocol.ts'
import { isRefusal } from '../../../refusal.ts'
import { Act } from './act.ts'
import type { PostgresUpstream } from '../dial.ts'
import type { ResultMasker } from '../mask.ts'
import { backendTag, parseDiagnostic, type Diagnostic, type Frame } from '../messages.ts'
import { unaskedOperation, type OperationOptions, type PostgresOperation } from '../operation.ts'
import type { Out } from './out.ts'

export interface UnaskedOptions {
  readonly gate: Gate<PostgresOperation, PostgresUpstream>
  readonly masking: Masking
  readonly about: OperationOptions
  /** @throws RefusalError `mask.unenforceable` */
  masker(plan: MaskPlan, act: Act): ResultMasker
}

const nothing = new Uint8Array(0)

export function createUnasked({ gate, masking, about, masker }: UnaskedOptions): (frame: Frame) => Out {
  return (frame) => ({ kind: 'later', bytes: recorded(frame), size: frame.bytes.length })

  async function recorded(frame: Frame): Promise<Uint8Array> {
    const { tag } = frame
    const act = new Act(unaskedOperation({ ...about, frame }), [], { text: '', isBarrier: false })
    const [permit] = await gate.request([act.operation], 'upstream', { signal: gate.signal, held: () => 'return' })
    if (permit === undefined || isRefusal(permit)) return nothing
    permit.spend()
    act.permit = permit
    const failure = tag === backendTag.error ? parseDiagnostic(frame.bytes) : undefined
    const title = failure === undefined ? act.operation.action.name : titleOf(failure)
    let part: ReturnType<Act['take']>
    try {
      act.masker = masker(masking.planFor(permit.call.decision, undefined), act)
      feed(act.masker, frame)
      part = act.take(failure === undefined ? { title, status: 'delivered', isFinal: true } : { title, status: 'failed', isFinal: true, code: `postgres.${failure.get('C') ?? 'XX000'}` })
    } catch (error) {
      act.masker = masker(masking.planFor({ mask: [] }, undefined), act)
      const failed = act.take({ title, status: 'failed', isFinal: true, code: 'upstream.broken' })
      if (failed !== undefined) await gate.deliver([failed])
      throw error
    }
    const [delivered] = part === undefined ? [] : await gate.deliver([part])
    return delivered?.bytes ?? nothing
  }
}

/** Said at a Sync, the commit has failed: whatever came before it since the last one is undone (a deferred constraint, a serialization failure). */
function titleOf(failure: Diagnostic): string {
  const said = `${failure.get('V') ?? 'ERROR'} ${failure.get('C') ?? 'XX000'}`
  return failure.get('V') === 'ERROR' ? `${said}, instead of a commit` : said
}

function feed(masker: ResultMasker, { tag, bytes }: Frame): void {
  if (tag === backendTag.notification) masker.notification(bytes)
  else if (tag === backendTag.parameterStatus) masker.parameterStatus(bytes)
  else masker.diagnostic(bytes)
}
