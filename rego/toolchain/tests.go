// test: every rule `test_…`, by OPA's own runner on its topdown evaluator. Its timeout cannot fire in wasip1 (nothing
// pre-empts a running rule there), so the deadline is the host's.
package main

import (
	"bytes"
	"context"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
)

type testResult struct {
	Package  string   `json:"package"`
	Name     string   `json:"name"`
	File     string   `json:"file"`
	Row      int      `json:"row"`
	Col      int      `json:"col"`
	Outcome  string   `json:"outcome"` // pass, fail, error, skip
	Message  string   `json:"message,omitempty"`
	FailFile string   `json:"fail_file,omitempty"`
	FailRow  int      `json:"fail_row,omitempty"`
	Cases    []string `json:"failed_cases,omitempty"`
	Output   string   `json:"output,omitempty"`
	Ns       int64    `json:"ns"`
}

type tested struct {
	Tests    []testResult  `json:"tests"`
	Coverage *cover.Report `json:"coverage,omitempty"`
}

func runTests(req request) (any, []finding, error) {
	src, found, err := read(req)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	results, coverage, found, err := evaluateTests(src, req.Filter, req.Coverage, false)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	out := tested{Tests: []testResult{}, Coverage: coverage}
	failed := []string{}
	for _, r := range results {
		if r.Fail {
			failed = append(failed, regexp.QuoteMeta(r.Package+"."+r.Name))
		}
		out.Tests = append(out.Tests, testResultOf(r))
	}
	if len(failed) > 0 {
		// A trace costs more than the test and excludes coverage, so only what failed is run again for its reason.
		traced, _, _, err := evaluateTests(src, "^("+strings.Join(failed, "|")+")$", false, true)
		if err != nil {
			return nil, nil, err
		}
		explain(out.Tests, traced)
	}
	sort.Slice(out.Tests, func(i, j int) bool {
		a, b := out.Tests[i], out.Tests[j]
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Row < b.Row
	})
	return out, nil, nil
}

func evaluateTests(src source, filter string, isCovering, isTracing bool) ([]*tester.Result, *cover.Report, []finding, error) {
	ctx := context.Background()
	store := inmem.NewFromObjectWithOpts(src.data, inmem.OptRoundTripOnWrite(false))
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{Context: storage.NewContext()})
	if err != nil {
		return nil, nil, nil, err
	}
	defer store.Abort(ctx, txn)
	compiler := ast.NewCompiler().
		WithCapabilities(testCapabilities(src.capabilities)).
		WithSchemas(src.schemas).
		WithEnablePrintStatements(true).
		WithPathConflictsCheck(conflictsWith(src.data)).
		SetErrorLimit(maxCompileErrors)
	runner := tester.NewRunner().
		SetCompiler(compiler).
		SetStore(store).
		SetModules(src.modules).
		CapturePrintOutput(true).
		EnableTracing(isTracing).
		RaiseBuiltinErrors(isTracing).
		SetTimeout(time.Hour).
		SetParallel(1).
		Filter(filter)
	coverage := cover.New()
	if isCovering {
		runner.SetCoverageQueryTracer(coverage)
	}
	channel, err := runner.RunTests(ctx, txn)
	if err != nil {
		return nil, nil, sorted(findings(err, "")), nil
	}
	results := []*tester.Result{}
	for r := range channel {
		results = append(results, r)
	}
	if !isCovering {
		return results, nil, nil, nil
	}
	return results, policyCoverage(coverage.Report(withoutTests(src.modules))), nil, nil
}

// Says of each failed test which expression was the last to fail, with the values in it, or which built-in gave an error.
func explain(tests []testResult, traced []*tester.Result) {
	for _, r := range traced {
		for i := range tests {
			t := &tests[i]
			if t.Name != r.Name || "data."+t.Package != r.Package {
				continue
			}
			if r.Error != nil {
				t.Message = r.Error.Error()
				continue
			}
			for _, event := range slices.Backward(r.Trace) {
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
					t.FailFile, t.FailRow, t.Message = event.Location.File, event.Location.Row, dedented(text.String())
				}
				break
			}
		}
	}
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

// The runner injects a call of its own to tell the cases of one test apart.
func testCapabilities(caps *ast.Capabilities) *ast.Capabilities {
	copied := *caps
	copied.Builtins = append([]*ast.Builtin{}, caps.Builtins...)
	for _, extra := range []string{ast.InternalTestCase.Name, ast.InternalPrint.Name, ast.Print.Name} {
		isThere := false
		for _, b := range caps.Builtins {
			isThere = isThere || b.Name == extra
		}
		if !isThere {
			copied.Builtins = append(copied.Builtins, ast.BuiltinMap[extra])
		}
	}
	return &copied
}

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

func testResultOf(r *tester.Result) testResult {
	t := testResult{
		Package: strings.TrimPrefix(r.Package, "data."), Name: r.Name, Outcome: "pass",
		Output: string(r.Output), Ns: r.Duration.Nanoseconds(),
	}
	if r.Location != nil {
		t.File, t.Row, t.Col = r.Location.File, r.Location.Row, r.Location.Col
	}
	switch {
	case r.Error != nil:
		t.Outcome, t.Message = "error", r.Error.Error()
	case r.Skip:
		t.Outcome = "skip"
	case r.Fail:
		t.Outcome = "fail"
		t.Cases = failedCases(nil, "", r.SubResults)
	}
	return t
}

func failedCases(out []string, prefix string, results tester.SubResultMap) []string {
	for name, sub := range results {
		full := strings.TrimPrefix(prefix+"/"+name, "/")
		if len(sub.SubResults) > 0 {
			out = failedCases(out, full, sub.SubResults)
		} else if sub.Fail {
			out = append(out, full)
		}
	}
	sort.Strings(out)
	return out
}
