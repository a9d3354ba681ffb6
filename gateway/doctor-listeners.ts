// What `countersign doctor` says of the listeners: whether the target that one names is there, and how long a certificate still holds.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Bootstrap, TargetConfig } from './config.ts'
import type { DoctorFinding } from './doctor.ts'

const warnBeforeMs = 14 * 24 * 3_600_000

/** @param targets of config in force */
export function examineListeners(listen: Bootstrap['listen'], targets: readonly TargetConfig[], now: number): DoctorFinding[] {
  return listen.flatMap((one) => {
    const at = `${one.host}:${one.port}`
    return [...one.target === undefined ? [] : [targetOf(at, one.target, targets)], ...one.tls === undefined ? [] : [certificateOf(at, one.tls.cert, now)]]
  })
}

function targetOf(at: string, name: string, targets: readonly TargetConfig[]): DoctorFinding {
  const found = targets.find((target) => target.name === name)
  const said = (level: DoctorFinding['level'], words: string): DoctorFinding => ({ check: 'listener', level, message: `${at} is for target ${name}${words}` })
  if (found === undefined) return said('fail', `, which config in force does not have, so it hangs up on everybody; of PostgreSQL there is: ${targets.filter(({ protocol }) => protocol === 'postgres').map((target) => target.name).join(', ') || 'none'}`)
  if (found.protocol !== 'postgres') return said('fail', `, which speaks ${found.protocol}, so it hangs up on everybody: a listener without target serves it at ${found.prefix}`)
  return said('fine', '')
}

function certificateOf(at: string, file: string, now: number): DoctorFinding {
  const said = (level: DoctorFinding['level'], words: string): DoctorFinding => ({ check: 'certificate', level, message: `${file} of ${at} ${words}` })
  try {
    const { validFromDate, validToDate } = new X509Certificate(readFileSync(file))
    if (now < validFromDate.getTime()) return said('fail', `holds from ${validFromDate.toISOString()} on, and not yet`)
    if (now >= validToDate.getTime()) return said('fail', `expired at ${validToDate.toISOString()}: put a new one there and restart the gateway`)
    return said(validToDate.getTime() - now < warnBeforeMs ? 'warn' : 'fine', `holds until ${validToDate.toISOString()}`)
  } catch {
    return said('fail', 'cannot be read, or is no certificate in PEM')
  }
}
