// The gateway as a process: start, SIGHUP re-reads, SIGTERM drains, and the exit code says how it ended.
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { pino } from 'pino'
import { readBuiltins } from '../rego/index.ts'
import { parseBootstrap } from './bootstrap.ts'
import { startGateway } from './gateway.ts'
import type { Gateway } from './gateway.ts'

export function gatewayCommand(program: Command): void {
  program.command('gateway')
    .description('the gateway and its sealer, production form; SIGTERM drains, then closes and records; SIGHUP re-reads the policy repository')
    .requiredOption('--config <file>', 'bootstrap file (see `countersign config check`)')
    .addHelpText('after', '\nExit codes: 0 stopped and sealed, 1 ended by a fault, 2 could not start.')
    .action(async ({ config }: { config: string }) => { await runGateway(config) })
}

/** Keys, approvals and bodies are for this user alone, also in a folder that somebody made with other rights. The sealer inherits it. */
const ownerOnly = 0o077

async function runGateway(file: string): Promise<void> {
  process.umask(ownerOnly)
  const log = pino({ name: 'countersign', redact: { paths: ['*.authorization', '*.token', '*.secret', '*.password'], censor: '[redacted]' } }, pino.destination({ fd: 1, sync: false }))
  const bootstrap = parseBootstrap(readFileSync(file, 'utf8'), file)
  // Before the start: a signal that comes while it lasts is kept for its end, and none ever kills by default.
  let gateway: Gateway | undefined
  let stoppedBy: string | undefined
  const stop = async (running: Gateway) => {
    log.info({ signal: stoppedBy, drainS: bootstrap.drainS }, 'draining')
    try {
      await running.close()
      log.info('stopped, sealed')
    } catch (error) {
      log.error({ err: error }, 'stopped, not sealed')
      process.exitCode = 1
    }
    process.exit()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stoppedBy !== undefined) return
      stoppedBy = signal
      if (gateway !== undefined) void stop(gateway)
    })
  }
  process.on('SIGHUP', () => {
    gateway?.reload().catch((error: unknown) => log.error({ err: error }, 'the policy repository could not be looked at; what was in force stays'))
  })
  readBuiltins()   // a policy that comes while calls are going on may name what no other did
  gateway = await startGateway(bootstrap, { log, environment: process.env, now: Date.now })
  log.info({ listen: gateway.addresses, admin: gateway.adminAddress, epoch: gateway.epoch }, 'ready')
  if (stoppedBy !== undefined) await stop(gateway)
}
