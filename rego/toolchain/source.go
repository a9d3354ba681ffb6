// From the files of a request to parsed modules, and from OPA's errors to findings.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

// OPA stops at 10; an author mending a policy wants to see them all, and a hostile one may not flood the caller.
const maxCompileErrors = 200

// The type of a whole schema can fill screens.
const maxDetailBytes = 400

// What every command starts from.
type source struct {
	capabilities *ast.Capabilities
	modules      map[string]*ast.Module
	data         map[string]any
	schemas      *ast.SchemaSet
}

// Numbers keep their source text (json.Number), so a policy's data is never rounded; bytes after the value are an error.
func decodeJSON(bs []byte, into any) error {
	return util.UnmarshalJSON(bs, into)
}

// Findings mean that some file could not be read; an error that the request is at fault.
func read(req request) (source, []finding, error) {
	var src source
	var err error
	if src.capabilities, err = readCapabilities(req.Capabilities); err != nil {
		return src, nil, fmt.Errorf("capabilities: %w", err)
	}
	var inModules, inData, inSchemas []finding
	src.modules, inModules = parse(req, src.capabilities)
	src.data, inData = baseDocuments(req)
	src.schemas, inSchemas = schemaSet(req)
	return src, sorted(append(append(inModules, inData...), inSchemas...)), nil
}

// By the names of built-ins, since reading all their types takes a tenth of a check; a name that OPA does not know comes with its own.
func readCapabilities(document []byte) (*ast.Capabilities, error) {
	if len(document) == 0 {
		return ast.CapabilitiesForThisVersion(), nil
	}
	var named struct {
		Builtins []struct {
			Name string `json:"name"`
		} `json:"builtins"`
		FutureKeywords  []string             `json:"future_keywords"`
		WasmABIVersions []ast.WasmABIVersion `json:"wasm_abi_versions"`
		Features        []string             `json:"features"`
		AllowNet        []string             `json:"allow_net"`
	}
	if err := json.Unmarshal(document, &named); err != nil {
		return nil, err
	}
	out := &ast.Capabilities{
		FutureKeywords: named.FutureKeywords, WasmABIVersions: named.WasmABIVersions, Features: named.Features, AllowNet: named.AllowNet,
	}
	for _, one := range named.Builtins {
		builtin, ok := ast.BuiltinMap[one.Name]
		if !ok {
			return ast.LoadCapabilitiesJSON(bytes.NewReader(document))
		}
		out.Builtins = append(out.Builtins, builtin)
	}
	return out, nil
}

// Every module that parses, and a finding for each error in those that do not.
func parse(req request, capabilities *ast.Capabilities) (map[string]*ast.Module, []finding) {
	modules := map[string]*ast.Module{}
	var found []finding
	for _, name := range util.KeysSorted(req.Files) {
		if !strings.HasSuffix(name, ".rego") {
			continue
		}
		at(name)
		module, err := ast.ParseModuleWithOpts(name, req.Files[name], ast.ParserOptions{
			ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: capabilities,
		})
		if err != nil {
			found = append(found, findings(err, name)...)
		} else if module == nil {
			found = append(found, finding{Code: "rego_parse_error", Message: "no package in this file", File: name, Row: 1, Col: 1})
		} else {
			modules[name] = module
		}
	}
	return modules, found
}

func isTest(name string) bool { return strings.HasSuffix(name, "_test.rego") }

func withoutTests(modules map[string]*ast.Module) map[string]*ast.Module {
	out := map[string]*ast.Module{}
	for name, module := range modules {
		if !isTest(name) {
			out[name] = module
		}
	}
	return out
}

// file: where an error without a place of its own belongs.
func findings(err error, file string) []finding {
	var many ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &many):
		out := make([]finding, 0, len(many))
		for _, e := range many {
			out = append(out, findingOf(e, file))
		}
		return out
	case errors.As(err, &one):
		return []finding{findingOf(one, file)}
	}
	return []finding{{Code: "error", Message: err.Error(), File: file}}
}

func findingOf(e *ast.Error, file string) finding {
	f := finding{Code: e.Code, Message: strings.TrimSpace(e.Message), File: file}
	if e.Details != nil {
		// OPA also draws the line and a caret; beside a position only the types and the alternatives help.
		for _, line := range e.Details.Lines() {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "have") || strings.HasPrefix(line, "want") {
				f.Message += "; " + line[:min(len(line), maxDetailBytes)]
			}
		}
	}
	if e.Location != nil {
		if e.Location.File != "" {
			f.File = e.Location.File
		}
		f.Row, f.Col = e.Location.Row, e.Location.Col
	}
	return f
}

func sorted(found []finding) []finding {
	sort.SliceStable(found, func(i, j int) bool {
		a, b := found[i], found[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Row != b.Row {
			return a.Row < b.Row
		}
		if a.Col != b.Col {
			return a.Col < b.Col
		}
		return a.Message < b.Message
	})
	return found
}
