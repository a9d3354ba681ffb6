// The gateway with policy out of the way: transparent, every user name passed through, every statement on record.
import { frontPostgres } from '../../e2e/postgres-gateway.ts'
import type { Through } from './through.ts'

export async function startGatewayBetween(upstream: { readonly host: string; readonly port: number }): Promise<Through> {
  const gateway = await frontPostgres(upstream, [{ name: 'suite', durability: 'bounded', isTransparent: true }])
  return {
    host: gateway.host, port: gateway.port('suite'), password: gateway.token,
    async stop() {
      const code = await gateway.stop()
      gateway.remove()
      if (code !== 0) throw new Error(`the gateway ended with ${code}`)
    },
  }
}
