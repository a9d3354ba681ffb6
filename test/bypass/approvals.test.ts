// What an approval once let through and no longer does. Rows are only ever added.
import test from 'ava'
import { isRefusal } from '../../gateway/refusal.ts'
import { exportCall, lena, otto, requester, returning, scene } from '../gateway/approval/scene.ts'

test('refused: what somebody approved who has left since, alone or as one of two', async (t) => {
  for (const quorum of [1, 2]) {
    await using at = scene()
    const call = exportCall({ quorum, groups: [{ any_of: ['leads'], min: quorum }] })
    const held = await at.approvals.obtain(call, requester(), returning)
    if (!isRefusal(held) || held.approval === undefined) throw new Error('the call was not held')
    const { id } = held.approval
    await at.approvals.approve(id, lena, '')
    if (quorum === 2) await at.approvals.approve(id, otto, '')
    t.is(at.approvals.get(id)?.state, 'approved')
    at.left.add(lena.id)
    const refused = await at.approvals.obtain(call, requester(), returning)
    t.true(isRefusal(refused))
    if (isRefusal(refused)) t.deepEqual([refused.code, refused.message], ['approval.superseded', 'Somebody who approved this has been off-boarded'])
    t.is(at.edges.at(-1)?.edge, 'superseded')
    // The same call asks anew, and others may give what she gave.
    const again = await at.approvals.obtain(call, requester(), returning)
    t.true(isRefusal(again) && again.code === 'approval.pending' && again.approval?.id !== id)
  }
})
