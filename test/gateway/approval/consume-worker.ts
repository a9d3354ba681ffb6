// One of several that try to use the same approval at once, each with its own connection to the database file.
import { parentPort, workerData } from 'node:worker_threads'
import { createApprovalStore } from '../../../gateway/approval/index.ts'
import { openDatabase } from '../../../gateway/state/database.ts'

const { path, id, now } = workerData as { path: string; id: string; now: number }
const database = openDatabase(path)
parentPort?.postMessage(createApprovalStore(database).consume(id, now))
database.close()
