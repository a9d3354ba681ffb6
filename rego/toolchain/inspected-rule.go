// What inspect tells of one rule, read off the parsed module: what lint, the handbook and reviews ask about it.
package main

import (
	"sort"

	"github.com/open-policy-agent/opa/v1/ast"
)

type place struct {
	Row int `json:"row"`
	Col int `json:"col"`
}

type inspectedRule struct {
	Name string `json:"name"`
	File string `json:"file"`
	place
	// complete, set, object or function.
	Kind      string `json:"kind"`
	IsDefault bool   `json:"is_default,omitempty"`
	HasElse   bool   `json:"has_else,omitempty"`
	// Of a function, as text.
	Args []string `json:"args,omitempty"`
	// Of the head, as text, where it is a constant: two rules that say the same cannot conflict.
	Value string `json:"value,omitempty"`
	// Object literals with a member "id", wherever they stand in the rule.
	Entries []inspectedEntry `json:"entries,omitempty"`
	// Where it says `with`.
	Withs []place `json:"withs,omitempty"`
	// Of a test file: texts in it, and names that it uses, to tell what a test is about.
	Strings     []string         `json:"strings,omitempty"`
	Names       []string         `json:"names,omitempty"`
	Annotations *ast.Annotations `json:"annotations,omitempty"`
}

type inspectedEntry struct {
	place
	// Empty where it is computed.
	ID string `json:"id"`
	// Members by name: their value where it is a constant, null where it is computed.
	Members map[string]any `json:"members"`
}

func inspectRule(file string, rule *ast.Rule) inspectedRule {
	out := inspectedRule{
		Name: rule.Head.Ref().String(), File: file, place: placeOf(rule.Location),
		Kind: kindOf(rule), IsDefault: rule.Default, HasElse: rule.Else != nil,
	}
	for _, arg := range rule.Head.Args {
		out.Args = append(out.Args, arg.String())
	}
	if rule.Head.Value != nil && rule.Head.Key == nil && rule.Else == nil && rule.Head.Value.IsGround() {
		if _, err := ast.JSON(rule.Head.Value.Value); err == nil {
			out.Value = rule.Head.Value.String()
		}
	}
	if len(rule.Annotations) > 0 {
		out.Annotations = rule.Annotations[0]
	}
	walkRule(rule, &out)
	return out
}

func walkRule(rule *ast.Rule, out *inspectedRule) {
	isTestRule := isTest(out.File)
	texts, names := map[string]struct{}{}, map[string]struct{}{}
	ast.WalkTerms(rule, func(term *ast.Term) bool {
		switch value := term.Value.(type) {
		case ast.Object:
			if entry, ok := entryOf(term, value); ok && !isTestRule {
				out.Entries = append(out.Entries, entry)
			}
		case ast.String:
			texts[string(value)] = struct{}{}
		case ast.Var:
			names[string(value)] = struct{}{}
		}
		return false
	})
	ast.WalkWiths(rule, func(with *ast.With) bool {
		if !isTestRule {
			out.Withs = append(out.Withs, placeOf(with.Location))
		}
		return false
	})
	if isTestRule {
		out.Strings, out.Names = sortedKeys(texts), sortedKeys(names)
	}
}

func entryOf(term *ast.Term, object ast.Object) (inspectedEntry, bool) {
	id := object.Get(ast.InternedTerm("id"))
	if id == nil {
		return inspectedEntry{}, false
	}
	entry := inspectedEntry{place: placeOf(term.Location), Members: map[string]any{}}
	if text, ok := id.Value.(ast.String); ok {
		entry.ID = string(text)
	}
	object.Foreach(func(key, value *ast.Term) {
		name, ok := key.Value.(ast.String)
		if !ok {
			return
		}
		entry.Members[string(name)] = nil
		if constant, err := ast.JSON(value.Value); err == nil && value.IsGround() {
			entry.Members[string(name)] = constant
		}
	})
	return entry, true
}

func kindOf(rule *ast.Rule) string {
	switch {
	case len(rule.Head.Args) > 0:
		return "function"
	case rule.Head.RuleKind() == ast.MultiValue:
		return "set"
	case !rule.Head.Ref().IsGround() || rule.Head.Key != nil:
		return "object"
	}
	return "complete"
}

func placeOf(location *ast.Location) place {
	if location == nil {
		return place{}
	}
	return place{Row: location.Row, Col: location.Col}
}

func sortedKeys(from map[string]struct{}) []string {
	out := make([]string, 0, len(from))
	for key := range from {
		out = append(out, key)
	}
	sort.Strings(out)
	return out
}
