// deps: what each entrypoint, and each rule of the policy, reads of `input` and of data, followed through all that it asks.
package main

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

type dependencies struct {
	Name  string      `json:"name"`
	File  string      `json:"file,omitempty"`
	Row   int         `json:"row,omitempty"`
	Input []inputRead `json:"input"`
	Data  []inputRead `json:"data"`
	// Rules that it asks, by full name.
	Rules []string `json:"rules"`
}

func deps(req request) (any, []finding, error) {
	src, found, err := read(req)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	src.modules = withoutTests(src.modules)
	compiler, found := compilePolicy(src)
	if len(found) > 0 {
		return nil, found, nil
	}
	entrypoints, rules := []dependencies{}, []dependencies{}
	for _, name := range req.Entrypoints {
		ref, ok := dataRef(name)
		if !ok || len(compiler.GetRulesWithPrefix(ref)) == 0 {
			found = append(found, finding{Code: "entrypoint", Message: "there is no rule for the entrypoint " + name})
			continue
		}
		entrypoints = append(entrypoints, dependenciesOf(compiler, src, name, ref))
	}
	seen := map[string]bool{}
	for _, file := range util.KeysSorted(compiler.Modules) {
		for _, rule := range compiler.Modules[file].Rules {
			ref := rule.Ref().GroundPrefix()
			if name := nameOf(ref); !seen[name] {
				seen[name] = true
				one := dependenciesOf(compiler, src, name, ref)
				one.File, one.Row = rule.Location.File, rule.Location.Row
				rules = append(rules, one)
			}
		}
	}
	return map[string]any{"entrypoints": entrypoints, "rules": rules}, sorted(found), nil
}

func dependenciesOf(compiler *ast.Compiler, src source, name string, ref ast.Ref) dependencies {
	found := readsOf(compiler, src, ref)
	rules := map[string]struct{}{}
	for rule := range found.rules {
		if asked := nameOf(rule.Ref().GroundPrefix()); asked != nameOf(ref) {
			rules[asked] = struct{}{}
		}
	}
	return dependencies{Name: name, Input: found.input(), Data: withoutCovered(found.ofData), Rules: sortedKeys(rules)}
}

func nameOf(ref ast.Ref) string { return strings.TrimPrefix(ref.String(), "data.") }

func compilePolicy(src source) (*ast.Compiler, []finding) {
	compiler := ast.NewCompiler().
		WithCapabilities(src.capabilities).
		WithSchemas(src.schemas).
		WithPathConflictsCheck(conflictsWith(src.data)).
		SetErrorLimit(maxCompileErrors)
	at("the compilation")
	compiler.Compile(withoutTests(src.modules))
	if compiler.Failed() {
		return nil, sorted(findings(compiler.Errors, ""))
	}
	return compiler, nil
}

// Does data have something where the reference points, beside the rules that it names?
func isBase(src source, ref ast.Ref) bool {
	segments := constantSegments(ref[1:])
	var at any = src.data
	for _, segment := range segments {
		object, ok := at.(map[string]any)
		if !ok {
			return true
		}
		if at, ok = object[segment]; !ok {
			return false
		}
	}
	return true
}
