// Who has approved the pull request at exactly this commit, as the forge's own list of reviews says it: a login a line. An approval of an
// earlier commit, one that was taken back, and one of somebody who may not write here are none. GitHub's API, and Gitea's, which is like it.
import { readFileSync } from 'node:fs'

const { GITHUB_API_URL = '', GITHUB_EVENT_PATH = '', GITHUB_REPOSITORY = '', HEAD = '', TOKEN = '' } = process.env
/** Of reviews; whoever has more of them is asked for labels by hand. */
const maxPages = 20
const perPage = 50
const deadlineMs = 20_000
const mayWrite = ['admin', 'write']

async function ask(path) {
  return await fetch(`${GITHUB_API_URL}/repos/${GITHUB_REPOSITORY}/${path}`, { headers: { authorization: `Bearer ${TOKEN}`, accept: 'application/json' }, redirect: 'error', signal: AbortSignal.timeout(deadlineMs) })
}

/** GitHub calls whoever is of the organisation a member, and whoever was invited to read a collaborator: what they may do here is another question. */
async function isWriter(login) {
  const response = await ask(`collaborators/${login}/permission`)
  if (response.status === 404) return false
  if (!response.ok) throw new Error(`the forge answered ${response.status} when it was asked what ${login} may do here`)
  return mayWrite.includes((await response.json()).permission)
}

const { pull_request: pull } = JSON.parse(readFileSync(GITHUB_EVENT_PATH, 'utf8'))
/** What each said last; a comment takes nothing back. */
const last = new Map()
for (let page = 1; ; page++) {
  if (page > maxPages) throw new Error(`the pull request has more than ${maxPages * perPage} reviews`)
  const response = await ask(`pulls/${Number(pull.number)}/reviews?per_page=${perPage}&limit=${perPage}&page=${page}`)
  if (!response.ok) throw new Error(`the forge answered ${response.status} when it was asked for reviews: does the job have pull-requests: read?`)
  const reviews = await response.json()
  for (const review of reviews) if (['APPROVED', 'CHANGES_REQUESTED', 'REQUEST_CHANGES', 'DISMISSED'].includes(review.state)) last.set(review.user?.login ?? '', review)
  if (reviews.length < perPage) break
}
for (const [login, { state, commit_id: commit, official, dismissed = false }] of last) {
  if (state !== 'APPROVED' || dismissed || commit !== HEAD || !/^[0-9A-Za-z][0-9A-Za-z._-]{0,99}$/.test(login)) continue
  // Gitea says so itself, and GitHub has to be asked.
  if (official ?? await isWriter(login)) console.log(login)
}
