// What a rule once took for something else than it is, one row each, stated as the verdict. Rows are only ever added.
import test from 'ava'
import { loadPolicy, PolicyError, readBundle } from '../../rego/index.ts'
import { compileSources, hostile } from '../rego/sources.ts'

// Opens to whoever a rule's own data or the call itself names: the operands come from the input, since a test asks for many.
const source = `${hostile}
first := input.request.arguments.first

second := input.request.arguments.second

decision := good if {
	mode == "regex.match"
	regex.match(first, second)
}

decision := good if {
	mode == "regex.is_valid"
	not regex.is_valid(first)
}

decision := good if {
	mode == "regex.find"
	regex.find_all_string_submatch_n(first, second, 1) != []
}

decision := good if {
	mode == "glob.match"
	glob.match(first, [], second)
}

decision := good if {
	mode == "glob.match by delimiters"
	glob.match("a*", [first], second)
}

decision := good if {
	mode == "net.cidr_contains"
	net.cidr_contains(first, second)
}

decision := good if {
	mode == "net.cidr_intersects"
	net.cidr_intersects(first, second)
}

decision := good if {
	mode == "not regex.match"
	not regex.match(first, second)
}
`
const policy = loadPolicy(readBundle(await compileSources({ 'policy/decision.rego': source })))
const decide = (mode: string, first: string, second: string) => {
  const input = { request: { arguments: { mode, first, second } } }
  return policy.decide(input, JSON.stringify(input)).decision.effect
}

// OPA's wasm library reads these to their first NUL; OPA's evaluator does not.
const rows: readonly (readonly [title: string, mode: string, builtin: string, first: string, second: string])[] = [
  ['an expression that begins with a NUL, which every text meets', 'regex.match', 'regex.match', '\0', 'anything'],
  ['an expression with a NUL, which a text meets that begins alike', 'regex.match', 'regex.match', '^prod\0$', 'production'],
  ['an expression with a NUL, where a rule wants that it does not match', 'not regex.match', 'regex.match', '^prod\0?$', 'prod'],
  ['an expression that is none behind its NUL', 'regex.is_valid', 'regex.is_valid', '(\0)', ''],
  ['a part found by an expression with a NUL', 'regex.find', 'regex.find_all_string_submatch_n', 'a\0b', 'ac'],
  ['a glob with a NUL behind its star', 'glob.match', 'glob.match', '*\0.internal', 'anything'],
  ['a glob with a NUL for a delimiter', 'glob.match by delimiters', 'regex.match', '\0', 'abc'],
  ['an address with a NUL and a name behind it', 'net.cidr_contains', 'net.cidr_contains', '10.0.0.0/8', '10.0.0.1\0.example'],
  ['a network with a NUL behind it', 'net.cidr_contains', 'net.cidr_contains', '10.0.0.0/8\0', '10.0.0.1'],
  ['a second network with a NUL behind it', 'net.cidr_intersects', 'net.cidr_intersects', '10.0.0.0/8', '10.0.0.0/9\0'],
]

for (const [title, mode, builtin, first, second] of rows) {
  test(`${title}: the call is denied`, (t) => {
    const error = t.throws(() => decide(mode, first, second), { instanceOf: PolicyError })
    t.deepEqual([error.code, error.message], ['ERR_POLICY_TRAP', `the policy gave up: ${builtin} reads no text with a NUL in it`])
  })
}

test('without a NUL they answer as ever, and a NUL in what is looked at is a character', (t) => {
  for (const [mode, first, second] of [
    ['regex.match', '^prod$', 'prod'], ['regex.match', '^a.b$', 'a\0b'], ['not regex.match', '^a$', 'a\0'], ['regex.is_valid', '(', ''], ['regex.find', 'c', 'a\0c'],
    ['glob.match', 'a*', 'a\0b'], ['glob.match by delimiters', '.', 'ab'], ['net.cidr_contains', '10.0.0.0/8', '10.0.0.1'], ['net.cidr_intersects', '10.0.0.0/8', '10.0.0.0/9'],
  ] as const) t.is(decide(mode, first, second), 'allow', `${mode} ${first}`)
  t.throws(() => decide('regex.match', '^prod$', 'production'), { code: 'ERR_POLICY_UNDEFINED' })
})
