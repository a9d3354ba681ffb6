// What the tour prints: plain lines, colour only on a terminal, and one place that knows whether an expectation held.
export interface Say {
  title(text: string): void
  line(text: string): void
  /** A line to copy: never cut. */
  command(text: string): void
  /** One call: who did what, and what became of it. */
  call(who: string, what: string, outcome: string, receipt: { readonly decision: string; readonly frame: string }): void
  /** An expectation of the tour; a false one makes the tour fail. */
  expect(what: string, holds: boolean, seen?: string): void
  readonly failures: readonly string[]
}

const width = 100

export function createSay(out: NodeJS.WriteStream): Say {
  const isTerminal = out.isTTY === true && process.env['NO_COLOR'] === undefined
  const paint = (code: number, text: string) => isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text
  const failures: string[] = []
  const wrap = (text: string, indent: string) => text.split('\n').map((line) => line.length <= width * 2 ? `${indent}${line}` : `${indent}${line.slice(0, width * 2)} …`).join('\n')
  return {
    title: (text) => void out.write(`\n${paint(1, text)}\n`),
    line: (text) => void out.write(`${wrap(text, '  ')}\n`),
    command: (text) => void out.write(`  ${text}\n`),
    call(who, what, outcome, receipt) {
      out.write(`  ${paint(36, who)} ${what}\n`)
      out.write(`${wrap(outcome, '    → ')}\n`)
      if (receipt.frame !== '') out.write(paint(2, `      decision ${receipt.decision}, frame ${receipt.frame}`) + '\n')
    },
    expect(what, holds, seen = '') {
      if (!holds) failures.push(what)
      out.write(`    ${holds ? paint(32, '✓') : paint(31, '✗')} ${what}${holds || seen === '' ? '' : ` (seen: ${seen.slice(0, 400)})`}\n`)
    },
    get failures() { return failures },
  }
}
