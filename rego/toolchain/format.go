// fmt: the files whose canonical form differs, with that form. Listing, showing and writing are the caller's.
package main

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/util"
)

func formatFiles(req request) (any, []finding, error) {
	changed := map[string]string{}
	var found []finding
	for _, name := range util.KeysSorted(req.Files) {
		if !strings.HasSuffix(name, ".rego") {
			continue
		}
		out, err := format.SourceWithOpts(name, []byte(req.Files[name]), format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			found = append(found, findings(err, name)...)
			continue
		}
		if string(out) != req.Files[name] {
			changed[name] = string(out)
		}
	}
	return changed, sorted(found), nil
}
