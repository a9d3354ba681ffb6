// OPA's own compiler, checker, tester, formatter and evaluator as one program without files or network:
// every request carries the files it needs. Built for wasip1 it is the project's only policy compiler (rego/README.md).
//
// Without arguments: one JSON request on stdin, one JSON answer on stdout.
// With `serve`: frames of a little-endian uint32 length and that many bytes of JSON, until stdin ends.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// No honest request comes near it; a longer frame is a caller's fault, and the instance ends.
const maxRequestBytes = 64 << 20

type request struct {
	Cmd string `json:"cmd"`
	// Text by path: modules, data and schemas.
	Files        map[string]string `json:"files"`
	Capabilities json.RawMessage   `json:"capabilities"`
	Entrypoints  []string          `json:"entrypoints"`
	Optimize     int               `json:"optimize"`
	Revision     string            `json:"revision"`
	Metadata     map[string]any    `json:"metadata"`
	Filter       string            `json:"filter"`
	Coverage     bool              `json:"coverage"`
	Profile      bool              `json:"profile"`
	Query        string            `json:"query"`
	Inputs       []any             `json:"inputs"`
}

// What went wrong with a policy, where. Row and column count from 1; 0 where there is no place.
type finding struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	File    string `json:"file"`
	Row     int    `json:"row"`
	Col     int    `json:"col"`
}

type answer struct {
	Findings []finding `json:"findings"`
	Result   any       `json:"result,omitempty"`
	// Set when the request itself was at fault: nothing was examined.
	Fault string `json:"fault,omitempty"`
}

var commands = map[string]func(request) (any, []finding, error){
	"check":        check,
	"bundle":       buildBundle,
	"test":         runTests,
	"fmt":          formatFiles,
	"deps":         deps,
	"inspect":      inspect,
	"eval":         evaluate,
	"explain":      explain,
	"capabilities": capabilities,
	"version":      versions,
}

// Says on standard error what is being worked on, so that a host who has to end this process can name it.
func at(what string) { fmt.Fprintln(os.Stderr, "at "+what) }

func main() {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		if err := serve(bufio.NewReaderSize(os.Stdin, 1<<16), os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	bs, err := io.ReadAll(io.LimitReader(os.Stdin, maxRequestBytes+1))
	if err == nil && len(bs) > maxRequestBytes {
		err = fmt.Errorf("request longer than %d bytes", maxRequestBytes)
	}
	if err == nil {
		_, err = os.Stdout.Write(handle(bs))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

func serve(in io.Reader, out io.Writer) error {
	var head [4]byte
	for {
		if _, err := io.ReadFull(in, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		n := binary.LittleEndian.Uint32(head[:])
		if n > maxRequestBytes {
			return fmt.Errorf("request longer than %d bytes", maxRequestBytes)
		}
		bs := make([]byte, n)
		if _, err := io.ReadFull(in, bs); err != nil {
			return err
		}
		ans := handle(bs)
		binary.LittleEndian.PutUint32(head[:], uint32(len(ans)))
		if _, err := out.Write(append(head[:], ans...)); err != nil {
			return err
		}
	}
}

func handle(bs []byte) []byte {
	var req request
	ans := answer{Findings: []finding{}}
	if err := decodeJSON(bs, &req); err != nil {
		ans.Fault = "malformed request: " + err.Error()
	} else if run, ok := commands[req.Cmd]; !ok {
		ans.Fault = "unknown command"
	} else {
		result, found, err := run(req)
		ans.Result = result
		if found != nil {
			ans.Findings = found
		}
		if err != nil {
			ans.Fault = err.Error()
		}
	}
	out, err := json.Marshal(ans)
	if err != nil {
		out, _ = json.Marshal(answer{Findings: []finding{}, Fault: err.Error()})
	}
	return out
}
