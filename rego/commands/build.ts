// `policy build`: check, then a bundle; the same source gives the same bytes.
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { reportKinds, type ReportDigests } from '../bundle.ts'
import { shippedCapabilities } from '../capabilities.ts'
import { compileBundle } from '../compiler.ts'
import { PolicyError } from '../errors.ts'
import type { Toolchain } from '../toolchain/process.ts'
import { told, verb, type Json } from './run.ts'

export const buildCommand = (toolchain: Toolchain) => (policy: Command): void => {
  verb(policy, 'build', 'check and compile to a bundle; the same source gives the same bytes', `
  countersign policy build --output bundle.tar.gz --revision "$(git rev-parse HEAD)" --serial 41 policies`)
    .option('--output <file>', 'where to write the bundle', 'bundle.tar.gz')
    .option('--revision <commit>', 'the Git commit it is built from', 'working-tree')
    .option('--serial <number>', 'rises with every activation', '0')
    .option('--report <kind=file>', `${reportKinds.join(', ')}: a report on these policies, whose digest goes into the manifest; may be repeated`, (one: string, earlier: readonly string[]) => [...earlier, one], [])
    .action((dir: string | undefined, { json, output, revision, serial, report }: Json & { output: string; revision: string; serial: string; report: readonly string[] }) => told(dir, json, 'building', async ({ files }) => {
      if (!/^\d{1,15}$/.test(serial)) throw new PolicyError('ERR_POLICY_BUILD', '--serial is not a number')
      const bundle = await compileBundle({ toolchain, files, revision, serial: Number(serial), capabilities: shippedCapabilities(), reports: readReports(report) })
      writeFileSync(output, bundle)
      const digest = createHash('sha256').update(bundle).digest('hex')
      return {
        document: { output, digest, revision, serial: Number(serial), bytes: bundle.length },
        lines: [`${output}: ${bundle.length} bytes, sha256 ${digest}`],
      }
    }))
}

function readReports(named: readonly string[]): ReportDigests {
  return Object.fromEntries(named.map(one => {
    const [kind = '', ...file] = one.split('=')
    if (!(reportKinds as readonly string[]).includes(kind) || file.length === 0) throw new PolicyError('ERR_POLICY_BUILD', `--report is <kind>=<file>, its kind one of ${reportKinds.join(', ')}`)
    return [kind, createHash('sha256').update(readFileSync(file.join('='))).digest('hex')]
  }))
}
