// The seqs of a session's intents: what was put in is there, nothing else is.
import test from 'ava'
import { SeqSet } from '../../../evidence/verify/seq-set.ts'

test('an intent is known by its seq alone, whatever number a record asks for', (t) => {
  const set = new SeqSet()
  const kept = new Set([0, 31, 32, 127, 128, 5_000, 1_000_003])
  for (const seq of kept) set.add(seq)
  for (const seq of kept) for (const near of [seq - 1, seq, seq + 1, seq + 32]) t.is(set.has(near), kept.has(near), String(near))
  for (const far of [2 ** 31, 2 ** 32, 2 ** 32 + 31, Number.MAX_SAFE_INTEGER, -1]) t.false(set.has(far), String(far))
})
