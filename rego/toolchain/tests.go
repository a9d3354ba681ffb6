// test: every rule `test_…`, compiled by OPA's own runner and evaluated here on topdown, one after the other: what is running is
// said beforehand, since nothing pre-empts a rule in wasip1 and the deadline is the host's.
package main

import (
	"bytes"
	"context"
	"regexp"
	"sort"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/profiler"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
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
	Profile  []ruleCost    `json:"profile,omitempty"`
}

func runTests(req request) (any, []finding, error) {
	src, found, err := read(req)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	filter, err := regexp.Compile(req.Filter)
	if err != nil {
		return nil, []finding{{Code: "filter", Message: "the filter is no RE2 expression: " + err.Error()}}, nil
	}
	bench, found, err := newBench(src)
	if err != nil || len(found) > 0 {
		return nil, found, err
	}
	defer bench.close()
	coverage, profile := cover.New(), profiler.New()
	if req.Coverage {
		bench.tracers = append(bench.tracers, coverage)
	}
	if req.Profile {
		bench.tracers = append(bench.tracers, profile)
	}
	out := tested{Tests: []testResult{}}
	for _, rule := range bench.tests(filter) {
		out.Tests = append(out.Tests, bench.run(rule))
	}
	sort.SliceStable(out.Tests, func(i, j int) bool {
		a, b := out.Tests[i], out.Tests[j]
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Row < b.Row
	})
	if req.Coverage {
		out.Coverage = policyCoverage(coverage.Report(withoutTests(src.modules)))
	}
	if req.Profile {
		out.Profile = ruleCosts(src.modules, profile)
	}
	return out, nil, nil
}

// What tests are run on.
type bench struct {
	compiler *ast.Compiler
	store    storage.Store
	txn      storage.Transaction
	tracers  tracers
}

// Several as one.
type tracers []topdown.QueryTracer

func (t tracers) Enabled() bool { return len(t) > 0 }

func (t tracers) Config() topdown.TraceConfig { return topdown.TraceConfig{} }

func (t tracers) TraceEvent(event topdown.Event) {
	for _, one := range t {
		one.TraceEvent(event)
	}
}

func newBench(src source) (*bench, []finding, error) {
	ctx := context.Background()
	b := &bench{store: inmem.NewFromObjectWithOpts(src.data, inmem.OptRoundTripOnWrite(false))}
	txn, err := b.store.NewTransaction(ctx, storage.TransactionParams{Context: storage.NewContext()})
	if err != nil {
		return nil, nil, err
	}
	b.txn = txn
	b.compiler = ast.NewCompiler().
		WithCapabilities(testCapabilities(src.capabilities)).
		WithSchemas(src.schemas).
		WithEnablePrintStatements(true).
		WithPathConflictsCheck(conflictsWith(src.data)).
		SetErrorLimit(maxCompileErrors)
	at("the compilation")
	// No test has an empty name: the runner compiles, by stages of its own, and runs none.
	results, err := b.runner().SetModules(src.modules).Filter("^$").RunTests(ctx, txn)
	if err != nil {
		b.close()
		return nil, sorted(findings(err, "")), nil
	}
	for range results {
	}
	return b, nil, nil
}

func (b *bench) close() { b.store.Abort(context.Background(), b.txn) }

func (b *bench) runner() *tester.Runner {
	return tester.NewRunner().SetCompiler(b.compiler).SetStore(b.store).SetTimeout(time.Hour).SetParallel(1).CapturePrintOutput(true)
}

// In the order of files and rows.
func (b *bench) tests(filter *regexp.Regexp) []*ast.Rule {
	var tests []*ast.Rule
	for _, file := range util.KeysSorted(b.compiler.Modules) {
		module := b.compiler.Modules[file]
		for _, rule := range module.Rules {
			if !rule.Default && isTestRule(rule) && filter.MatchString(packageName(rule)+"."+testName(rule)) {
				tests = append(tests, rule)
			}
		}
	}
	return tests
}

// As OPA's runner has it: `test_` begins any part of the name.
func isTestRule(rule *ast.Rule) bool {
	for _, part := range strings.Split(testName(rule), ".") {
		if strings.HasPrefix(part, tester.TestPrefix) || strings.HasPrefix(part, tester.SkipTestPrefix) {
			return true
		}
	}
	return false
}

func testName(rule *ast.Rule) string { return rule.Head.Ref().GroundPrefix().String() }

func packageName(rule *ast.Rule) string { return nameOf(rule.Module.Package.Path) }

func (b *bench) run(rule *ast.Rule) testResult {
	out := testResult{Package: packageName(rule), Name: testName(rule), Outcome: "pass"}
	if at := rule.Loc(); at != nil {
		out.File, out.Row, out.Col = at.File, at.Row, at.Col
	}
	if strings.HasPrefix(out.Name, tester.SkipTestPrefix) {
		out.Outcome = "skip"
		return out
	}
	at(out.Package + "." + out.Name)
	if rule.Head.DocKind() == ast.PartialObjectDoc {
		b.runCases(rule, &out)
		return out
	}
	var printed bytes.Buffer
	began := time.Now()
	isTrue, err := b.holds(rule, &printed, nil, b.tracers)
	out.Ns, out.Output = time.Since(began).Nanoseconds(), printed.String()
	if err != nil {
		out.Outcome, out.Message = "error", err.Error()
	} else if !isTrue {
		// A trace costs more than the test, so only what failed is run again for its reason.
		out.Outcome = "fail"
		trace, faults := topdown.NewBufferTracer(), []topdown.Error{}
		_, _ = b.holds(rule, &bytes.Buffer{}, &faults, trace)
		out.FailFile, out.FailRow, out.Message = whyFalse(*trace)
		if len(faults) > 0 {
			out.Message = faults[0].Error()
		}
	}
	return out
}

// Is the rule's value true? An error of a built-in makes it undefined, as in a decision, and is collected in `faults`.
func (b *bench) holds(rule *ast.Rule, printed *bytes.Buffer, faults *[]topdown.Error, tracer topdown.QueryTracer) (bool, error) {
	ref := rule.Module.Package.Path.Extend(rule.Head.Ref().GroundPrefix())
	value := ast.VarTerm("value")
	query := topdown.NewQuery(ast.NewBody(ast.Equality.Expr(value, ast.NewTerm(ref)))).
		WithCompiler(b.compiler).
		WithStore(b.store).
		WithTransaction(b.txn).
		WithPrintHook(topdown.NewPrintHook(printed)).
		WithQueryTracer(tracer)
	if faults != nil {
		query = query.WithBuiltinErrorList(faults)
	}
	results, err := query.Run(ast.WithCompiler(context.Background(), b.compiler))
	if err != nil || len(results) == 0 {
		return false, err
	}
	return results[0][ast.Var("value")].Equal(ast.BooleanTerm(true)), nil
}

// A test of cases, `test_x[note] if …`, is OPA's runner's: it alone tells them apart.
func (b *bench) runCases(rule *ast.Rule, out *testResult) {
	name := rule.Module.Package.Path.Extend(rule.Head.Ref().GroundPrefix())
	runner := b.runner().SetPrefixMatchers(name).RaiseBuiltinErrors(true)
	if b.tracers.Enabled() {
		runner.SetCoverageQueryTracer(b.tracers)
	}
	results, err := runner.Filter("^"+regexp.QuoteMeta(name.String())+"$").RunTests(context.Background(), b.txn)
	if err != nil {
		out.Outcome, out.Message = "error", err.Error()
		return
	}
	for r := range results {
		out.Ns, out.Output = r.Duration.Nanoseconds(), string(r.Output)
		if r.Error != nil {
			out.Outcome, out.Message = "error", r.Error.Error()
		} else if r.Fail {
			out.Outcome, out.Cases = "fail", failedCases(nil, "", r.SubResults)
		}
	}
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
