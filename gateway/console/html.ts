// HTML out of values that nobody has vouched for. A template escapes every value unless it is markup made by a template.
// Characters that make text look like other text are shown by their number: an argument may be written to fool the approver.

export class Markup {
  readonly text: string
  constructor(text: string) { this.text = text }
}

export type Value = string | number | Markup | readonly Markup[]

export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(parts.reduce((text, part, i) => text + render(values[i - 1] ?? '') + part))
}

function render(value: Value): string {
  if (value instanceof Markup) return value.text
  if (typeof value === 'object') return value.map(({ text }) => text).join('')
  return escape(String(value))
}

/** Controls but line feed and tab; all that Unicode says has no form of its own (Cf); joiners, fillers, blanks that are letters, variation selectors, tags, unpaired surrogates. */
const deceiving = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2028\u2029\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\uffff\u{e0000}-\u{e0fff}]|\p{Cf}|\p{Surrogate}/gu

export function escape(text: string): string {
  return text
    .replace(deceiving, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
    .replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll('\'', '&#39;')
}

/** A whole page: no script, no origin but ours. */
export function page(title: string, body: Markup, refresh?: string): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${refresh === undefined ? '' : html`<meta http-equiv="refresh" content="0; url=${refresh}">`}
<title>${title} · Countersign</title>
<link rel="stylesheet" href="/console/style.css">
</head>
<body>
${body}
</body>
</html>
`.text
}

export const contentSecurityPolicy = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
