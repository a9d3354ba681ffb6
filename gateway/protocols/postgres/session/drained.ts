// A socket that takes more again; or never will, which ends the same wait.
import type { Duplex } from 'node:stream'

export function drained(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = () => { socket.off('drain', done); socket.off('close', done); resolve() }
    socket.on('drain', done)
    socket.on('close', done)
  })
}
