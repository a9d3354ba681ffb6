// `npm run soak`: what `npm test` does in ten rounds, a hundred times (or as often as the argument says). Exits 1 when an answered call is missing.
import { openBank } from '../e2e/gateway-kit.ts'
import { killRounds } from './kill-rounds.ts'

const rounds = Number(process.argv[2] ?? 100)
const bank = await openBank()
const { acknowledged, missing, fsck, verdict } = await killRounds(bank, rounds, (line) => process.stdout.write(`${line}\n`))
process.stdout.write(`${acknowledged} calls answered in ${rounds} rounds, ${missing.length} missing; git fsck: ${fsck || 'clean'}; verify: exit ${verdict.exit}, ${verdict.falsities.length} false, ${verdict.checked.frames} frames, ${verdict.checked.recovered} ambiguous by recovery\n`)
for (const falsity of verdict.falsities) process.stdout.write(`  ${JSON.stringify(falsity)}\n`)
await bank.close()
process.exitCode = missing.length > 0 || fsck !== '' || verdict.falsities.length > 0 ? 1 : 0
