// What a gateway meets outside: OpenSSH's server with a policy repository behind it, and Regal on somebody's PATH. HTTPS needs Git alone and is part of `npm test`.
import type { Outcome } from '../outcome.ts'
import { regalOutcomes } from './regal.ts'
import { sshOutcomes } from './ssh.ts'

/** Undefined where none of them is. */
export async function remotesConformance(): Promise<readonly Outcome[] | undefined> {
  const absent = (name: string, need: string): Outcome[] => [{ name, passed: true, detail: `skipped: ${need}` }]
  const ssh = await sshOutcomes(), regal = await regalOutcomes()
  if (ssh === undefined && regal === undefined) return undefined
  return [...ssh ?? absent('ssh', 'no sshd, ssh or git here (Debian: openssh-server)'), ...regal ?? absent('regal', 'no regal on PATH')]
}
