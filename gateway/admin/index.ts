// The door of admin/: the operator's listener.
export { startAdmin, type Admin, type AdminOptions, type Readiness } from './server.ts'
export { approvalsApi, type ApprovalsApiOptions } from './approvals-api.ts'
export { policyApi } from './policy-api.ts'
