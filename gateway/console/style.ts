// The console's one style sheet: reads on a phone at night, prints, and needs no font, image or script.
export const style = `
:root { color-scheme: light dark; --ink: #16202c; --soft: #56657a; --line: #d5dce5; --page: #f5f7fa; --card: #fff; --yes: #0b6b3a; --no: #a31621; --warn: #7a4b00; --warnpage: #fff4dc; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --soft: #9fb0c4; --line: #33404f; --page: #10161d; --card: #18212b; --yes: #1d8a52; --no: #c9303d; --warn: #ffd58a; --warnpage: #33270d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header { display: flex; justify-content: space-between; gap: 1rem; padding: .75rem 1rem; border-bottom: 1px solid var(--line); color: var(--soft); font-size: .875rem; }
header a { color: inherit; } header strong { color: var(--ink); }
header form { display: inline; } header button { all: unset; cursor: pointer; text-decoration: underline; }
main { max-width: 44rem; margin: 0 auto; padding: .75rem 1rem; }
h1 { font-size: 1.375rem; line-height: 1.25; margin: .5rem 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: .875rem; text-transform: uppercase; letter-spacing: .04em; color: var(--soft); margin: 0 0 .5rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem; margin: 0 0 .75rem; }
dl { display: grid; grid-template-columns: 5.5rem 1fr; gap: .25rem .75rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
p { margin: 0 0 .75rem; } ul { margin: 0; padding-left: 1.25rem; }
pre { margin: .5rem 0 0; padding: .5rem; background: var(--page); border-radius: .375rem; overflow-x: auto; font: .875rem/1.45 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
code { font: .875rem ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.state { display: inline-block; padding: .125rem .5rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .8125rem; vertical-align: middle; }
.note { background: var(--warnpage); color: var(--warn); border-color: currentColor; }
label { display: block; font-weight: 600; margin-bottom: .25rem; }
textarea { width: 100%; min-height: 4.5rem; padding: .5rem; font: inherit; color: inherit; background: var(--page); border: 1px solid var(--soft); border-radius: .375rem; }
.buttons { display: grid; grid-auto-flow: column; grid-auto-columns: 1fr; gap: .75rem; margin-top: .75rem; }
.buttons button, .button { display: grid; place-items: center; min-height: 3rem; padding: .5rem 1rem; border: 0; border-radius: .375rem; font: inherit; font-weight: 600; color: #fff; text-align: center; text-decoration: none; cursor: pointer; }
.yes { background: var(--yes); } .no { background: var(--no); } .button { background: #23527c; }
:focus-visible { outline: 3px solid #4a90d9; outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; } th, td { text-align: left; padding: .5rem; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; } th { overflow-wrap: normal; } td:last-child { white-space: nowrap; } small { color: var(--soft); } caption { text-align: left; color: var(--soft); padding-bottom: .5rem; }
`
