// The door of approval/: a human's yes to one exact operation.
export { createApprovals, maxPendingPerCaller, type Approvals, type ApprovalsOptions, type Approved, type Holding, type Requester } from './approvals.ts'
export { approvalEdges, type Approval, type ApprovalEdge, type ApprovalEdgeName, type ApprovalState, type ApprovalStatement, type Verdict } from './approval.ts'
export { createApprovalStore, type ApprovalStore } from './store.ts'
export { deskFaults, maxCommentChars, type Desk, type DeskFault, type Taken } from './desk.ts'
