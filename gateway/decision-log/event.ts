// One decision as OPA's decision log tells it (openpolicyagent.org/docs/management-decision-logs). Input and result are the recorded texts,
// byte for byte: what masking removed is in neither.
import type { DecidedCall, PeerAddress } from '../call.ts'

/** What became of the call, and where that is on record. */
export interface Logged {
  readonly call: DecidedCall
  /** `session/seq` of its frame. */
  readonly frame: string
  /** `permitted`, or the code of the refusal. */
  readonly outcome: string
  readonly peer: PeerAddress
  readonly revision: string
  readonly serial: number
}

/** Labels that every event of this node carries. */
export interface Labels { readonly id: string; readonly app: string }

export const decisionPath = 'countersign/request/decision'

/** One JSON object on one line. @param lost events before this one that nobody will see: the buffer was full */
export function eventOf({ call, frame, outcome, peer, revision, serial }: Logged, labels: Labels, number: number, lost: number): string {
  const { input, inputText, canonicalDecision, decisionId, bundle } = call
  const digest = Buffer.from(bundle.buffer, bundle.byteOffset, bundle.length).toString('hex')
  const custom = { countersign: { frame, outcome, bundle: digest, serial, ...lost === 0 ? {} : { lost } } }
  const head = {
    labels, decision_id: Buffer.from(decisionId.buffer, decisionId.byteOffset, decisionId.length).toString('hex'),
    bundles: { countersign: { revision } }, path: decisionPath, requested_by: peer.ip.includes(':') ? `[${peer.ip}]:${peer.port}` : `${peer.ip}:${peer.port}`,
    timestamp: input.context.time, req_id: number, custom,
  }
  const result = Buffer.from(canonicalDecision.buffer, canonicalDecision.byteOffset, canonicalDecision.length).toString('utf8')
  return `${JSON.stringify(head).slice(0, -1)},"input":${inputText},"result":${result}}`
}
