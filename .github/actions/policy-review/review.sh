#!/usr/bin/env bash
# check, test, lint and replay of one pull request. Everything it is told comes in variables; what a policy prints is never taken for a command.
set -euo pipefail

case "${GITHUB_EVENT_NAME:-}" in
  pull_request_target | workflow_run)
    echo "policy-review runs Rego of a pull request: use it on pull_request, which has no secrets, not on $GITHUB_EVENT_NAME" >&2
    exit 2 ;;
esac
for revision in "$BASE" "$HEAD"; do
  # A revision that begins with a dash would be an option.
  [[ "$revision" =~ ^[0-9A-Za-z][0-9A-Za-z._/~^-]{0,199}$ ]] || { echo 'base and head are revisions' >&2; exit 2; }
done

countersign() { node "$GITHUB_ACTION_PATH/../../../gateway/countersign.js" "$@"; }

# The runner obeys lines such as ::error:: in the output of a step; a test of the pull request may print any.
stop="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
echo "::stop-commands::$stop"
trap 'echo "::$stop::"' EXIT

mkdir -p "$OUTPUT"
work="$(mktemp -d "${RUNNER_TEMP:-/tmp}/policy-review.XXXXXX")"
# File by file, as the commit has them: `git archive` and a checkout obey the pull request's own .gitattributes, and could be told to leave one out.
while IFS=$'\t' read -r -d '' entry name; do
  read -r mode _ id <<< "$entry"
  [[ "$mode" == 100* && "/$name/" != */../* && "/$name/" != */.git/* ]] || continue
  mkdir -p "$work/$(dirname -- "$name")"
  git -C "$REPOSITORY" cat-file blob "$id" > "$work/$name"
done < <(git -C "$REPOSITORY" ls-tree -r -z "$HEAD")

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
event() { node -e 'const { pull_request: pull } = JSON.parse(require("node:fs").readFileSync(process.env.GITHUB_EVENT_PATH, "utf8")); const told = { labels: pull?.labels?.map(({ name }) => name), author: pull?.user?.login }; for (const line of [told[process.argv[1]] ?? []].flat()) console.log(String(line).replaceAll("\n", " "))' "$1"; }
while IFS= read -r label; do [[ -z "$label" ]] || replay+=("--label=$label"); done < <(event labels)
while IFS= read -r author; do [[ -z "$author" ]] || replay+=("--author=$author"); done < <(event author)
while IFS= read -r owner; do [[ -z "$owner" ]] || replay+=("--approved-by=$owner"); done <<< "$APPROVED_BY"

code=0
countersign policy replay "${replay[@]}" || code=$?

{
  if [[ -f "$OUTPUT/report.md" && $code -ne 2 ]]; then cat "$OUTPUT/report.md"; else echo '## Policy replay: could not run'; fi
  printf '\n| | |\n|---|---|\n'
  cat "$work.verbs"
} >> "$GITHUB_STEP_SUMMARY"

told() { node -p 'const report = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8")); ({ verdict: report.verdict, widening: report.gate.widening.calls })[process.argv[2]]' "$OUTPUT/report.json" "$1"; }
{
  echo "exit=$code"
  printf 'output=%s\n' "${OUTPUT//$'\n'/}"
  if [[ $code -ne 2 ]]; then
    echo "verdict=$(told verdict)"
    echo "widening=$(told widening)"
    echo "sha256=$(sha256sum "$OUTPUT/report.json" | cut -d ' ' -f 1)"
  else
    echo 'verdict=could not run'
  fi
} >> "$GITHUB_OUTPUT"

rm -rf "$work" "$work.verbs"
[[ $code -eq 0 ]] || status=$code
exit "$status"
