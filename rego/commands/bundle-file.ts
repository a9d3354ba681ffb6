// The bundle that a verb was given: a file, or an image in an OCI layout named by its digest.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { PolicyError } from '../errors.ts'
import { readOciLayout } from '../oci-layout.ts'
import { maxBundleBytes } from '../tarball.ts'

/** @param name `bundle.tar.gz`, or `DIR@sha256:…` @throws PolicyError `ERR_BUNDLE_MALFORMED`, `ERR_BUNDLE_IMAGE` */
export function readBundleFile(name: string): Uint8Array {
  const at = name.lastIndexOf('@sha256:')
  if (at > 0 && !existsSync(name)) return readOciLayout(name.slice(0, at), name.slice(at + 1))
  const stat = statSync(name, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile()) throw new PolicyError('ERR_BUNDLE_MALFORMED', `${name} is not a file`)
  if (stat.size > maxBundleBytes) throw new PolicyError('ERR_BUNDLE_MALFORMED', `${name} is larger than ${maxBundleBytes} bytes`)
  return readFileSync(name)
}
