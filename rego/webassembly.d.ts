// The part of the WebAssembly JavaScript API (W3C, version 2) that rego/ uses. Node's types leave it to the DOM library, which has
// a thousand names that a server does not have.
declare namespace WebAssembly {
  type ImportValue = ExportValue | number
  type ExportValue = Function | Global | Memory | Table
  type Imports = Record<string, Record<string, ImportValue>>
  interface Descriptor { readonly module: string; readonly name: string; readonly kind: string }
  class Module {
    constructor(bytes: Uint8Array)
    static imports(module: Module): Descriptor[]
    static exports(module: Module): Descriptor[]
  }
  class Instance {
    constructor(module: Module, imports?: Imports)
    readonly exports: Record<string, ExportValue>
  }
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number })
    readonly buffer: ArrayBuffer
    grow(pages: number): number
  }
  class Global {
    value: number
  }
  class Table {
    readonly length: number
  }
  class RuntimeError extends Error {}
  class LinkError extends Error {}
  function validate(bytes: Uint8Array): boolean
  interface WebAssemblyInstantiatedSource { instance: Instance; module: Module }
}
