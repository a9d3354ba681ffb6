// The message types of each side and how long each may be (PostgreSQL 18, §54.7 "Message Formats").
// A type that is not listed here does not exist: the framer refuses it.

export const frontendTag = {
  bind: 0x42, close: 0x43, copyData: 0x64, copyDone: 0x63, copyFail: 0x66, describe: 0x44, execute: 0x45, flush: 0x48,
  functionCall: 0x46, parse: 0x50, password: 0x70, query: 0x51, sync: 0x53, terminate: 0x58,
} as const

export const backendTag = {
  authentication: 0x52, backendKeyData: 0x4b, bindComplete: 0x32, closeComplete: 0x33, commandComplete: 0x43,
  copyData: 0x64, copyDone: 0x63, copyIn: 0x47, copyOut: 0x48, copyBoth: 0x57, dataRow: 0x44, emptyQuery: 0x49, error: 0x45,
  functionResult: 0x56, negotiate: 0x76, noData: 0x6e, notice: 0x4e, notification: 0x41, parameterDescription: 0x74,
  parameterStatus: 0x53, parseComplete: 0x31, portalSuspended: 0x73, ready: 0x5a, rowDescription: 0x54,
} as const

export type Side = 'frontend' | 'backend'

/** Lengths as the length word counts them: itself included, the tag not. */
export interface LengthRule {
  readonly name: string
  readonly min: number
  readonly max: number
  /** A stream may be handed on in pieces; values are held whole, up to a cap of the framer's own. */
  readonly holds?: 'stream' | 'values'
}

/** PostgreSQL's PQ_LARGE_MESSAGE_LIMIT: what the server itself can hold. */
const maxLongBytes = 0x3fff_fffe
/** PostgreSQL's PQ_SMALL_MESSAGE_LIMIT: messages that only name things. */
const maxShortBytes = 10_000
/** What libpq takes of a message that it does not expect to be long (fe-protocol3.c, VALID_LONG_MESSAGE_TYPE). */
const maxReplyBytes = 30_000
/** One Query or Parse text. The session refuses a shorter one already (sql/parser.ts), and softly; this is what memory is held for. */
const maxTextBytes = 16 * 1024 * 1024
/** A bearer token in a password message (PostgreSQL's own PG_MAX_AUTH_TOKEN_LENGTH). */
const maxPasswordBytes = 65_535
/** Errors and notices may quote a whole text. */
const maxDiagnosticBytes = maxTextBytes
/** 1,664 columns of 63-byte names need 136 KB; other servers have longer names. */
const maxDescriptionBytes = 1024 * 1024
/** NOTIFY's payload ends below 8,000 bytes; the channel is a name. */
const maxNotificationBytes = 16 * 1024
const maxCommandTagBytes = 1024
/** Counts are 16 bits wide. */
const maxCount = 65_535
/** A text may have more parameters than a Bind can give: the server describes them all, and its 16-bit count begins anew. */
const maxDescribedParameters = 262_144
/** Protocol 3.2: a secret key is 4 to 256 bytes long. */
export const minKeyBytes = 4
export const maxKeyBytes = 256

const exactly = (name: string, length: number): LengthRule => ({ name, min: length, max: length })
const within = (name: string, min: number, max: number): LengthRule => ({ name, min, max })
const streamed = (name: string, min: number): LengthRule => ({ name, min, max: maxLongBytes, holds: 'stream' })
const values = (name: string, min: number): LengthRule => ({ name, min, max: maxLongBytes, holds: 'values' })

function frontendRules(): ReadonlyMap<number, LengthRule> {
  const tag = frontendTag
  return new Map([
    [tag.query, within('Query', 5, 4 + maxTextBytes + 1)],
    [tag.parse, within('Parse', 8, 4 + maxShortBytes + maxTextBytes + 1 + 2 + 4 * maxCount)],
    [tag.bind, values('Bind', 12)],
    [tag.describe, within('Describe', 6, maxShortBytes)],
    [tag.execute, within('Execute', 9, maxShortBytes)],
    [tag.close, within('Close', 6, maxShortBytes)],
    [tag.sync, exactly('Sync', 4)],
    [tag.flush, exactly('Flush', 4)],
    [tag.functionCall, values('FunctionCall', 14)],
    [tag.copyData, streamed('CopyData', 4)],
    [tag.copyDone, exactly('CopyDone', 4)],
    [tag.copyFail, within('CopyFail', 5, maxShortBytes)],
    [tag.password, within('PasswordMessage', 4, 4 + maxPasswordBytes)],
    [tag.terminate, exactly('Terminate', 4)],
  ])
}

function backendRules(): ReadonlyMap<number, LengthRule> {
  const tag = backendTag
  const copyMax = 4 + 1 + 2 + 2 * maxCount
  return new Map([
    [tag.authentication, within('Authentication', 8, maxReplyBytes)],
    [tag.backendKeyData, within('BackendKeyData', 8 + minKeyBytes, 8 + maxKeyBytes)],
    [tag.bindComplete, exactly('BindComplete', 4)],
    [tag.closeComplete, exactly('CloseComplete', 4)],
    [tag.commandComplete, within('CommandComplete', 5, maxCommandTagBytes)],
    [tag.copyData, streamed('CopyData', 4)],
    [tag.copyDone, exactly('CopyDone', 4)],
    [tag.copyIn, within('CopyInResponse', 7, copyMax)],
    [tag.copyOut, within('CopyOutResponse', 7, copyMax)],
    [tag.copyBoth, within('CopyBothResponse', 7, copyMax)],
    [tag.dataRow, streamed('DataRow', 6)],
    [tag.emptyQuery, exactly('EmptyQueryResponse', 4)],
    [tag.error, within('ErrorResponse', 5, maxDiagnosticBytes)],
    [tag.functionResult, values('FunctionCallResponse', 8)],
    [tag.negotiate, within('NegotiateProtocolVersion', 12, maxReplyBytes)],
    [tag.noData, exactly('NoData', 4)],
    [tag.notice, within('NoticeResponse', 5, maxDiagnosticBytes)],
    [tag.notification, within('NotificationResponse', 10, maxNotificationBytes)],
    [tag.parameterDescription, within('ParameterDescription', 6, 6 + 4 * maxDescribedParameters)],
    [tag.parameterStatus, within('ParameterStatus', 6, maxReplyBytes)],
    [tag.parseComplete, exactly('ParseComplete', 4)],
    [tag.portalSuspended, exactly('PortalSuspended', 4)],
    [tag.ready, exactly('ReadyForQuery', 5)],
    [tag.rowDescription, within('RowDescription', 6, maxDescriptionBytes)],
  ])
}

export const lengthRules: Readonly<Record<Side, ReadonlyMap<number, LengthRule>>> = { frontend: frontendRules(), backend: backendRules() }
