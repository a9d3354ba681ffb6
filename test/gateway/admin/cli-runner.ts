// The two nouns of this part, as the binary runs them.
import { Command } from 'commander'
import { approvalCommands, configCommands } from '../../../gateway/admin/cli.ts'

const program = new Command('countersign')
approvalCommands(program)
configCommands(program)
await program.parseAsync().catch((error: unknown) => {
  process.stderr.write(`countersign: ${error instanceof Error ? error.message : ''}\n`)
  process.exitCode = 2
})
