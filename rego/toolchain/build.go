// bundle: check, then what each entrypoint reads, then OPA's wasm target, in one go. The same request gives the same bytes.
package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/util"
)

type built struct {
	Bundle []byte                 `json:"bundle"` // tar.gz; base64 in JSON
	Reads  map[string][]inputRead `json:"reads"`
}

func buildBundle(req request) (any, []finding, error) {
	src, found, err := read(req)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	reads, found := strictCheck(src, req.Entrypoints)
	if len(found) > 0 {
		return nil, found, nil
	}
	input := &bundle.Bundle{Data: src.data}
	input.SetRegoVersion(ast.RegoV1)
	input.Manifest.Init()
	policy := withoutTests(src.modules)
	for _, name := range util.KeysSorted(policy) {
		input.Modules = append(input.Modules, bundle.ModuleFile{
			URL: name, Path: name, Parsed: policy[name], Raw: []byte(req.Files[name]),
		})
	}
	metadata := map[string]any{"inputs": pathsOf(reads)}
	maps.Copy(metadata, req.Metadata)

	compiler := compile.New().
		WithBundle(input).
		WithTarget(compile.TargetWasm).
		WithEntrypoints(req.Entrypoints...).
		WithCapabilities(src.capabilities).
		WithOptimizationLevel(req.Optimize).
		WithRegoVersion(ast.RegoV1).
		WithRevision(req.Revision).
		WithPruneUnused(true).
		WithMetadata(&metadata)
	at("the translation to wasm")
	if err := compiler.Build(context.Background()); err != nil {
		return nil, sorted(findings(err, "")), nil
	}
	out := compiler.Bundle()
	if len(out.WasmModules) != 1 {
		return nil, nil, fmt.Errorf("the compiler made %d wasm modules, not 1", len(out.WasmModules))
	}
	// What runs is policy.wasm and data.json. The .rego that OPA would leave beside them lacks the entrypoints' rules, so it
	// is neither the source nor needed: the source is the commit, named by metadata.source_digest.
	out.Modules = nil
	var buf bytes.Buffer
	if err := bundle.NewWriter(&buf).DisableFormat(true).Write(*out); err != nil {
		return nil, nil, err
	}
	return built{Bundle: buf.Bytes(), Reads: reads}, nil, nil
}

func pathsOf(reads map[string][]inputRead) map[string]any {
	inputs := map[string]any{}
	for entrypoint, list := range reads {
		paths := make([]any, 0, len(list))
		for _, r := range list {
			segments := make([]any, 0, len(r.Path))
			for _, s := range r.Path {
				segments = append(segments, s)
			}
			paths = append(paths, segments)
		}
		inputs[entrypoint] = paths
	}
	return inputs
}
