// The policy in force, as data for the console and for programs: `GET /api/policy`. A bearer token, as for approvals.
import type { FastifyPluginCallback } from 'fastify'
import { isRefusal } from '../refusal.ts'
import { bearerOf, refuse, type ApprovalsApiOptions } from './approvals-api.ts'

export interface PolicyApiOptions extends Pick<ApprovalsApiOptions, 'identity' | 'audience'> {
  /** JSON: revision, serial, who signed, what the head waits for, open after-reviews. */
  readonly document: () => Readonly<Record<string, unknown>>
}

export function policyApi({ document, identity, audience }: PolicyApiOptions): FastifyPluginCallback {
  return (server, _options, done) => {
    server.get('/api/policy', async (request, reply) => {
      const person = await bearerOf(request, identity, audience())
      return isRefusal(person) ? await refuse(reply, person) : document()
    })
    done()
  }
}
