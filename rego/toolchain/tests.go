// test: every rule `test_…`, by OPA's own runner on its topdown evaluator. Its timeout cannot fire in wasip1 (nothing
// pre-empts a running rule there), so the deadline is the host's.
package main

import (
	"context"
	"sort"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

type testResult struct {
	Package string   `json:"package"`
	Name    string   `json:"name"`
	File    string   `json:"file"`
	Row     int      `json:"row"`
	Col     int      `json:"col"`
	Outcome string   `json:"outcome"` // pass, fail, error, skip
	Message string   `json:"message,omitempty"`
	FailRow int      `json:"fail_row,omitempty"`
	Cases   []string `json:"failed_cases,omitempty"`
	Output  string   `json:"output,omitempty"`
	Ns      int64    `json:"ns"`
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
	ctx := context.Background()
	store := inmem.NewFromObjectWithOpts(src.data, inmem.OptRoundTripOnWrite(false))
	txn, err := store.NewTransaction(ctx, storage.TransactionParams{Context: storage.NewContext()})
	if err != nil {
		return nil, nil, err
	}
	compiler := ast.NewCompiler().
		WithCapabilities(testCapabilities(src.capabilities)).
		WithSchemas(src.schemas).
		WithEnablePrintStatements(true).
		WithPathConflictsCheck(conflictsWith(src.data))
	runner := tester.NewRunner().
		SetCompiler(compiler).
		SetStore(store).
		SetModules(src.modules).
		CapturePrintOutput(true).
		RaiseBuiltinErrors(false).
		SetTimeout(time.Hour).
		SetParallel(1).
		Filter(req.Filter)
	var coverage *cover.Cover
	if req.Coverage {
		coverage = cover.New()
		runner.SetCoverageQueryTracer(coverage)
	}
	results, err := runner.RunTests(ctx, txn)
	if err != nil {
		return nil, sorted(findings(err, "")), nil
	}
	out := tested{Tests: []testResult{}}
	for r := range results {
		out.Tests = append(out.Tests, testResultOf(r))
	}
	sort.Slice(out.Tests, func(i, j int) bool {
		a, b := out.Tests[i], out.Tests[j]
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Row < b.Row
	})
	if coverage != nil {
		out.Coverage = policyCoverage(coverage.Report(withoutTests(src.modules)))
	}
	return out, nil, nil
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
		if r.FailedAt != nil && r.FailedAt.Location != nil {
			t.FailRow = r.FailedAt.Location.Row
			t.Message = strings.TrimSpace(string(r.FailedAt.Location.Text))
		}
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
