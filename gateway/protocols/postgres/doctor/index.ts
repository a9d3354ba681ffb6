// The door of doctor/: how much the gateway's own role in a database could do by itself, and SQL for a role that can do less.
export { examineDatabase, type CheckName, type Finding } from './examine.ts'
export { maskedRole, maskedRoleSql } from './grants.ts'
export { readDatabase, type DatabaseReading } from './reading.ts'
