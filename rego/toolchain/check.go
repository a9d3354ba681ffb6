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
	compiler.Compile(src.modules)
	if compiler.Failed() {
		return nil, sorted(findings(compiler.Errors, ""))
	}
	// Reads are those of policy alone: what a test reads is no part of a decision.
	policy := ast.NewCompiler().WithCapabilities(src.capabilities)
	policy.Compile(withoutTests(src.modules))
	if policy.Failed() {
		return nil, sorted(findings(policy.Errors, ""))
	}
	reads := map[string][]inputRead{}
	var found []finding
	for _, name := range entrypoints {
		ref, ok := dataRef(name)
		if !ok || len(policy.GetRulesWithPrefix(ref)) == 0 {
			found = append(found, finding{Code: "entrypoint", Message: "there is no rule for the entrypoint " + name})
			continue
		}
		reads[name] = inputReads(policy, ref)
	}
	return reads, found
}

func deps(req request) (any, []finding, error) {
	result, found, err := check(req)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	return result.(checked).Reads, nil, nil
}
