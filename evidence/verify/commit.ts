// One evidence commit as Git stores it (FORMAT §8): headers, SSH signature, and a message that holds the whole checkpoint.
import { FalseClaim } from './finding.ts'
import { parseCheckpoint } from './note.ts'
import type { Checkpoint } from './note.ts'

export interface EvidenceCommit {
  readonly id: string
  readonly tree: string
  readonly parents: readonly string[]
  /** s since the Unix epoch; author and committer agree. */
  readonly time: number
  readonly epoch: number
  readonly number: number
  readonly checkpointText: string
  readonly checkpoint: Checkpoint
  /** The commit's bytes without `gpgsig`: what the signature covers. */
  readonly payload: Uint8Array
  readonly signature: string
}

const objectId = /^[0-9a-f]{40}$/
const headerNames = ['tree', 'parent', 'author', 'committer', 'gpgsig']
const subject = /^batch (0|[1-9][0-9]{0,14})\/(0|[1-9][0-9]{0,14})\n\n/

/** @throws FalseClaim `commit.shape`, `commit.message`, `checkpoint.malformed` */
export function parseCommit(id: string, bytes: Uint8Array): EvidenceCommit {
  const raw = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const split = raw.indexOf('\n\n')
  if (split < 0) throw new FalseClaim('commit.shape', 'the commit has no message')
  const header = raw.toString('latin1', 0, split)
  const fields: [string, string][] = []
  const kept: string[] = []
  for (const line of header.split('\n')) {
    const last = fields.at(-1)
    if (line.startsWith(' ') && last !== undefined) { last[1] += `\n${line.slice(1)}`; continue }
    const space = line.indexOf(' ')
    const name = line.slice(0, space)
    if (space < 0 || !headerNames.includes(name)) throw new FalseClaim('commit.shape', 'the commit has a header that the format does not know')
    fields.push([name, line.slice(space + 1)])
    if (name !== 'gpgsig') kept.push(line)
  }
  const only = (name: string): string => {
    const values = fields.filter(([field]) => field === name)
    if (values.length !== 1 || values[0] === undefined) throw new FalseClaim(name === 'gpgsig' ? 'commit.signature' : 'commit.shape', name === 'gpgsig' && values.length === 0 ? 'the commit is not signed' : `the commit has ${values.length} ${name} headers`)
    return values[0][1]
  }
  // Git checks what precedes and follows gpgsig; multi-line values of other headers would be lost above, and none are allowed.
  if (fields.some(([name, value]) => name !== 'gpgsig' && value.includes('\n'))) throw new FalseClaim('commit.shape', 'a header of the commit has several lines')
  const parents = fields.filter(([name]) => name === 'parent').map(([, value]) => value)
  if (![only('tree'), ...parents].every((name) => objectId.test(name))) throw new FalseClaim('commit.shape', 'the commit names what is no object id')
  const message = raw.toString('utf8', split + 2)
  const match = subject.exec(message)
  if (match === null) throw new FalseClaim('commit.message', 'the message is not "batch <epoch>/<number>" and the checkpoint')
  const checkpointText = message.slice(match[0].length)
  return {
    id,
    tree: only('tree'),
    parents,
    time: sameTime(only('author'), only('committer')),
    epoch: Number(match[1]),
    number: Number(match[2]),
    checkpointText,
    checkpoint: parseCheckpoint(checkpointText),
    payload: Buffer.concat([Buffer.from(`${kept.join('\n')}\n\n`, 'latin1'), raw.subarray(split + 2)]),
    signature: only('gpgsig'),
  }
}

function sameTime(author: string, committer: string): number {
  const [a, c] = [author, committer].map((line) => / (\d{1,12}) [+-]\d{4}$/.exec(line)?.[1])
  if (a === undefined || a !== c) throw new FalseClaim('commit.time', 'author and committer time differ or are malformed')
  return Number(a)
}
