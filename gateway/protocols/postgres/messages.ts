// The door of the wire: PostgreSQL's messages, cut, read and written, both sides (PostgreSQL 18, chapter 54).
export { Framer, messagesOf, type Frame, type FramerLimits } from './wire/framer.ts'
export { ProtocolViolation } from './wire/violation.ts'
export { backendTag, frontendTag, type Side } from './wire/tags.ts'
export {
  encodeBind, encodeClose, encodeCopyData, encodeCopyDone, encodeCopyFail, encodeDescribe, encodeExecute, encodeFlush, encodeFunctionCall,
  encodeParse, encodeQuery, encodeSync, encodeTerminate, parseFrontend,
  type Bind, type Close, type CopyData, type Describe, type Execute, type FrontendMessage, type FunctionCall, type Malformed, type NotUtf8, type Parse, type Query,
} from './wire/frontend.ts'
export { hasLongName, isLong, withShortNames } from './wire/short-names.ts'
export { encodeCancel, encodeSslRequest, encodeStartup, maxStartupBytes, parseStartup, startupLength, type StartupMessage, type StartupPacket } from './wire/startup.ts'
export {
  encodeAuthenticationCleartext, encodeAuthenticationOk, encodeAuthenticationSasl, encodeAuthenticationSaslContinue, encodeAuthenticationSaslFinal,
  encodePassword, encodeSaslInitial, encodeSaslResponse, parseAuthentication, parsePassword, parseSaslInitial, type Authentication, type SaslInitial,
} from './wire/authentication.ts'
export {
  encodeBackendKeyData, encodeBindComplete, encodeCloseComplete, encodeCommandComplete, encodeEmptyQuery, encodeFunctionResult, encodeNegotiate, encodeNoData,
  encodeNotification, encodeParameterStatus, encodeParseComplete, encodePortalSuspended, encodeReady,
  parseBackendKeyData, parseCommandTag, parseCopyResponse, parseFunctionResult, parseNegotiate, parseNotification, parseParameterDescription, parseParameterStatus, parseReady,
  type BackendKeyData, type CopyResponse, type Negotiation, type Notification, type ParameterStatus, type TransactionStatus,
} from './wire/backend.ts'
export { encodeError, encodeNotice, parseDiagnostic, type Diagnostic } from './wire/diagnostic.ts'
export { encodeDataRow, encodeRowDescription, parseRowDescription, rowCells, RowReader, type Field } from './wire/rows.ts'
