// A sealer that says "sealed" at once and keeps nothing: for tests and benches of the journal alone. What it is told, it remembers.
import { existsSync } from 'node:fs'
import type { OpenSession, Recovered, SealerEvents, StartSealer } from '../../evidence/seal/protocol.ts'
import { readRecords, readSegment, readSegmentHeader, listSegments } from '../../evidence/session/reader.ts'
import { parseCut, recordType } from '../../evidence/session/record.ts'

export interface InstantSealer {
  readonly start: StartSealer
  readonly durable: { segment: number, offset: number }[]
  readonly runs: SealerEvents[]
}

/** @param recovered what it says of earlier epochs @param isSilent it says nothing of batches after the first */
export function instantSealer(recovered: Partial<Recovered> = {}, options: { sessions?: OpenSession[], isSilent?: boolean } = {}): InstantSealer {
  const durable: { segment: number, offset: number }[] = []
  const runs: SealerEvents[] = []
  const start: StartSealer = (config, events) => {
    runs.push(events)
    let lines = 0
    let size = 0
    const said = new Set<string>()
    const seal = (): void => {
      if (!existsSync(config.journal)) return // a test that failed has taken its folder away
      for (const segment of listSegments(config.journal)) {
        const header = readSegmentHeader(config.journal, segment)
        if (header === undefined) continue
        for (const record of readRecords(readSegment(config.journal, segment), header)) {
          if (record.type !== recordType.cut) continue
          const { number } = parseCut(record.payload)
          const name = `${header.epoch}/${number}`
          if (said.has(name) || (options.isSilent === true && number > 0)) continue
          said.add(name)
          events.message({ sealed: { epoch: header.epoch, number, size: ++size, checkpoint: name } })
        }
      }
    }
    return {
      durable(segment, offset) {
        durable.push({ segment, offset })
        const isFirst = lines++ === 0
        setImmediate(() => {
          seal()
          if (isFirst) events.message({ recovered: { lastBatch: null, previousBatchLeaf: '0'.repeat(64), epoch: null, clean: false, nextBatch: 0, time: 0, segment: 0, sessions: options.sessions ?? [], ...recovered } })
        })
      },
      end: () => { setImmediate(() => { events.exited('exit 0') }) },
      kill: () => { events.exited('SIGKILL') },
    }
  }
  return { start, durable, runs }
}
