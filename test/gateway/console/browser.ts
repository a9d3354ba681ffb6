// A browser reduced to cookies and redirects: what the console's pages need, and what an attacker's could send.
export interface Page { readonly status: number; readonly text: string; readonly url: string; readonly headers: Headers }

export class Browser {
  readonly #jar = new Map<string, Map<string, string>>()

  cookies(origin: string): ReadonlyMap<string, string> { return this.#jar.get(origin) ?? new Map() }

  /** Follows redirects, and the page that sends the browser on after a sign-in. */
  async get(url: string): Promise<Page> {
    let at = url
    for (let hop = 0; hop < 12; hop++) {
      const page = await this.send(at)
      const location = page.headers.get('location') ?? /http-equiv="refresh" content="0; url=([^"]+)"/.exec(page.text)?.[1]
      if (location === undefined || location === null) return page
      at = new URL(location, at).href
    }
    throw new Error('too many redirects')
  }

  async send(url: string, init: RequestInit = {}): Promise<Page> {
    const { origin } = new URL(url)
    const jar = this.#jar.get(origin) ?? new Map<string, string>()
    this.#jar.set(origin, jar)
    const response = await fetch(url, { ...init, redirect: 'manual', headers: { ...init.headers, cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') } })
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ')
      const at = pair.indexOf('=')
      if (attributes.some((attribute) => attribute.toLowerCase() === 'max-age=0')) jar.delete(pair.slice(0, at))
      else jar.set(pair.slice(0, at), pair.slice(at + 1))
    }
    return { status: response.status, text: await response.text(), url, headers: response.headers }
  }

  post(url: string, form: Readonly<Record<string, string>>, headers: Record<string, string> = {}): Promise<Page> {
    return this.send(url, { method: 'POST', body: new URLSearchParams(form), headers })
  }
}

export function field(page: Page, name: string): string {
  return new RegExp(`name="${name}" value="([^"]*)"`).exec(page.text)?.[1] ?? ''
}
