// One request on one screen: who, what, why it was held, until when, and exactly which operation a yes is for.
import { deskFaults, type Approval, type DeskFault } from '../approval/index.ts'
import type { Principal } from '../call.ts'
import { html, page, type Markup } from './html.ts'

export interface ApprovalPage {
  readonly approval: Approval
  readonly person: Principal
  /** Why this person may not decide it; undefined: they may. */
  readonly fault: DeskFault | undefined
  readonly csrf: string
  readonly now: number
  /** What became of a form just sent, where it did not go through. */
  readonly notice?: string
}

export function approvalPage({ approval, person, fault, csrf, now, notice }: ApprovalPage): string {
  const { requester, target, action, resource } = approval
  return page(`${action} on ${resource}`, html`${header(person, csrf)}
<main>
<h1>${action} on ${resource} <span class="state">${approval.state}</span></h1>
${notice === undefined ? '' : html`<section class="note" role="alert">${notice}</section>`}
<section aria-labelledby="who"><h2 id="who">Who asks</h2><dl>
<dt>Person</dt><dd>${subjectOf(requester.subject)}<br><code>${requester.subject}</code></dd>
<dt>Through</dt><dd>${requester.client}</dd>
${requester.sponsor === '' ? '' : html`<dt>Sponsor</dt><dd>${requester.sponsor}</dd>`}
</dl></section>
<section aria-labelledby="what"><h2 id="what">What will run</h2><dl>
<dt>Target</dt><dd>${target}</dd><dt>Operation</dt><dd>${action}</dd><dt>Resource</dt><dd>${resource}</dd>
</dl>
<pre tabindex="0" aria-label="The request as policy saw it">${JSON.stringify(approval.request, undefined, 2)}</pre></section>
<section aria-labelledby="why"><h2 id="why">Why it was held</h2>
<ul>${approval.reasons.map(({ id, msg }) => html`<li>${msg} <code>${id}</code></li>`)}</ul></section>
<section aria-labelledby="until"><h2 id="until">Until when</h2><dl>
<dt>Asked</dt><dd><time datetime="${iso(approval.createdAt)}">${moment(approval.createdAt)}</time></dd>
<dt>Ends</dt><dd><time datetime="${iso(approval.expiresAt)}">${moment(approval.expiresAt)}</time> (${remaining(approval.expiresAt - now)})</dd>
<dt>Needed</dt><dd>${neededOf(approval)}</dd>
<dt>Binds to</dt><dd><code>${Buffer.from(approval.operation).toString('base64url')}</code><br>This exact operation, once. Changed by one byte it needs a new approval.</dd>
</dl></section>
${approval.verdicts.length === 0 ? '' : html`<section aria-labelledby="said"><h2 id="said">Decided so far</h2>
<ul>${approval.verdicts.map((v) => html`<li><strong>${v.verdict === 'approve' ? 'Approved' : 'Rejected'}</strong> by ${subjectOf(v.subject)}, ${moment(v.at)}${v.comment === '' ? '' : html`: ${v.comment}`}</li>`)}</ul></section>`}
${decisionOf(approval, person, fault, csrf)}
</main>`)
}

export function listPage(approvals: readonly Approval[], person: Principal, csrf: string, now: number): string {
  return page('Approvals', html`${header(person, csrf)}
<main><h1>Waiting for approval</h1>
${approvals.length === 0 ? html`<section>Nothing is waiting.</section>` : html`<section><table><caption>Requests that you asked for, answer for, or may decide</caption>
<thead><tr><th scope="col">Operation</th><th scope="col">Asked by</th><th scope="col">Ends</th></tr></thead>
<tbody>${approvals.map((a) => html`<tr><td><a href="/approvals/${a.id}">${a.action} on ${a.resource}</a><br><small>${a.id.slice(0, 8)}… · ${a.reasons.map(({ msg }) => msg).join(' ')}</small></td><td>${subjectOf(a.requester.subject)}</td><td>${remaining(a.expiresAt - now)}</td></tr>`)}</tbody></table></section>`}
</main>`)
}

export function messagePage(title: string, text: string, link?: { readonly href: string; readonly label: string }): string {
  return page(title, html`<header><strong>Countersign</strong></header><main><h1>${title}</h1><section>${text}</section>${link === undefined ? '' : html`<a class="button" href="${link.href}">${link.label}</a>`}</main>`)
}

function header(person: Principal, csrf: string): Markup {
  return html`<header><span><strong>Countersign</strong> · <a href="/approvals">approvals</a></span>
<form method="post" action="/sign-out">${subjectOf(person.id)} <input type="hidden" name="csrf" value="${csrf}"><button type="submit">sign out</button></form></header>`
}

/** What is left to this person: both answers, taking an unused yes back, or the reason why neither. */
function decisionOf(approval: Approval, person: Principal, fault: DeskFault | undefined, csrf: string): Markup {
  const isMine = fault === 'decided' && approval.verdicts.every(({ subject, verdict }) => subject !== person.id || verdict === 'approve')
  if (fault !== undefined && !isMine) return html`<section class="note"><h2>${fault === 'ended' || fault === 'decided' ? 'Nothing to decide' : 'You cannot decide this'}</h2>${deskFaults[fault]}.</section>`
  const isOpen = fault === undefined && approval.state === 'pending'
  const isRequired = approval.isJustificationRequired
  const reject = html`<button class="no" type="submit" name="verdict" value="reject">${isOpen ? 'Reject' : 'Take the approval back'}</button>`
  return html`<section aria-labelledby="decide"><h2 id="decide">${isOpen ? 'Decide' : isMine ? 'You approved this' : 'This is approved'}</h2>
${isOpen ? '' : html`<p>${approval.state === 'approved' ? 'It has not been used yet' : 'Others have still to decide'}: until it is used, the approval can be taken back.</p>`}
<form method="post" action="/approvals/${approval.id}">
<input type="hidden" name="csrf" value="${csrf}">
<input type="hidden" name="operation" value="${Buffer.from(approval.operation).toString('base64url')}">
<label for="comment">Comment${isRequired ? ' (required, kept in the record)' : ' (kept in the record)'}</label>
<textarea id="comment" name="comment" maxlength="2000"${isRequired ? html` required` : ''}></textarea>
<div class="buttons">${reject}${isOpen ? html`<button class="yes" type="submit" name="verdict" value="approve">Approve</button>` : ''}</div>
</form></section>`
}

function neededOf({ groups, quorum }: Approval): string {
  const asked = groups.map(({ anyOf, min }) => `${min} of ${anyOf.join(' or ')}`).join(', and ')
  return quorum > 1 ? `${quorum} people: ${asked}` : asked
}

/** What follows the issuer: for the eye; the full id stands beside it. */
function subjectOf(id: string): string {
  return id.slice(id.indexOf('|') + 1)
}

function iso(time: number): string {
  return new Date(time).toISOString()
}

function moment(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

function remaining(ms: number): string {
  if (ms <= 0) return 'ended'
  const minutes = Math.ceil(ms / 60_000)
  return minutes < 120 ? `in ${minutes} min` : `in ${Math.round(minutes / 60)} h`
}
