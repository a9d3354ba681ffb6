// AuthZEN Authorization API 1.0 as a protocol of the gateway: other enforcement points ask the policy that is in force here.
import type { Operation } from '../../call.ts'
import type { NoAccess, Protocol } from '../../protocol.ts'
import { refusal } from '../../refusal.ts'
import { Answers } from './dial.ts'
import type { PlaceOf } from './operation.ts'
import { serveExchange } from './serve.ts'

export { decisionPointMetadata, metadataPath } from './metadata.ts'

export interface AuthzenOptions {
  /** Base URL that callers use; challenges point below it. */
  readonly publicUrl: string
  readonly placeOf: PlaceOf
}

export function createAuthzen({ publicUrl, placeOf }: AuthzenOptions): Protocol<Operation, Answers, NoAccess> {
  return {
    name: 'authzen',
    dial: () => new Answers(),
    async run(client, door) {
      const { authzen } = door.target
      if (client.framing === 'exchange' && authzen !== undefined) return await serveExchange(client, door, authzen, publicUrl, placeOf)
      door.turnAway(refusal('request.not_allowed', 'This target takes no upgrades'), client.peer)
      if (client.framing === 'exchange') client.response.destroy()
      else client.socket.destroy()
      return 'refused'
    },
  }
}
