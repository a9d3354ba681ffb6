// Which parts of `input` an entrypoint can read. The host evaluates on the input pruned to them and caches by what is left,
// so the answer may only ever be too large. OPA's own `deps` is not used: it is a heuristic about variables, made for people.
package main

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

type inputRead struct {
	// Segments below `input`; none means all of it.
	Path []string `json:"path"`
	File string   `json:"file"`
	Row  int      `json:"row"`
	Col  int      `json:"col"`
}

func dataRef(entrypoint string) (ast.Ref, bool) {
	ref := ast.Ref{ast.DefaultRootDocument}
	for _, segment := range strings.Split(entrypoint, "/") {
		if segment == "" {
			return nil, false
		}
		ref = append(ref, ast.StringTerm(segment))
	}
	return ref, len(ref) >= 3
}

// What can be read from a rule on: paths of `input`, paths of base documents, and the rules that are asked.
type reading struct {
	ofInput map[string]inputRead
	ofData  map[string]inputRead
	rules   map[*ast.Rule]bool
}

func (r reading) input() []inputRead { return withoutCovered(r.ofInput) }

// The compiled modules are walked, where imports, locals and function arguments have been resolved: whatever can reach
// `input` there starts at the root document itself. What a test reads is no part of a decision.
func readsOf(compiler *ast.Compiler, src source, entrypoint ast.Ref) reading {
	out := reading{ofInput: map[string]inputRead{}, ofData: map[string]inputRead{}, rules: map[*ast.Rule]bool{}}
	var queue []*ast.Rule
	reach := func(ref ast.Ref) int {
		reached := 0
		// Over-approximates: a dynamic segment reaches every rule it could name, hidden ones too.
		for _, rule := range compiler.GetRulesDynamicWithOpts(ref, ast.RulesOptions{IncludeHiddenModules: true}) {
			if isTest(rule.Location.File) {
				continue
			}
			reached++
			if !out.rules[rule] {
				out.rules[rule] = true
				queue = append(queue, rule)
			}
		}
		return reached
	}
	reach(entrypoint)
	for len(queue) > 0 {
		rule := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		var visitor *ast.GenericVisitor
		visitor = ast.NewGenericVisitor(func(node any) bool {
			switch node := node.(type) {
			case *ast.Term:
				switch value := node.Value.(type) {
				case ast.Var:
					if value.Equal(ast.InputRootDocument.Value) {
						note(out.ofInput, nil, node.Location)
					} else if value.Equal(ast.DefaultRootDocument.Value) {
						reach(ast.Ref{ast.DefaultRootDocument})
						note(out.ofData, nil, node.Location)
					}
				case ast.Ref:
					switch {
					case value.HasPrefix(ast.InputRootRef):
						note(out.ofInput, constantSegments(value[1:]), node.Location)
					case value.HasPrefix(ast.DefaultRootRef):
						if reach(value) == 0 || isBase(src, value) {
							note(out.ofData, constantSegments(value[1:]), node.Location)
						}
					default:
						visitor.Walk(value[0])
					}
					// Terms inside a reference read for themselves.
					for _, term := range value[1:] {
						visitor.Walk(term)
					}
					return true
				}
			case ast.Ref:
				// A bare reference: the head of a rule. Its first term is a name, not a read.
				for _, term := range node[min(1, len(node)):] {
					visitor.Walk(term)
				}
				return true
			}
			return false
		})
		visitor.Walk(rule)
	}
	return out
}

func constantSegments(ref ast.Ref) []string {
	path := []string{}
	for _, term := range ref {
		segment, ok := term.Value.(ast.String)
		if !ok {
			break
		}
		path = append(path, string(segment))
	}
	return path
}

func note(reads map[string]inputRead, path []string, at *ast.Location) {
	if path == nil {
		path = []string{}
	}
	// Quoted, so that no member name can pass for two segments and hide another path.
	key := fmt.Sprintf("%q", path)
	next := inputRead{Path: path}
	if at != nil {
		next.File, next.Row, next.Col = at.File, at.Row, at.Col
	}
	if old, ok := reads[key]; !ok || before(next, old) {
		reads[key] = next
	}
}

func before(a, b inputRead) bool {
	// A term the compiler made up has no place; one that the author wrote says more.
	if (a.File == "") != (b.File == "") {
		return b.File == ""
	}
	if a.File != b.File {
		return a.File < b.File
	}
	if a.Row != b.Row {
		return a.Row < b.Row
	}
	return a.Col < b.Col
}

func withoutCovered(reads map[string]inputRead) []inputRead {
	all := make([]inputRead, 0, len(reads))
	for _, r := range reads {
		all = append(all, r)
	}
	sort.Slice(all, func(i, j int) bool { return slices.Compare(all[i].Path, all[j].Path) < 0 })
	// Sorted, a prefix comes before everything it covers.
	kept := []inputRead{}
	for _, r := range all {
		if len(kept) > 0 && isPrefix(kept[len(kept)-1].Path, r.Path) {
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

func isPrefix(prefix, path []string) bool {
	return len(prefix) <= len(path) && slices.Equal(prefix, path[:len(prefix)])
}
