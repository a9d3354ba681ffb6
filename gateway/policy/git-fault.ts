// What Git says of a remote that failed, in our words. Its own go to the operator's log only: a server's may be among them, and here they choose
// one of these sentences at most.
import { GatewayError, type GatewayErrorCode } from '../errors.ts'

const malformed = 'sent objects that are malformed'
const tooLarge = 'sent a pack that is larger than allowed, or damaged'

interface Fault { readonly says: RegExp; readonly words: string; readonly code?: GatewayErrorCode }

/** The first that fits. OpenSSH, curl with GnuTLS and with OpenSSL, and Git itself. */
const faults: readonly Fault[] = [
  { says: /REMOTE HOST IDENTIFICATION HAS CHANGED/, code: 'ERR_POLICY_REMOTE_UNTRUSTED', words: 'shows another host key than the one that is known: somebody may stand between' },
  { says: /Host key verification failed|host key is known for/, code: 'ERR_POLICY_REMOTE_UNTRUSTED', words: 'shows a host key, and known_hosts has none for it' },
  { says: /certificate has expired|expired certificate|certificate is expired/i, code: 'ERR_POLICY_REMOTE_UNTRUSTED', words: 'shows a certificate whose time has passed' },
  { says: /does not match target host|no alternative certificate subject name|certificate subject name/i, code: 'ERR_POLICY_REMOTE_UNTRUSTED', words: 'shows a certificate for another host' },
  { says: /SSL certificate problem|certificate verification failed|server verification failed|certificate verify failed|unable to get local issuer/i, code: 'ERR_POLICY_REMOTE_UNTRUSTED', words: 'shows a certificate that is not to be trusted: its time has passed, or no authority here signed it' },
  { says: /returned error: 30\d|unable to update url base from redirection/, words: 'sends elsewhere, where Git does not follow' },
  { says: /Authentication failed|could not read (Username|Password)|Permission denied|returned error: 40[13]\b|Load key /i, words: 'does not let the gateway in: its credential is missing, wrong or of somebody who may not read' },
  { says: /returned error: 404|repository '[^']*' not found|does not appear to be a git repository|[Rr]epository not found/, words: 'is not at this address, or not for whoever asks' },
  { says: /returned error: [45]\d\d/, words: 'answered that it could not answer' },
  { says: /Could not resolve (host|proxy)/i, words: 'has a host name that is not found' },
  { says: /Connection timed out|banner exchange|Operation timed out/i, words: 'could not be connected to in time' },
  { says: /Failed to connect|Couldn't connect|Connection refused|No route to host|Network is unreachable/i, words: 'could not be connected to' },
  { says: /fsck error/i, words: malformed },
  // The limit on a file's size ends the unpacking child by a signal that its parent does not tell.
  { says: /invalid index-pack output|index-pack (died|failed)|File too large/i, words: tooLarge },
]

/** Of a run that ended with `status`; undefined: by a signal. */
export function gitFault(said: string, status: number | undefined): GatewayError {
  const fault = faults.find(({ says }) => says.test(said))
  const about = fault?.words ?? (status === 127 ? 'could not be asked: there is no git on PATH' : `could not be read: git ended with ${status ?? 'a signal'}`)
  return new GatewayError(fault?.code ?? 'ERR_POLICY_REMOTE', `the remote policy repository ${about}`)
}

/** Whether the remote answered, and what it sent is at fault: then less of it may be none. */
export function isOfObjects(cause: unknown): boolean {
  return cause instanceof GatewayError && cause.code === 'ERR_POLICY_REMOTE' && (cause.message.endsWith(malformed) || cause.message.endsWith(tooLarge))
}

/** Whether the answer was cut for its length (git-process.ts): a shorter question may have a shorter one. */
export function isTooLong(cause: unknown): boolean {
  return cause instanceof GatewayError && /^the remote policy repository answered with more than \d+ bytes$/.test(cause.message)
}
