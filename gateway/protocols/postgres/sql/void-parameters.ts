// JDBC writes `{?= call f(?)}` as `f($1,$2)` with $1 of type void, and PostgreSQL drops such arguments before it looks for a routine.
// The text does not say which are: any that is a parameter, alone or cast to void, may be.

/** @returns how many of the arguments may be dropped: a call of n arguments may reach any routine that takes n less so many */
export function droppable(args: readonly unknown[]): number {
  return args.filter(isBareParameter).length
}

function isBareParameter(node: unknown): boolean {
  let at = node
  for (let cast = record(record(at)['TypeCast']); 'arg' in cast && isVoid(cast['typeName']); cast = record(record(at)['TypeCast'])) at = cast['arg']
  return 'ParamRef' in record(at)
}

function isVoid(typeName: unknown): boolean {
  const { names } = record(typeName)
  return Array.isArray(names) && record(record(names.at(-1))['String'])['sval'] === 'void'
}

const record = (value: unknown): Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : {}
