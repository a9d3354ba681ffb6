// The functions of a module as they are changed here, and those of OPA 1.22.0 that are known.

/** SHA-256 of each body, calls written as the name of who is called. */
export const known = {
  opa_malloc_init: '9188d4a2bfcb8b113a302c5d4d2f1d14fa454596dc48db20d099d47651ec84f5',
  opa_memoize_get: '2cf395bc386fe27bb40e866d2edf07f247ecf136cd812fe27900ecb6964e6040',
  opa_memoize_init: 'c7215456ba2b2411ee03e4791675eaa0c9b86dca8a449ad0c299e069b19caf61',
  opa_memoize_insert: '3ca1f874ee5b8c3a3c83a0d86b4c5e952fcd2db4f49fab182337ba501825e5a3',
  opa_memoize_pop: '450bd5e33394357b53e5d59a4328ffe0ead343d7a5e43d9ffe2a72d12312ec90',
  opa_memoize_push: 'e635c8f84a06a421ee13aa186c6fb611e4f70952e3993a955414c61a0783738a',
  opa_strncmp: 'c3307faca7d09de93d594d3f6a62d8523560e002b200a08b8bd300f1451a9971',
  opa_value_hash: '1359633f2df0dad80c95936cecc11af542a5f4c87b9e458bbd670a5f7dcd08ef',
} as const
export type Known = keyof typeof known

/** A module's functions, to be changed in place. An index here counts imported functions, as a call does; a place in `bodies` does not. */
export interface Functions {
  readonly imported: number
  readonly bodies: Uint8Array[]
  /** Number of each body's type. */
  readonly types: number[]
  /** By name; of two with one name the last. */
  readonly indices: ReadonlyMap<string, number>
  /** Those that are what they are known to be. */
  readonly proven: ReadonlyMap<Known, number>
}
