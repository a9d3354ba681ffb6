// A share of the cases in a thread of its own: one compiler instance for all of them.
import { parentPort, workerData } from 'node:worker_threads'
import { shippedCapabilities } from '../../../rego/capabilities.ts'
import { readArtefact } from '../../../rego/toolchain/artefact.ts'
import type { OpaCase } from './case.ts'
import { drive } from './compile.ts'
import type { Asking } from './compile.ts'
import { ours, plain, textDeclaration } from './engines.ts'
import { judge } from './verdict.ts'

interface Document { readonly builtins: readonly unknown[] }

const compiler = new WebAssembly.Module(await readArtefact())
const everything = drive(compiler, askForCapabilities())
// What a policy may use, and the one function of these tests. Nothing else is allowed that a policy is not.
const capabilities = withText(shippedCapabilities() as Document)

parentPort?.postMessage(drive(compiler, judge(workerData as readonly OpaCase[], { ours, plain, capabilities, everything: withText(everything) })))

function* askForCapabilities(): Asking<Document> {
  const { result } = yield { cmd: 'capabilities' }
  return (result as { readonly capabilities: Document }).capabilities
}

function withText(document: Document): Document {
  return { ...document, builtins: [...document.builtins, textDeclaration] }
}
