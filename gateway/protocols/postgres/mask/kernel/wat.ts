// Makes a module of the text format's folded form (WebAssembly Core Specification 2.0, §6): functions over one memory, with the few instructions
// that the kernel needs. Where a value is wanted, `$name` alone reads a local and a number is an i32. What is not known is an error, not a guess.

type Node = string | readonly Node[]

const i32 = 0x7f, v128 = 0x7b
const MIN_I32 = -0x8000_0000, MAX_U32 = 0xffff_ffff
const section = { type: 1, function: 3, memory: 5, export: 7, code: 10 } as const

/** First bytes of instructions without immediates (§5.4). */
const plain: Readonly<Record<string, readonly number[]>> = {
  'return': [0x0f],
  'i32.eqz': [0x45], 'i32.eq': [0x46], 'i32.ne': [0x47], 'i32.lt_u': [0x49], 'i32.gt_u': [0x4b], 'i32.ge_s': [0x4e], 'i32.ge_u': [0x4f],
  'i32.ctz': [0x68], 'i32.add': [0x6a], 'i32.sub': [0x6b], 'i32.and': [0x71], 'i32.or': [0x72], 'i32.shl': [0x74], 'i32.shr_u': [0x76], 'i32.rotl': [0x77],
  'i8x16.splat': [0xfd, 0x0f], 'i8x16.eq': [0xfd, 0x23], 'i8x16.gt_u': [0xfd, 0x28], 'i8x16.sub': [0xfd, 0x71], 'v128.or': [0xfd, 0x50], 'i8x16.bitmask': [0xfd, 0x64],
}
/** Those that read or write memory; none promises an alignment. */
const onMemory: Readonly<Record<string, readonly number[]>> = { 'i32.load': [0x28], 'i32.load8_u': [0x2d], 'i32.load16_u': [0x2f], 'i32.store': [0x36], 'v128.load': [0xfd, 0x00], 'v128.store': [0xfd, 0x0b] }
const onLocal: Readonly<Record<string, number>> = { 'local.set': 0x21, 'local.tee': 0x22 }
const onLabel: Readonly<Record<string, number>> = { br: 0x0c, br_if: 0x0d }
const structured: Readonly<Record<string, number>> = { block: 0x02, loop: 0x03 }
const op = { if: 0x04, else: 0x05, end: 0x0b, call: 0x10, get: 0x20, const: 0x41, noResult: 0x40 } as const

interface Func { readonly name: string; readonly isExported: boolean; readonly params: readonly string[]; readonly results: number; readonly locals: ReadonlyMap<string, number>; readonly body: readonly Node[] }

/**
 * @param text functions: `(func $name (export) (param $a $b) (result) (local $c $d) (local.v128 $e) …)`; all but the last kind are i32
 * @param pages of its one memory, exported as `memory`
 * @throws SyntaxError naming what is not understood
 */
export function assemble(text: string, pages: number): Uint8Array<ArrayBuffer> {
  const funcs = parse(text).map(readFunc)
  const indexes = new Map(funcs.map(({ name }, index) => [name, index]))
  if (indexes.size < funcs.length) throw new SyntaxError('two functions have one name')
  const exported = funcs.filter(({ isExported }) => isExported)
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...sized(section.type, vector(funcs.map(({ params, results }) => [0x60, ...vector(params.map(() => [i32])), ...vector(Array.from({ length: results }, () => [i32]))]))),
    ...sized(section.function, vector(funcs.map((_, index) => unsigned(index)))),
    ...sized(section.memory, vector([[1, ...unsigned(pages), ...unsigned(pages)]])),
    ...sized(section.export, vector([[...nameBytes('memory'), 2, 0], ...exported.map(({ name }) => [...nameBytes(name.slice(1)), 0, ...unsigned(indexes.get(name) ?? 0)])])),
    ...sized(section.code, vector(funcs.map((func) => codeOf(func, indexes)))),
  ])
}

function parse(text: string): readonly Node[] {
  const stack: Node[][] = [[]]
  for (const [token] of text.replaceAll(/;;.*/g, '').matchAll(/[()]|[^\s()]+/g)) {
    if (token === '(') stack.push([])
    else if (token !== ')') stack.at(-1)?.push(token)
    else {
      const list = stack.pop() ?? []
      const outer = stack.at(-1)
      if (outer === undefined) throw new SyntaxError('a bracket closes nothing')
      outer.push(list)
    }
  }
  if (stack.length > 1) throw new SyntaxError('a bracket is not closed')
  return stack[0] ?? []
}

function readFunc(node: Node): Func {
  const [head, name, ...rest] = typeof node === 'string' ? [] : node
  if (head !== 'func' || typeof name !== 'string') throw new SyntaxError('a function was expected')
  const headers = new Map<string, readonly string[]>()
  let at = 0
  for (; at < rest.length; at++) {
    const part = rest[at]
    const [kind, ...names] = typeof part === 'object' ? part : []
    if (typeof kind !== 'string' || !['export', 'param', 'result', 'local', 'local.v128'].includes(kind)) break
    if (headers.has(kind)) throw new SyntaxError(`${name} has ${kind} twice`)
    headers.set(kind, names.map(String))
  }
  const params = headers.get('param') ?? []
  const locals = new Map<string, number>()
  for (const [names, type] of [[params, i32], [headers.get('local') ?? [], i32], [headers.get('local.v128') ?? [], v128]] as const) {
    for (const local of names) {
      if (locals.has(local)) throw new SyntaxError(`${local} is declared twice`)
      locals.set(local, type)
    }
  }
  return { name, isExported: headers.has('export'), params, results: headers.has('result') ? 1 : 0, locals, body: rest.slice(at) }
}

function codeOf({ params, locals, body }: Func, functions: ReadonlyMap<string, number>): number[] {
  const indexes = new Map([...locals.keys()].map((name, index) => [name, index]))
  const code: number[] = []
  for (const node of body) emit(node, [])
  const own = [...locals.values()].slice(params.length)
  const content = [...vector(own.map((type) => [1, type])), ...code, op.end]
  return [...unsigned(content.length), ...content]

  function emit(node: Node, labels: readonly string[]): void {
    if (typeof node === 'string') {
      if (node.startsWith('$')) code.push(op.get, ...unsigned(indexOf(indexes, node)))
      else code.push(op.const, ...signed(integer(node, MIN_I32)))
      return
    }
    const [name, ...args] = node
    if (typeof name !== 'string') throw new SyntaxError('an instruction has no name')
    const [first] = args
    const each = (nodes: readonly Node[], within = labels): void => { for (const one of nodes) emit(one, within) }
    if (plain[name] !== undefined) {
      each(args)
      code.push(...plain[name])
    } else if (onMemory[name] !== undefined) {
      const offset = typeof first === 'string' && first.startsWith('offset=') ? integer(first.slice(7), 0) : undefined
      each(offset === undefined ? args : args.slice(1))
      code.push(...onMemory[name], 0, ...unsigned(offset ?? 0))
    } else if (onLocal[name] !== undefined) {
      each(args.slice(1))
      code.push(onLocal[name], ...unsigned(indexOf(indexes, first)))
    } else if (name === 'call') {
      each(args.slice(1))
      code.push(op.call, ...unsigned(indexOf(functions, first)))
    } else if (onLabel[name] !== undefined) {
      each(args.slice(1))
      const depth = labels.indexOf(String(first))
      if (depth < 0) throw new SyntaxError(`no label ${String(first)} is open`)
      code.push(onLabel[name], ...unsigned(depth))
    } else if (structured[name] !== undefined) {
      code.push(structured[name], op.noResult)
      each(args.slice(1), [String(first), ...labels])
      code.push(op.end)
    } else if (name === 'if') {
      const [condition, then, otherwise, ...more] = args
      if (condition === undefined || more.length > 0) throw new SyntaxError('an if has one condition, one then and at most one else')
      emit(condition, labels)
      code.push(op.if, op.noResult)
      each(branch(then, 'then'), ['', ...labels])
      if (otherwise !== undefined) {
        code.push(op.else)
        each(branch(otherwise, 'else'), ['', ...labels])
      }
      code.push(op.end)
    } else throw new SyntaxError(`${name} is not known here`)
  }
}

function branch(node: Node | undefined, name: string): readonly Node[] {
  if (typeof node !== 'object' || node[0] !== name) throw new SyntaxError(`an if has no ${name}`)
  return node.slice(1)
}

function indexOf(indexes: ReadonlyMap<string, number>, name: Node | undefined): number {
  const index = indexes.get(String(name))
  if (index === undefined) throw new SyntaxError(`nothing is called ${String(name)}`)
  return index
}

function sized(id: number, content: readonly number[]): number[] {
  return [id, ...unsigned(content.length), ...content]
}

function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()]
}

function nameBytes(name: string): number[] {
  return vector([...Buffer.from(name)].map((byte) => [byte]))
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = []
  for (let left = value; ; left >>>= 7) {
    if (left < 0x80) return [...bytes, left]
    bytes.push(left & 0x7f | 0x80)
  }
}

/** What stands for 32 bits; a negative one only where it is a number, not an address. */
function integer(text: string, least: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > MAX_U32) throw new SyntaxError(`${text} is no integer of 32 bits`)
  return value
}

function signed(value: number): number[] {
  const bytes: number[] = []
  for (let left = value | 0; ; left >>= 7) {
    const byte = left & 0x7f
    if ((left >> 7 === 0 && (byte & 0x40) === 0) || (left >> 7 === -1 && (byte & 0x40) !== 0)) return [...bytes, byte]
    bytes.push(byte | 0x80)
  }
}
