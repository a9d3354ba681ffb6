// Base documents and schemas among a request's files. `data/a/b/data.json` is mounted at data.a.b, as in an OPA bundle rooted
// at `data/`; `<name>.schema.json` is schema.<name>, and schema.input also types `input` in every package.
package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/util"
)

const schemaSuffix = ".schema.json"

func isDataFile(name string) bool {
	base := path.Base(name)
	return base == "data.json" || base == "data.yaml" || base == "data.yml"
}

func baseDocuments(req request) (map[string]any, []finding) {
	data := map[string]any{}
	var found []finding
	for _, name := range util.KeysSorted(req.Files) {
		if !isDataFile(name) {
			// A file that looks like data and is not loaded would be a silent hole in a policy.
			if strings.HasPrefix(name, "data/") {
				found = append(found, finding{Code: "data_name", Message: "a file below data/ is named data.json or data.yaml; its folders are its path in data", File: name})
			}
			continue
		}
		var value any
		// OPA would read YAML in a .json file too; a reviewer would not.
		decode := util.Unmarshal
		if strings.HasSuffix(name, ".json") {
			decode = decodeJSON
		}
		if err := decode([]byte(req.Files[name]), &value); err != nil {
			found = append(found, finding{Code: "data_parse_error", Message: err.Error(), File: name})
			continue
		}
		if err := mount(data, segmentsOf(name), value); err != nil {
			found = append(found, finding{Code: "data_conflict", Message: err.Error(), File: name})
		}
	}
	return data, found
}

func segmentsOf(name string) []string {
	dir := path.Dir(name)
	if dir == "data" || dir == "." {
		return nil
	}
	return strings.Split(strings.TrimPrefix(dir, "data/"), "/")
}

func mount(into map[string]any, at []string, value any) error {
	for _, key := range at {
		next, ok := into[key]
		if !ok {
			next = map[string]any{}
			into[key] = next
		}
		object, ok := next.(map[string]any)
		if !ok {
			return fmt.Errorf("another data file has a value at %s", strings.Join(at, "/"))
		}
		into = object
	}
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("the top of a data file must be an object")
	}
	return merge(into, object)
}

func merge(into, from map[string]any) error {
	for _, key := range util.KeysSorted(from) {
		old, isThere := into[key]
		if !isThere {
			into[key] = from[key]
			continue
		}
		a, isA := old.(map[string]any)
		b, isB := from[key].(map[string]any)
		if !isA || !isB {
			return fmt.Errorf("%q is set by two data files", key)
		}
		if err := merge(a, b); err != nil {
			return err
		}
	}
	return nil
}

func schemaSet(req request) (*ast.SchemaSet, []finding) {
	set := ast.NewSchemaSet()
	var found []finding
	for _, name := range util.KeysSorted(req.Files) {
		base := path.Base(name)
		if !strings.HasSuffix(base, schemaSuffix) {
			continue
		}
		var schema any
		if err := decodeJSON([]byte(req.Files[name]), &schema); err != nil {
			found = append(found, finding{Code: "schema_parse_error", Message: err.Error(), File: name})
			continue
		}
		short := strings.TrimSuffix(base, schemaSuffix)
		set.Put(ast.SchemaRootRef.Append(ast.StringTerm(short)), schema)
		if short == "input" {
			// The root schema is the type of `input` wherever no annotation says otherwise.
			set.Put(ast.SchemaRootRef, schema)
		}
	}
	return set, found
}

// A rule and a base document at one path would hide each other.
func conflictsWith(data map[string]any) func([]string) (bool, error) {
	return func(path []string) (bool, error) {
		var at any = data
		for _, key := range path {
			object, ok := at.(map[string]any)
			if !ok {
				return false, nil
			}
			if at, ok = object[key]; !ok {
				return false, nil
			}
		}
		return true, nil
	}
}
