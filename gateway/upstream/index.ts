// The door of upstream/: connections to targets and the credential they are made with.
export { openUpstream, type OwnedAccess } from './access.ts'
export { openStream } from './stream.ts'
