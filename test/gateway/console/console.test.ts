import test from 'ava'
import { escape } from '../../../gateway/console/html.ts'
import { office, type Office } from '../admin/office.ts'
import { Browser, field, type Page } from './browser.ts'

async function signedIn(at: Office, name: string, id: string): Promise<{ browser: Browser; page: Page }> {
  at.provider.person = name
  const browser = new Browser()
  return { browser, page: await browser.get(`${at.admin.url}/approvals/${id}`) }
}

const formOf = (page: Page, verdict: string): Record<string, string> => ({ csrf: field(page, 'csrf'), operation: field(page, 'operation'), verdict, comment: 'seen' })

test('a lead signs in, sees who asks for what and why, and approves exactly that', async (t) => {
  await using at = await office()
  const id = await at.hold()
  const { browser, page } = await signedIn(at, 'lena', id)
  t.is(page.status, 200)
  for (const shown of ['tools/call on bank/export_customers', `${at.provider.issuer}|ana`, 'all customers', 'Bulk export needs a lead', 'mcp.bulk_export', Buffer.from(at.scene.approvals.get(id)!.operation).toString('base64url'), 'in 15 min']) t.true(page.text.includes(shown), shown)
  const sent = await browser.post(`${at.admin.url}/approvals/${id}`, formOf(page, 'approve'))
  t.is(sent.status, 303)
  t.like(at.scene.approvals.get(id), { state: 'approved', verdicts: [{ subject: `${at.provider.issuer}|lena`, comment: 'seen', groups: ['leads'] }] })
  const after = await browser.get(`${at.admin.url}/approvals/${id}`)
  t.true(after.text.includes('<strong>Approved</strong> by lena'))
  t.false(after.text.includes('value="approve"'))
})

test('who said yes, or another lead, can take an unused yes back on the page', async (t) => {
  await using at = await office()
  for (const name of ['lena', 'otto']) {
    const id = await at.hold({ argument: name })
    const { browser, page } = await signedIn(at, 'lena', id)
    await browser.post(`${at.admin.url}/approvals/${id}`, formOf(page, 'approve'))
    t.is(at.scene.approvals.get(id)?.state, 'approved')
    const later = await signedIn(at, name, id)
    t.true(later.page.text.includes('Take the approval back'))
    t.regex(later.page.text, name === 'lena' ? /You approved this<\/h2>\s*<p>It has not been used yet/ : /This is approved<\/h2>/)
    t.false(later.page.text.includes('Nothing to decide'))
    await later.browser.post(`${at.admin.url}/approvals/${id}`, formOf(later.page, 'reject'))
    t.is(at.scene.approvals.get(id)?.state, 'rejected')
  }
})

test('groups that the provider states only at its userinfo endpoint count', async (t) => {
  await using at = await office(true)
  const id = await at.hold()
  const { page } = await signedIn(at, 'lena', id)
  t.true(page.text.includes('value="approve"'))
})

test('the requester sees the request and is told that it is not theirs to approve', async (t) => {
  await using at = await office()
  const id = await at.hold()
  const { browser, page } = await signedIn(at, 'ana', id)
  t.true(page.text.includes('You cannot approve your own request'))
  t.false(page.text.includes('value="approve"'))
  const forced = await browser.post(`${at.admin.url}/approvals/${id}`, { csrf: field(page, 'csrf'), operation: Buffer.from(at.scene.approvals.get(id)!.operation).toString('base64url'), verdict: 'approve', comment: '' })
  t.is(forced.status, 403)
  t.is(at.scene.approvals.get(id)?.state, 'pending')
})

test('somebody who may not decide it is not told that it exists', async (t) => {
  await using at = await office()
  const { page } = await signedIn(at, 'vera', await at.hold())
  t.is(page.status, 404)
  t.true(page.text.includes('There is no such approval'))
})

test('a form without our token, of another site, or about another operation decides nothing', async (t) => {
  await using at = await office()
  const id = await at.hold()
  const { browser, page } = await signedIn(at, 'lena', id)
  const url = `${at.admin.url}/approvals/${id}`, form = formOf(page, 'approve')
  t.is((await browser.post(url, { ...form, csrf: 'guess' })).status, 403)
  t.is((await browser.post(url, form, { origin: 'https://evil.example' })).status, 403)
  t.is((await browser.post(url, { ...form, operation: 'other' })).status, 400)
  t.is((await browser.post(url, { ...form, verdict: 'maybe' })).status, 400)
  t.is((await new Browser().post(url, form)).status, 403)
  t.is(at.scene.approvals.get(id)?.state, 'pending')
})

test('a sign-in that another browser began, an old one and a forged answer are refused', async (t) => {
  await using at = await office()
  at.provider.person = 'lena'
  const browser = new Browser()
  const start = await browser.send(`${at.admin.url}/approvals`)
  const answer = await followTo(browser, start.headers.get('location') ?? '', '/sign-in/callback')
  t.is((await new Browser().send(answer)).status, 400)
  const forged = new URL(answer)
  forged.searchParams.set('state', 'other')
  t.is((await browser.send(forged.href)).status, 403)
  t.is((await browser.send(answer)).status, 400)
  t.is(browser.cookies(at.admin.url).size, 1)
})

test('the session cookie cannot be read by script nor sent by another site', async (t) => {
  await using at = await office()
  at.provider.person = 'lena'
  const browser = new Browser()
  const start = await browser.send(`${at.admin.url}/approvals`)
  t.regex(start.headers.get('set-cookie') ?? '', /^countersign-sign-in=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/)
  const answer = await browser.send(await followTo(browser, start.headers.get('location') ?? '', '/sign-in/callback'))
  t.regex(answer.headers.getSetCookie()[0] ?? '', /^countersign=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
})

test('a person off-boarded since the sign-in is signed out at the next page', async (t) => {
  await using at = await office()
  const id = await at.hold()
  const { browser, page } = await signedIn(at, 'lena', id)
  at.identity.trust({ providers: [at.provider.config], offBoarded: [`${at.provider.issuer}|lena`], sponsors: {} })
  t.is((await browser.post(`${at.admin.url}/approvals/${id}`, formOf(page, 'approve'))).status, 403)
  t.is((await browser.get(`${at.admin.url}/approvals/${id}`)).status, 403)
  t.is(at.scene.approvals.get(id)?.state, 'pending')
})

test('a return address that is not ours is not followed', async (t) => {
  await using at = await office()
  at.provider.person = 'lena'
  const landed = await new Browser().get(`${at.admin.url}/sign-in?return=${encodeURIComponent('https://evil.example/approvals')}`)
  t.is(landed.url, `${at.admin.url}/approvals`)
  t.true(landed.text.includes('Nothing is waiting'))
})

test('text of a caller stays text on the page, and deceiving characters show their number', async (t) => {
  await using at = await office()
  const id = await at.hold({ argument: '</pre><script>alert(1)</script> \u202egnp.exe' })
  const { page } = await signedIn(at, 'lena', id)
  t.false(page.text.includes('<script'))
  t.false(page.text.includes('\u202e'))
  t.true(page.text.includes('\\u{202e}gnp.exe'))
  t.regex(page.headers.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/)
  t.is(escape('a\u200bb\u0007"\''), 'a\\u{200b}b\\u{7}&quot;&#39;')
  // Nothing to see in any of them; all but the first two were let through once.
  for (const character of ['\u00ad', '\u2066', '\u2800', '\u0600', '\u{110bd}', '\u{13437}', '\u{1bca0}', '\u{1d173}']) t.is(escape(character), `\\u{${character.codePointAt(0)!.toString(16)}}`)
  t.is(escape('Zürich 東京 🙂 a\tb\nc'), 'Zürich 東京 🙂 a\tb\nc')
})

async function followTo(browser: Browser, url: string, path: string): Promise<string> {
  let at = url
  for (let hop = 0; hop < 10; hop++) {
    if (new URL(at).pathname === path) return at
    const { headers } = await browser.send(at)
    at = new URL(headers.get('location') ?? '', at).href
  }
  throw new Error('the sign-in did not come back')
}
