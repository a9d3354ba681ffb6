// Writes OPA's compliance cases for Rego v1, from the module that rego/toolchain pins, one JSON object a line.
// Run in rego/toolchain: `go run ../../test/conformance/rego/cases.go DIRECTORY-OF-CASES`.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/open-policy-agent/opa/v1/test/cases"
)

type written struct {
	cases.TestCase
	File string `json:"file"`
}

func main() {
	root := os.Args[1]
	set, err := cases.Load(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for _, one := range set.Cases {
		file, err := filepath.Rel(root, one.Filename)
		if err == nil {
			err = encoder.Encode(written{TestCase: one, File: file})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
