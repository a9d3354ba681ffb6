// Entry of the compiler's process: verifies the artefact, then serves frames on its pipes until standard input ends.
// Started only by process.ts, which owns the deadline.
import { readSync, writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { PolicyError } from '../errors.ts'
import { readArtefact } from './artefact.ts'
import { exitStatus, lifeline } from './exit-status.ts'
import { runWasi, type Pipes } from './wasi.ts'

// Nearly every request is over before its heap is that large, and collecting it earlier took a quarter of the time of all.
const environment = ['GOGC=off', 'GOMEMLIMIT=128MiB']

const pipes: Pipes = {
  read: into => (into.length === 0 ? 0 : retried(() => readSync(0, into))),
  write(fd, bytes) {
    for (let at = 0; at < bytes.length;) at += retried(() => writeSync(fd, bytes, at))
  },
  nanoseconds: () => process.hrtime.bigint(),
}

/** A pipe may be non-blocking, depending on who made it. */
function retried(call: () => number): number {
  for (;;) {
    try {
      return call()
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EOF') return 0
      if (code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
    }
  }
}

// Its other end closes with the owner, whether that was a process or a thread of one that goes on.
const watch = `const { Socket } = require("node:net"); new Socket({ fd: ${lifeline} }).on("error", () => {}).on("close", () => process.kill(process.pid, "SIGKILL")).resume()`

try {
  const artefact = await readArtefact()
  // A looping policy would outlive an owner that was ended: nothing else in this thread runs until it ends.
  new Worker(watch, { eval: true }).unref()
  // Compiled synchronously: an asynchronous compile would leave nothing to keep the event loop alive.
  process.exitCode = runWasi(new WebAssembly.Module(artefact), ['opa-toolchain', 'serve'], pipes, environment)
} catch (error) {
  writeSync(2, error instanceof Error ? error.message : String(error))
  if (error instanceof PolicyError) process.exitCode = exitStatus.digest
  else if (error instanceof RangeError) process.exitCode = exitStatus.stack
  else process.exitCode = exitStatus.fault
}
