// There is nothing behind a decision point: what a permit lets through is the answer itself.
import type { DecidedCall, Operation, Permit } from '../../call.ts'
import type { Upstream } from '../../protocol.ts'

export class Answers implements Upstream<Operation> {
  forward(permit: Permit): DecidedCall['decision'] {
    permit.spend()
    return permit.call.decision
  }
}
