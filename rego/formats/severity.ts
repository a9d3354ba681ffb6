// How grave a finding is. What begins with `warning: ` does not end a check; the word is dropped where the form has a place for it.
import type { Finding } from '../errors.ts'

const mark = 'warning: '

export function severityOf({ message }: Finding): { readonly level: 'error' | 'warning'; readonly text: string } {
  return message.startsWith(mark) ? { level: 'warning', text: message.slice(mark.length) } : { level: 'error', text: message }
}
