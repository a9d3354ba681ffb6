// An error that nobody expected, as the log may have it: what kind, and where. Messages of errors quote what was read, so they stay out.

export class Fault extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.name : typeof cause)
    this.name = 'Fault'
    this.stack = [`${this.name}: ${this.message}`, ...cause instanceof Error ? placesOf(cause) : []].join('\n')
  }
}

/** Lines of the stack that name a place; those of the message do not look like it. */
function placesOf({ name, message, stack = '', cause }: Error): readonly string[] {
  const head = `${name}: ${message}`
  const places = (stack.startsWith(head) ? stack.slice(head.length) : '').split('\n').filter((line) => line.startsWith('    at '))
  return cause instanceof Error ? [...places, `  caused by ${cause.name}`, ...placesOf(cause)] : places
}
