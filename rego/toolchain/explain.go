// explain: one decision by topdown, and which rule with which line made each part of it; then the rules that nearly spoke.
package main

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// A rule with its place, and METADATA of its own, of its document or of its package.
type explainedRule struct {
	Package  string   `json:"package"`
	Rule     string   `json:"rule"`
	File     string   `json:"file"`
	Row      int      `json:"row"`
	Title    string   `json:"title,omitempty"`
	Controls []string `json:"controls,omitempty"`
}

// Part of the decision: its member, the id of the entry (or the name of the limit), and the rule that said it first.
type part struct {
	Member string        `json:"member"`
	ID     string        `json:"id"`
	By     explainedRule `json:"by"`
}

// A rule that was asked and had no value, and the first of its conditions that did not hold.
type missedRule struct {
	explainedRule
	// How many conditions held before.
	Held    int    `json:"held"`
	FailRow int    `json:"fail_row"`
	Text    string `json:"text"`
}

type explained struct {
	Defined  bool         `json:"defined"`
	Decision any          `json:"decision,omitempty"`
	Parts    []part       `json:"parts"`
	Missed   []missedRule `json:"missed"`
}

func explain(req request) (any, []finding, error) {
	src, found, err := read(req)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	compiler, found := compilePolicy(src)
	if len(found) > 0 {
		return nil, found, nil
	}
	ref, ok := ast.Ref(nil), false
	if len(req.Entrypoints) == 1 && len(req.Inputs) == 1 {
		ref, ok = dataRef(req.Entrypoints[0])
	}
	if !ok || len(compiler.GetRulesWithPrefix(ref)) == 0 {
		return nil, []finding{{Code: "entrypoint", Message: "there is no rule for the entrypoint"}}, nil
	}
	input, err := ast.InterfaceToValue(req.Inputs[0])
	if err != nil {
		return nil, nil, err
	}
	at("the decision")
	store := inmem.NewFromObjectWithOpts(src.data, inmem.OptRoundTripOnWrite(false))
	ctx := context.Background()
	seen := &witness{queries: map[uint64]*asked{}}
	value := ast.VarTerm("value")
	query := topdown.NewQuery(ast.NewBody(ast.Equality.Expr(value, ast.NewTerm(ref)))).
		WithCompiler(compiler).
		WithStore(store).
		WithInput(ast.NewTerm(input)).
		// Every rule is asked for itself, so that a condition which the index would have answered is named.
		WithIndexing(false).
		WithEarlyExit(false).
		WithQueryTracer(seen)
	txn, err := store.NewTransaction(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer store.Abort(ctx, txn)
	results, err := query.WithTransaction(txn).Run(ast.WithCompiler(ctx, compiler))
	if err != nil {
		return nil, []finding{{Code: "evaluation", Message: err.Error()}}, nil
	}
	annotations := metadata{compiler.GetAnnotationSet(), ownersOf(compiler)}
	out := explained{Parts: []part{}, Missed: seen.missed(annotations)}
	if len(results) > 0 {
		out.Defined = true
		decision := results[0][ast.Var("value")]
		if out.Decision, err = ast.JSON(decision.Value); err != nil {
			return nil, nil, err
		}
		out.Parts = seen.parts(decision.Value, annotations)
	}
	return out, nil, nil
}

// Everything that a rule said, in order: what is inside comes before what is made of it.
type said struct {
	rule  *ast.Rule
	value ast.Value
}

// One evaluation of one rule's body.
type asked struct {
	rule    *ast.Rule
	isMet   bool
	held    int
	failure *topdown.Event
}

type witness struct {
	said    []said
	queries map[uint64]*asked
	order   []uint64
}

func (w *witness) Enabled() bool { return true }

func (w *witness) Config() topdown.TraceConfig { return topdown.TraceConfig{PlugLocalVars: true} }

func (w *witness) TraceEvent(event topdown.Event) {
	switch node := event.Node.(type) {
	case *ast.Rule:
		switch event.Op {
		case topdown.EnterOp:
			w.queries[event.QueryID] = &asked{rule: node}
			w.order = append(w.order, event.QueryID)
		case topdown.ExitOp:
			if one := w.queries[event.QueryID]; one != nil {
				one.isMet = true
			}
			term := node.Head.Value
			if node.Head.RuleKind() == ast.MultiValue {
				term = node.Head.Key
			}
			if term != nil {
				// Bindings change as evaluation goes on: what was said is written down now.
				w.said = append(w.said, said{node, event.Plug(term).Value})
			}
		}
	case *ast.Expr:
		if one := w.queries[event.QueryID]; one != nil && event.Op == topdown.FailOp && node.Index >= one.held {
			one.held, one.failure = node.Index, &event
		}
	}
}

// Ids of reasons and masks, names of limits.
func (w *witness) parts(decision ast.Value, annotations metadata) []part {
	object, ok := decision.(ast.Object)
	if !ok {
		return []part{}
	}
	out := []part{}
	for _, member := range []string{"reasons", "mask"} {
		list := object.Get(ast.StringTerm(member))
		if list == nil {
			continue
		}
		for _, entry := range entriesIn(list.Value) {
			id := textOf(entry, "id")
			if by, ok := w.sayer(func(value ast.Value) bool { return says(value, entry, id) }); ok {
				out = append(out, part{member, id, explainedOf(by, annotations)})
			}
			if pkg, isAllow := strings.CutSuffix(id, ".allow"); isAllow {
				out = append(out, w.allows(pkg, annotations)...)
			}
		}
	}
	if limits := object.Get(ast.StringTerm("limits")); limits != nil {
		if each, ok := limits.Value.(ast.Object); ok {
			each.Foreach(func(name, bound *ast.Term) {
				text, _ := name.Value.(ast.String)
				has := func(value ast.Value) bool {
					found := false
					for _, one := range entriesIn(value) {
						got := one.Get(name)
						found = found || got != nil && got.Equal(bound)
					}
					return found
				}
				if by, ok := w.sayer(has); ok {
					out = append(out, part{"limits", string(text), explainedOf(by, annotations)})
				}
			})
		}
	}
	return out
}

// The first rule with something to decide that said it. A function without conditions only puts together what it is handed.
func (w *witness) sayer(match func(ast.Value) bool) (*ast.Rule, bool) {
	for _, one := range w.said {
		isMaker := len(one.rule.Head.Args) > 0 && isUnconditional(one.rule)
		if !isMaker && match(one.value) {
			return one.rule, true
		}
	}
	return nil, false
}

func isUnconditional(rule *ast.Rule) bool {
	return len(rule.Body) == 1 && rule.Body[0].Equal(ast.NewExpr(ast.BooleanTerm(true))) && rule.Else == nil
}

func (w *witness) allows(pkg string, annotations metadata) []part {
	out := []part{}
	seen := map[*ast.Rule]bool{}
	for _, one := range w.said {
		isAllow := testName(one.rule) == "allow" && packageName(one.rule) == "policies."+pkg && one.value.Compare(ast.Boolean(true)) == 0
		if isAllow && !seen[one.rule] {
			seen[one.rule] = true
			out = append(out, part{"allow", pkg + ".allow", explainedOf(one.rule, annotations)})
		}
	}
	return out
}

// An entry of the same id and message, or the same entry; itself, or in a set or list.
func says(value ast.Value, entry ast.Object, id string) bool {
	for _, one := range entriesIn(value) {
		if one.Compare(entry) == 0 || id != "" && textOf(one, "id") == id && textOf(one, "msg") == textOf(entry, "msg") {
			return true
		}
	}
	return false
}

// The objects in a value, through lists and sets of lists: a rule may say more than one thing at once.
func entriesIn(value ast.Value) []ast.Object {
	out := []ast.Object{}
	within := func(term *ast.Term) { out = append(out, entriesIn(term.Value)...) }
	switch value := value.(type) {
	case ast.Object:
		out = append(out, value)
	case *ast.Array:
		value.Foreach(within)
	case ast.Set:
		value.Foreach(within)
	}
	return out
}

func textOf(object ast.Object, name string) string {
	if member := object.Get(ast.StringTerm(name)); member != nil {
		text, _ := member.Value.(ast.String)
		return string(text)
	}
	return ""
}

var verbs = []string{"allow", "deny", "require", "may_call"}

// What could have decided otherwise: rules by which a package speaks, of which no definition was met.
func (w *witness) missed(annotations metadata) []missedRule {
	best := map[*ast.Rule]*asked{}
	met := map[*ast.Rule]bool{}
	for _, id := range w.order {
		one := w.queries[id]
		met[one.rule] = met[one.rule] || one.isMet
		if old := best[one.rule]; one.failure != nil && (old == nil || one.held > old.held) {
			best[one.rule] = one
		}
	}
	out := []missedRule{}
	for rule, one := range best {
		if met[rule] || !slices.Contains(verbs, testName(rule)) {
			continue
		}
		missed := missedRule{explainedRule: explainedOf(rule, annotations), Held: one.held}
		if one.failure.Location != nil {
			missed.FailRow = one.failure.Location.Row
		}
		var text bytes.Buffer
		if err := topdown.PrettyEvent(&text, one.failure, topdown.PrettyEventOpts{PrettyVars: true}); err == nil {
			missed.Text = dedented(text.String())
		}
		out = append(out, missed)
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Held != b.Held {
			return a.Held > b.Held
		}
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Row < b.Row
	})
	return out
}

type metadata struct {
	set *ast.AnnotationSet
	// METADATA of a rule with `else` stands above its first branch.
	owners map[*ast.Rule]*ast.Rule
}

func ownersOf(compiler *ast.Compiler) map[*ast.Rule]*ast.Rule {
	owners := map[*ast.Rule]*ast.Rule{}
	for _, module := range compiler.Modules {
		for _, rule := range module.Rules {
			for branch := rule; branch != nil; branch = branch.Else {
				owners[branch] = rule
			}
		}
	}
	return owners
}

func explainedOf(rule *ast.Rule, annotations metadata) explainedRule {
	out := explainedRule{Package: packageName(rule), Rule: testName(rule)}
	if rule.Location != nil {
		out.File, out.Row = rule.Location.File, rule.Location.Row
	}
	// From the rule outwards to its package.
	owner := rule
	if first := annotations.owners[rule]; first != nil {
		owner = first
	}
	for _, one := range annotations.set.Chain(owner) {
		if one.Annotations == nil {
			continue
		}
		if out.Title == "" && one.Annotations.Scope != "package" && one.Annotations.Scope != "subpackages" {
			out.Title = one.Annotations.Title
		}
		if len(out.Controls) == 0 {
			out.Controls = controlsIn(one.Annotations)
		}
	}
	return out
}

func controlsIn(annotations *ast.Annotations) []string {
	list, _ := annotations.Custom["controls"].([]any)
	out := []string{}
	for _, one := range list {
		if text, ok := one.(string); ok {
			out = append(out, text)
		}
	}
	return out
}
