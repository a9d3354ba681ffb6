// `policy package`: a bundle as an image, for a registry.
import type { Command } from 'commander'
import { bundleOf } from '../bundle.ts'
import { writeOciLayout } from '../oci-layout.ts'
import { readTarball } from '../tarball.ts'
import { readBundleFile } from './bundle-file.ts'
import { ran, type Json } from './run.ts'

export function packageCommand(policy: Command): void {
  policy.command('package').description('make an OCI image layout of a bundle, named by digest; the same bundle makes the same image')
    .argument('<BUNDLE>', 'bundle.tar.gz, signed or not')
    .argument('<DIR>', 'a folder that is empty or not there yet')
    .option('--json', 'the result as one JSON document')
    .addHelpText('after', `
Examples:
  countersign policy package bundle.tar.gz image
  oras cp --from-oci-layout image:41 registry.example/policy:41     the tag is the bundle's serial
  countersign policy verify --key release.pub --keyid release-2026 image@sha256:…

Exit status: 0 made; 2 could not run.`)
    .action((file: string, folder: string, { json }: Json) => ran(json, 'packing', String, async () => {
      const bytes = readBundleFile(file)
      const digest = writeOciLayout(folder, bytes, bundleOf(bytes, readTarball(bytes), {}))
      return await Promise.resolve({ document: { folder, digest }, lines: [`${folder}@${digest}`] })
    }))
}
