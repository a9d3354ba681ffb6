// A TCP pass-through as a process of its own: what Node's sockets alone cost between a client and PostgreSQL.
import { startPassThrough } from '../conformance/postgres/pass-through.ts'

const [host = '127.0.0.1', port = '0'] = process.argv.slice(2)
const { port: at } = await startPassThrough({ host, port: Number(port) })
process.stdout.write(`${JSON.stringify({ port: at })}\n`)
