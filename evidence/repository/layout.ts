// What is where in `log.git` (FORMAT.md §8), and the texts that go in with the first batch.

export const branch = 'refs/heads/main'
export const checkpointPath = 'checkpoint'

/** `leaf/<hh>/<i>`: 256 folders, so that a commit rewrites one small tree however long the log is. */
export function leafFolder(index: number): string {
  return (index % 256).toString(16).padStart(2, '0')
}

/** Bare repository, SHA-1 as isomorphic-git has it: no verdict rests on a Git id. HEAD comes last and says that the rest is there. */
export const repositoryFiles = {
  config: '[core]\n\trepositoryformatversion = 0\n\tfilemode = false\n\tbare = true\n',
  description: 'Countersign evidence log\n',
  HEAD: `ref: ${branch}\n`,
} as const

export function readme(origin: string, verifierKey: string): string {
  return `# Evidence log ${origin}

This repository is a signed, append-only log of what passed a Countersign gateway. Each commit adds one batch. Beside it lies \`store/\`: the
leaves of every recorded step, the session indexes, and the encrypted bodies, each file named by the SHA-256 of its bytes.

    checkpoint            the newest signed tree head (C2SP tlog-checkpoint)
    leaf/<hh>/<i>         batch leaf i (deterministic CBOR); hh is i mod 256 in hex
    keys/log.vkey         the log's key (C2SP signed-note verifier key)
    keys/allowed_signers  the commits' key (OpenSSH)

Trust keys that you were given by another way than this repository, and keep a checkpoint of your own: a log that was rewritten as a whole
still agrees with the keys it carries.

    countersign evidence verify --trust trust.json --since kept-checkpoint DIR

Without our program: copy the log first, \`git clone --no-local log.git copy\`, since Git runs what the configuration of a repository tells it to run,
and a copy has none. In the copy, \`git -c gpg.ssh.allowedSignersFile=keys/allowed_signers log --format='%G? %s'\` says G of each commit whose signature
holds (better with the keys that you were given). \`countersign evidence export --tlog OUT DIR\` writes the log as C2SP tiles, which Go's
golang.org/x/mod/sumdb/tlog reads.
The log's key is

    ${verifierKey}
`
}
