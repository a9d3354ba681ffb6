#!/usr/bin/env bash
# check, test, lint and replay of one change. Everything it is told comes in variables; what a policy prints is never taken for a command.
# On another forge than GitHub, or by hand: BASE, HEAD and CORPUS are enough (README.md, "Elsewhere").
set -euo pipefail

here="${GITHUB_ACTION_PATH:-$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)}"
BASE="${BASE:-}" HEAD="${HEAD:-}" CORPUS="${CORPUS:-}" REPOSITORY="${REPOSITORY:-.}" SIGNERS="${SIGNERS:-}" LOG_KEY="${LOG_KEY:-}"
APPROVED_BY="${APPROVED_BY:-}" WARN_BLOCKED="${WARN_BLOCKED:-100}" OUTPUT="${OUTPUT:-policy-review}"
outputs="${GITHUB_OUTPUT:-/dev/null}" summary="${GITHUB_STEP_SUMMARY:-/dev/null}"
# Nothing that Git reads here is fetched, or stands for something else.
export GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1 GIT_TERMINAL_PROMPT=0

finished= may_write= work= stop=
told_of_failure() {
  finished=1
  echo "policy-review: $1" >&2
  printf 'exit=2\noutput=%s\nverdict=could not run\n' "${OUTPUT//$'\n'/}" >> "$outputs"
  # Names of the change's own files may be in it: shown as text, and no more than a page.
  local said
  said="$(printf '%s' "$1" | LC_ALL=C tr -c ' -_a-~\n' '?' | head -c 1000)"
  said="$(printf '## Policy replay: could not run\n\n```\n%s\n```' "$said")"
  [[ -z "$may_write" ]] || printf '%s\n' "$said" > "$OUTPUT/report.md"
  printf '%s\n' "$said" >> "$summary"
}
could_not() { told_of_failure "$1"; exit 2; }
leave() {
  local code=$?
  if [[ -z "$finished" ]]; then told_of_failure "ended with $code before there was a report"; code=2; fi
  [[ -z "$work" ]] || rm -rf -- "$work" "$work".verbs "$work".files "$work".said
  [[ -z "$stop" ]] || echo "::$stop::"
  exit "$code"
}
trap leave EXIT

case "${GITHUB_EVENT_NAME:-}" in
  pull_request_target | workflow_run)
    could_not "policy-review runs Rego of a pull request: use it on pull_request, which has no secrets, not on $GITHUB_EVENT_NAME" ;;
esac
[[ -n "$CORPUS" ]] || could_not 'corpus is required: the file that countersign evidence export --replay-corpus wrote'
# A folder of the change's own making, or of an earlier run, must not look like this run's report.
at="$OUTPUT"
while [[ "$OUTPUT" != /* && "$at" != . ]]; do
  [[ ! -L "$at" ]] || could_not 'output is, or is below, a link: the change could have put it there'
  at="$(dirname -- "$at")"
done
[[ ! -e "$OUTPUT" || -d "$OUTPUT" ]] || could_not 'output is a file: the change could have put it there'
mkdir -p -- "$OUTPUT"
rm -rf -- "$OUTPUT"/report.json "$OUTPUT"/report.json.sig "$OUTPUT"/report.md "$OUTPUT"/report.sarif "$OUTPUT"/flips.patch "$OUTPUT"/*_test.rego
may_write=1

# To the commit that it names in this checkout, and to nothing else that is called so.
commit() {
  # A revision that begins with a dash would be an option.
  [[ "$2" =~ ^[0-9A-Za-z][0-9A-Za-z._/~^-]{0,199}$ ]] || could_not "$1 is no revision; base and head are said by the event of a pull request, or have to be given"
  local id said
  # Of two that are called the same Git takes the tag, which whoever pushes can call as base's branch.
  said="$(LC_ALL=C git -C "$REPOSITORY" -c core.warnAmbiguousRefs=true rev-parse --verify "$2^{commit}" 2>&1 > /dev/null)" || true
  [[ "$said" != *ambiguous* ]] || could_not "$1, $2, is more than one commit: say refs/heads/..., refs/remotes/... or its id"
  id="$(git -C "$REPOSITORY" rev-parse --verify --quiet "$2^{commit}")" || could_not "$(absent "$1" "$2")"
  printf -v "$1" %s "$id"
}
absent() {
  if ! git -C "$REPOSITORY" rev-parse --git-dir > /dev/null; then echo "there is no Git repository at $REPOSITORY, or Git does not trust its owner (safe.directory)"
  elif [[ "$(git -C "$REPOSITORY" rev-parse --is-shallow-repository)" == true ]]; then echo "$1, $2, is not in this shallow checkout: check out with fetch-depth 0, or git fetch --unshallow"
  else echo "$1, $2, is not in this checkout: fetch it, from the repository that the change is for where this is a fork's (git fetch URL BRANCH)"
  fi
}
commit BASE "$BASE"
commit HEAD "$HEAD"
[[ -f "$CORPUS" ]] || could_not "there is no corpus at $CORPUS"

countersign() { node "$here/../../../gateway/countersign.js" "$@"; }

work="$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/policy-review.XXXXXX")"
# The runner obeys lines such as ::error:: in the output of a step; a test of the pull request may print any.
stop="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
echo "::stop-commands::$stop"

# File by file, as the commit has them: `git archive` and a checkout obey the pull request's own .gitattributes, and could be told to leave one out.
git -C "$REPOSITORY" ls-tree -r -z "$HEAD" > "$work.files" || could_not "the files of $HEAD cannot be read: the checkout has no trees of it (--filter)"
while IFS=$'\t' read -r -d '' entry name; do
  read -r mode _ id <<< "$entry"
  [[ "$mode" == 100* && "/$name/" != */../* && "/$name/" != */.git/* ]] || continue
  mkdir -p -- "$work/$(dirname -- "$name")"
  git -C "$REPOSITORY" cat-file blob "$id" > "$work/$name" || could_not "a file of $HEAD cannot be read: the checkout has not all of them (--filter)"
done < "$work.files"

status=0
verb() {
  local name="$1" code=0
  shift
  countersign policy "$name" "$@" "$work" || code=$?
  [[ $code -eq 0 ]] || status=1
  printf '| policy %s | %s |\n' "$name" "$([[ $code -eq 0 ]] && echo passed || echo "**failed** (exit $code)")" >> "$work.verbs"
}
: > "$work.verbs"
verb check
verb test
verb lint

replay=(--base "$BASE" --head "$HEAD" --repository "$REPOSITORY" --corpus "$CORPUS" --output "$OUTPUT" --suggest-tests "$OUTPUT" --warn-blocked "$WARN_BLOCKED")
[[ -z "$SIGNERS" ]] || replay+=(--signers "$SIGNERS")
[[ -z "$LOG_KEY" ]] || replay+=(--log-key "$LOG_KEY")
# Of the event, not of the workflow's text: a label may be called anything.
event() {
  [[ -n "${GITHUB_EVENT_PATH:-}" ]] || return 0
  node -e 'const { pull_request: pull } = JSON.parse(require("node:fs").readFileSync(process.env.GITHUB_EVENT_PATH, "utf8")); const told = { labels: pull?.labels?.map(({ name }) => name), author: pull?.user?.login }; for (const line of [told[process.argv[1]] ?? []].flat()) console.log(String(line).replaceAll("\n", " "))' "$1"
}
while IFS= read -r label; do [[ -z "$label" ]] || replay+=("--label=$label"); done < <(event labels)
while IFS= read -r author; do [[ -z "$author" ]] || replay+=("--author=$author"); done < <(event author)
while IFS= read -r owner; do [[ -z "$owner" ]] || replay+=("--approved-by=$owner"); done <<< "$APPROVED_BY"

code=0
countersign policy replay "${replay[@]}" 2> "$work.said" || code=$?
cat -- "$work.said" >&2
[[ $code -ne 2 && -f "$OUTPUT/report.json" ]] || { cat -- "$work.verbs" >> "$summary"; could_not "$(tail -n 5 -- "$work.said")"; }

{
  cat -- "$OUTPUT/report.md"
  printf '\n| | |\n|---|---|\n'
  cat -- "$work.verbs"
} >> "$summary"

told() { node -p 'const report = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8")); ({ verdict: report.verdict, widening: report.gate.widening.calls })[process.argv[2]]' "$OUTPUT/report.json" "$1"; }
{
  echo "exit=$code"
  printf 'output=%s\n' "${OUTPUT//$'\n'/}"
  echo "verdict=$(told verdict)"
  echo "widening=$(told widening)"
  echo "sha256=$(sha256sum "$OUTPUT/report.json" | cut -d ' ' -f 1)"
} >> "$outputs"
finished=1

[[ $code -eq 0 ]] || status=$code
exit "$status"
