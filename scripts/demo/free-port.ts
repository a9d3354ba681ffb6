// A port for a server that must know its address before it listens.
import { randomInt } from 'node:crypto'
import net from 'node:net'
import { StartError } from './start-error.ts'

// Below the ports that a system hands out by itself (32768 and on with Linux, 49152 with others): no connection and no listener on port 0 takes one between the look and the use.
const lowest = 20_000, highest = 32_000, attempts = 100

/** @throws {StartError} none of a hundred was free */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const port = randomInt(lowest, highest)
    if (await isFree(port)) return port
  }
  throw new StartError('no free port on 127.0.0.1')
}

export async function isFree(port: number): Promise<boolean> {
  const server = net.createServer()
  const isListening = await new Promise<boolean>((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)))
  if (isListening) await new Promise((resolve) => server.close(resolve))
  return isListening
}
