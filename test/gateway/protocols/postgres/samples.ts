// One message of every kind and side, as bytes: what the framer is cut with and the fuzzer begins from.
import {
  encodeAuthenticationCleartext, encodeAuthenticationOk, encodeAuthenticationSasl, encodeAuthenticationSaslContinue, encodeAuthenticationSaslFinal,
  encodeBackendKeyData, encodeBind, encodeBindComplete, encodeCancel, encodeClose, encodeCloseComplete, encodeCommandComplete, encodeCopyData, encodeCopyDone, encodeCopyFail,
  encodeDataRow, encodeDescribe, encodeEmptyQuery, encodeError, encodeExecute, encodeFlush, encodeFunctionCall, encodeFunctionResult, encodeNegotiate, encodeNoData,
  encodeNotice, encodeNotification, encodeParameterStatus, encodeParse, encodeParseComplete, encodePassword, encodePortalSuspended, encodeQuery, encodeReady, encodeRowDescription,
  encodeSaslInitial, encodeSaslResponse, encodeSslRequest, encodeStartup, encodeSync, encodeTerminate,
} from '../../../../gateway/protocols/postgres/messages.ts'

const bytes = (text: string) => new Uint8Array(Buffer.from(text))

/** Message of a tag and its content. */
export function message(tag: number | string, content: Uint8Array): Uint8Array {
  const header = Buffer.alloc(5)
  header.writeUInt8(typeof tag === 'string' ? tag.charCodeAt(0) : tag)
  header.writeUInt32BE(content.length + 4, 1)
  return Buffer.concat([header, content])
}

export const frontendSamples: readonly Uint8Array[] = [
  encodeQuery('select 1'), encodeQuery(''), encodeQuery('select \'\ufeff—ß\''),
  encodeParse('', 'select $1::int', [23]), encodeParse('a statement with a name beyond the short path', 'select $1, $2', [0, 4_294_967_295]),
  encodeBind({ portal: '', statement: '', formats: [], values: [], resultFormats: [] }),
  encodeBind({ portal: 'p', statement: 's1', formats: [0, 1, 0], values: [bytes('x'), null, bytes('')], resultFormats: [1] }),
  encodeDescribe('S', 's1'), encodeDescribe('P', ''), encodeExecute('', 0), encodeExecute('p', 100), encodeClose('S', 's1'), encodeClose('P', 'p'),
  encodeSync(), encodeFlush(), encodeFunctionCall({ oid: 715, formats: [1], values: [bytes('\0\0\0\x05'), null], resultFormat: 1 }),
  encodeCopyData(bytes('1\tx\n')), encodeCopyData(bytes('')), encodeCopyDone(), encodeCopyFail('no more'),
  encodePassword('secret'), encodeSaslInitial({ mechanism: 'SCRAM-SHA-256', response: bytes('n,,n=,r=abc') }), encodeSaslInitial({ mechanism: 'OAUTHBEARER', response: null }),
  encodeSaslResponse(bytes('c=biws,r=abc')), encodeTerminate(),
]

export const backendSamples: readonly Uint8Array[] = [
  encodeAuthenticationOk(), encodeAuthenticationCleartext(), encodeAuthenticationSasl(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']), encodeAuthenticationSaslContinue(bytes('r=abc,s=,i=4096')),
  encodeAuthenticationSaslFinal(bytes('v=abc')), message('R', Buffer.from('00000005deadbeef', 'hex')), message('R', Buffer.from('00000007', 'hex')),
  encodeBackendKeyData(7, new Uint8Array(4).fill(1)), encodeBackendKeyData(-1, new Uint8Array(32).fill(255)), encodeNegotiate(2, ['_pq_.x']),
  encodeParameterStatus('client_encoding', 'UTF8'), encodeReady('I'), encodeReady('T'), encodeReady('E'),
  encodeParseComplete(), encodeBindComplete(), encodeCloseComplete(), encodeNoData(), encodeEmptyQuery(), encodePortalSuspended(), encodeCommandComplete('INSERT 0 1'),
  encodeRowDescription([{ name: 'ssn', table: 16_384, attribute: 3, type: 25, size: -1, modifier: -1, format: 0 }, { name: 'ctid', table: 16_384, attribute: -1, type: 27, size: 6, modifier: 8, format: 1 }]),
  encodeRowDescription([]), encodeDataRow([bytes('1'), null, bytes(''), bytes('a longer value, to be copied by view and not by loop')]), encodeDataRow([]),
  message('t', Buffer.from('00020000001700000019', 'hex')), message('G', Buffer.from('00000200000000', 'hex')), message('H', Buffer.from('0100020001' + '0001', 'hex')), message('W', Buffer.from('000000', 'hex')),
  encodeCopyData(bytes('1\tx\n')), encodeCopyDone(), encodeFunctionResult(bytes('\0\0\0\x01')), encodeFunctionResult(null),
  encodeError(new Map([['S', 'ERROR'], ['V', 'ERROR'], ['C', '42601'], ['M', 'syntax error'], ['P', '1']])), encodeNotice(new Map([['S', 'NOTICE'], ['M', 'no SQLSTATE here']])),
  encodeNotification({ pid: 12, channel: 'c', payload: 'p' }),
]

/** Packets without a tag. */
export const startupSamples: readonly Uint8Array[] = [
  encodeStartup({ major: 3, minor: 2, parameters: new Map([['user', 'bank'], ['database', 'postgres'], ['_pq_.x', '1']]) }),
  encodeStartup({ major: 3, minor: 0, parameters: new Map() }), encodeSslRequest(), encodeCancel(7, new Uint8Array(32).fill(3)), Buffer.from('0000000804d21630', 'hex'),
]

/** Of each side, so that a table of tags can be checked for completeness. */
export const tagsOf = (samples: readonly Uint8Array[]): ReadonlySet<number> => new Set(samples.map((sample) => sample[0] ?? 0))
