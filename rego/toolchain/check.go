// check: strict compilation against schemas and capabilities; nothing is produced but findings and what each entrypoint reads.
package main

import (
	"github.com/open-policy-agent/opa/v1/ast"
)

type checked struct {
	Modules int `json:"modules"`
	// Per entrypoint, the input paths it can read and where each is first read.
	Reads map[string][]inputRead `json:"reads"`
}

func check(req request) (any, []finding, error) {
	src, found, err := read(req)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	reads, found := strictCheck(src, req.Entrypoints)
	return checked{Modules: len(src.modules), Reads: reads}, found, nil
}

func strictCheck(src source, entrypoints []string) (map[string][]inputRead, []finding) {
	compiler := ast.NewCompiler().
		WithCapabilities(src.capabilities).
		WithStrict(true).
		WithSchemas(src.schemas).
		WithUseTypeCheckAnnotations(true).
		WithPathConflictsCheck(conflictsWith(src.data)).
		SetErrorLimit(maxCompileErrors)
	at("the compilation")
	compiler.Compile(src.modules)
	if compiler.Failed() {
		return nil, sorted(findings(compiler.Errors, ""))
	}
	reads := map[string][]inputRead{}
	found := testReferences(compiler)
	for _, name := range entrypoints {
		ref, ok := dataRef(name)
		if !ok || !hasPolicyRule(compiler.GetRulesWithPrefix(ref)) {
			found = append(found, finding{Code: "entrypoint", Message: "there is no rule for the entrypoint " + name})
			continue
		}
		reads[name] = readsOf(compiler, src, ref).input()
	}
	return reads, sorted(found)
}

// Tests are compiled along with the policy and are no part of it: a function that only they define is none.
func testReferences(compiler *ast.Compiler) []finding {
	var found []finding
	for name, module := range compiler.Modules {
		if isTest(name) {
			continue
		}
		ast.WalkRefs(module, func(ref ast.Ref) bool {
			if !ref.HasPrefix(ast.DefaultRootRef) || !ref.IsGround() {
				return false
			}
			rules := compiler.GetRulesExact(ref)
			if len(rules) > 0 && len(rules[0].Head.Args) > 0 && !hasPolicyRule(rules) {
				f := finding{Code: "rego_type_error", Message: "undefined function " + ref.String() + " (a test defines it)", File: name}
				if ref[0].Location != nil {
					f.Row, f.Col = ref[0].Location.Row, ref[0].Location.Col
				}
				found = append(found, f)
			}
			return false
		})
	}
	return found
}

func hasPolicyRule(rules []*ast.Rule) bool {
	for _, rule := range rules {
		if !isTest(rule.Location.File) {
			return true
		}
	}
	return false
}
