// The door of evidence/: all that gateway/ and scripts may use. FORMAT.md says what is written; verify/ is reached through its own command.
export { EvidenceError, type EvidenceErrorCode } from './errors.ts'
export { openRecorder, type Recorder, type RecorderOptions, type RecorderStatus } from './recorder.ts'
export { closeReason, frameKind, maxContentBytes, outcomeStatus, type CloseReason, type FrameContent, type FrameKind } from './session/frame.ts'
export { outcomeReserveBytes } from './session/admission.ts'
export { type Durability } from './session/journal.ts'
export { type AppendedFrame, type SessionWriter } from './session/writer.ts'
export { type CborValue } from './session/cbor.ts'
export { exportSessionKeys } from './keys/store.ts'
