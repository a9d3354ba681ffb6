// inspect: packages, rules and METADATA. eval: topdown, the differential oracle of the wasm host. capabilities, version.
package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	_ "unsafe" // for the linkname below

	"github.com/open-policy-agent/opa/v1/ast"
	_ "github.com/open-policy-agent/opa/v1/compile" // links the wasm backend
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/util"
	"github.com/open-policy-agent/opa/v1/version"
)

// The wasm backend's own table of what it compiles natively. It is internal to OPA, and there is no other source for it.
//
//go:linkname builtinsFunctions github.com/open-policy-agent/opa/internal/compiler/wasm.builtinsFunctions
var builtinsFunctions map[string]string

type inspectedPackage struct {
	Package string          `json:"package"`
	Files   []string        `json:"files"`
	Rules   []inspectedRule `json:"rules"`
	Tests   int             `json:"tests"`
	// Rules of the _test.rego files: tests, and what they are made of.
	TestRules []inspectedRule `json:"test_rules"`
	// METADATA of scope package or subpackages, in the order of the files.
	Annotations []packageAnnotations `json:"annotations"`
}

type packageAnnotations struct {
	File string `json:"file"`
	place
	Annotations *ast.Annotations `json:"annotations"`
}

func inspect(req request) (any, []finding, error) {
	src, found, err := read(req)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	byName := map[string]*inspectedPackage{}
	for _, file := range util.KeysSorted(src.modules) {
		module := src.modules[file]
		name := module.Package.Path[1:].String()
		pkg := byName[name]
		if pkg == nil {
			pkg = &inspectedPackage{Package: name, Files: []string{}, Rules: []inspectedRule{}, TestRules: []inspectedRule{}, Annotations: []packageAnnotations{}}
			byName[name] = pkg
		}
		pkg.Files = append(pkg.Files, file)
		for _, rule := range module.Rules {
			entry := inspectRule(file, rule)
			if !isTest(file) {
				pkg.Rules = append(pkg.Rules, entry)
				continue
			}
			pkg.TestRules = append(pkg.TestRules, entry)
			// As OPA's runner counts them.
			if strings.HasPrefix(rule.Head.Name.String(), "test_") && !rule.Default {
				pkg.Tests++
			}
		}
		for _, one := range module.Annotations {
			if one.Scope == "package" || one.Scope == "subpackages" {
				pkg.Annotations = append(pkg.Annotations, packageAnnotations{File: file, place: placeOf(one.Location), Annotations: one})
			}
		}
	}
	packages := []inspectedPackage{}
	for _, name := range util.KeysSorted(byName) {
		packages = append(packages, *byName[name])
	}
	return packages, nil, nil
}

// One entry per input: the query's bindings, or the error of that evaluation. A failed input does not spoil the others.
type evaluation struct {
	Defined bool   `json:"defined"`
	Value   any    `json:"value,omitempty"`
	Error   string `json:"error,omitempty"`
}

func evaluate(req request) (any, []finding, error) {
	src, found, err := read(req)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	compiler := ast.NewCompiler().WithCapabilities(src.capabilities)
	compiler.Compile(withoutTests(src.modules))
	if compiler.Failed() {
		return nil, sorted(findings(compiler.Errors, "")), nil
	}
	ctx := context.Background()
	query, err := rego.New(rego.Query(req.Query), rego.Compiler(compiler), rego.Store(inmem.NewFromObject(src.data))).PrepareForEval(ctx)
	if err != nil {
		return nil, findings(err, ""), nil
	}
	at("the evaluation")
	out := make([]evaluation, 0, len(req.Inputs))
	for _, input := range req.Inputs {
		results, err := query.Eval(ctx, rego.EvalInput(input))
		switch {
		case err != nil:
			out = append(out, evaluation{Error: err.Error()})
		case len(results) == 0 || len(results[0].Expressions) == 0:
			out = append(out, evaluation{})
		default:
			out = append(out, evaluation{Defined: true, Value: results[0].Expressions[0].Value})
		}
	}
	return out, nil, nil
}

// All built-ins with their types, each said to be native in wasm or not. Which of the others exist is for the host to say.
func capabilities(request) (any, []finding, error) {
	caps := ast.CapabilitiesForThisVersion()
	native := []string{}
	for _, b := range caps.Builtins {
		if _, ok := builtinsFunctions[b.Name]; ok {
			native = append(native, b.Name)
		}
	}
	if len(native) == 0 {
		return nil, nil, fmt.Errorf("the wasm backend's table is empty")
	}
	return map[string]any{"capabilities": caps, "native": native}, nil, nil
}

func versions(request) (any, []finding, error) {
	return map[string]string{"opa": version.Version, "go": runtime.Version()}, nil, nil
}
