// What tests tell of the policy: the lines that they reach, what its rules cost, and why one of them failed.
package main

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/profiler"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

// Coverage is of policy, not of its tests: their lines would flatter it.
func policyCoverage(report cover.Report) *cover.Report {
	out := cover.Report{Files: map[string]*cover.FileReport{}}
	for name, file := range report.Files {
		if !isTest(name) {
			out.Files[name] = file
			out.CoveredLines += file.CoveredLines
			out.NotCoveredLines += file.NotCoveredLines
		}
	}
	if lines := out.CoveredLines + out.NotCoveredLines; lines > 0 {
		out.Coverage = 100 * float64(out.CoveredLines) / float64(lines)
	}
	return &out
}

// A rule's own expressions, without those of the rules that it asks.
type ruleCost struct {
	Package string `json:"package"`
	Name    string `json:"name"`
	File    string `json:"file"`
	Row     int    `json:"row"`
	Ns      int64  `json:"ns"`
	// How often an expression of it was evaluated, for the first time or again.
	Evals int `json:"evals"`
}

// Policy only, dearest first. The profiler counts by line; a line belongs to the rule that last began before it.
func ruleCosts(modules map[string]*ast.Module, profile *profiler.Profiler) []ruleCost {
	costs := []ruleCost{}
	report := profile.ReportByFile()
	for _, file := range util.KeysSorted(withoutTests(modules)) {
		lines, ok := report.Files[file]
		if !ok {
			continue
		}
		rules := slices.Clone(modules[file].Rules)
		sort.SliceStable(rules, func(i, j int) bool { return rules[i].Location.Row < rules[j].Location.Row })
		byRule := map[int]*ruleCost{}
		for _, line := range lines.Result {
			if line.Location == nil {
				continue
			}
			i := sort.Search(len(rules), func(i int) bool { return rules[i].Location.Row > line.Location.Row }) - 1
			if i < 0 {
				continue
			}
			if byRule[i] == nil {
				byRule[i] = &ruleCost{Package: nameOf(modules[file].Package.Path), Name: testName(rules[i]), File: file, Row: rules[i].Location.Row}
			}
			byRule[i].Ns += line.ExprTimeNs
			byRule[i].Evals += line.NumEval + line.NumRedo
		}
		for _, cost := range byRule {
			costs = append(costs, *cost)
		}
	}
	sort.Slice(costs, func(i, j int) bool {
		a, b := costs[i], costs[j]
		if a.Ns != b.Ns {
			return a.Ns > b.Ns
		}
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Row < b.Row
	})
	return costs
}

// Which expression was the last to fail, with the values in it.
func whyFalse(trace []*topdown.Event) (file string, row int, message string) {
	for _, event := range slices.Backward(trace) {
		expr, isExpr := event.Node.(*ast.Expr)
		if event.Op != topdown.FailOp || event.Location == nil || event.QueryID == 0 || !isExpr {
			continue
		}
		// What failed is inside the body of an `every`, not the whole of it.
		if _, isEvery := expr.Terms.(*ast.Every); isEvery {
			continue
		}
		var text bytes.Buffer
		if err := topdown.PrettyEvent(&text, event, topdown.PrettyEventOpts{PrettyVars: true}); err == nil {
			return event.Location.File, event.Location.Row, dedented(text.String())
		}
		break
	}
	return "", 0, ""
}

// OPA pads the text to its column, so that what it draws below stays in place.
func dedented(text string) string {
	lines := strings.Split(strings.TrimRight(text, " \t\n"), "\n")
	margin := len(lines[0]) - len(strings.TrimLeft(lines[0], " \t"))
	for i, line := range lines {
		lines[i] = strings.TrimRight(line[min(margin, len(line)-len(strings.TrimLeft(line, " \t"))):], " \t")
	}
	return strings.Join(lines, "\n")
}
