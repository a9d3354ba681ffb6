// The page as a person meets it: a real browser, the size of a phone.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { chromium } from 'playwright-core'
import { office } from '../admin/office.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path))

test('on a phone a lead signs in, reads one screen and approves; the requester is refused there', async (t) => {
  t.timeout(90_000)
  if (executablePath === undefined) {
    t.log('not run: no Chromium here')
    return t.pass()
  }
  await using at = await office()
  const id = await at.hold({ justification: 'required' })
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--headless=new', '--disable-gpu', '--disable-dev-shm-usage'] })
  try {
    const shots = join(import.meta.dirname, '..', '..', '..', 'node_modules', '.cache', 'screenshots')
    t.log(`screenshots, for people to look at: ${shots}`)
    const visit = async (name: string) => {
      at.provider.person = name
      const context = await browser.newContext({ viewport: { width: 390, height: 844 } })
      const page = await context.newPage()
      const faults: string[] = []
      page.on('console', (message) => { if (message.type() === 'error') faults.push(message.text()) })
      page.on('pageerror', (error) => faults.push(error.message))
      await page.goto(`${at.admin.url}/approvals/${id}`)
      await page.waitForURL(`${at.admin.url}/approvals/${id}`)
      return { page, context, faults }
    }

    const ana = await visit('ana')
    t.true(await ana.page.getByText('You cannot approve your own request.').isVisible())
    t.is(await ana.page.getByRole('button', { name: 'Approve' }).count(), 0)
    await ana.page.screenshot({ path: join(shots, 'requester.png'), fullPage: true })
    await ana.context.close()

    const lena = await visit('lena')
    t.true(await lena.page.getByRole('heading', { name: /tools\/call on bank\/export_customers/ }).isVisible())
    t.is(await lena.page.evaluate('document.documentElement.scrollWidth'), 390)
    await lena.page.screenshot({ path: join(shots, 'lead.png'), fullPage: true })
    await lena.page.getByRole('button', { name: 'Approve' }).click()
    t.is(at.scene.approvals.get(id)?.state, 'pending')      // the browser itself asks for the required comment
    await lena.page.getByLabel(/Comment/).fill('ticket CHG-1042')
    await Promise.all([lena.page.waitForURL(`${at.admin.url}/approvals/${id}`), lena.page.getByRole('button', { name: 'Approve' }).click()])
    await lena.page.getByText('approved', { exact: true }).waitFor()
    t.true(await lena.page.getByText('ticket CHG-1042').isVisible())
    await lena.page.screenshot({ path: join(shots, 'approved.png'), fullPage: true })
    t.is(at.scene.approvals.get(id)?.state, 'approved')
    await lena.page.getByRole('button', { name: 'sign out' }).click()
    await lena.page.getByText('This browser is signed out').waitFor()
    t.deepEqual([...ana.faults, ...lena.faults], [])
  } finally {
    await browser.close()
  }
})
