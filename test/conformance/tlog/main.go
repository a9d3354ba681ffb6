// Reads an exported evidence log with code that is not ours (golang.org/x/mod/sumdb) and says whether it holds: the checkpoint's signature, every
// hash tile against the root, every entry against its hash. Exit 0: all of it does. Exit 1: something does not, and it is named. C2SP tlog-tiles.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: tlog DIR")
		os.Exit(2)
	}
	entries, err := check(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d entries\n", entries)
}

func check(dir string) (int64, error) {
	vkey, err := os.ReadFile(filepath.Join(dir, "log.vkey"))
	if err != nil {
		return 0, err
	}
	verifier, err := note.NewVerifier(strings.TrimSuffix(string(vkey), "\n"))
	if err != nil {
		return 0, fmt.Errorf("log.vkey: %w", err)
	}
	signed, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return 0, err
	}
	checkpoint, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	tree, err := parseTree(checkpoint.Text, verifier.Name())
	if err != nil {
		return 0, fmt.Errorf("checkpoint: %w", err)
	}
	// TileHashReader authenticates every tile it reads against the root.
	hashes := tlog.TileHashReader(tree, tiles{dir})
	for start := int64(0); start < tree.N; start += 256 {
		width := min(256, tree.N-start)
		bundle, err := readBundle(dir, start/256, width)
		if err != nil {
			return 0, err
		}
		indexes := make([]int64, width)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, start+int64(i))
		}
		known, err := hashes.ReadHashes(indexes)
		if err != nil {
			return 0, err
		}
		for i, entry := range bundle {
			if tlog.RecordHash(entry) != known[i] {
				return 0, fmt.Errorf("entry %d does not match its hash", start+int64(i))
			}
			proof, err := tlog.ProveRecord(tree.N, start+int64(i), hashes)
			if err != nil {
				return 0, err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, start+int64(i), tlog.RecordHash(entry)); err != nil {
				return 0, fmt.Errorf("entry %d: %w", start+int64(i), err)
			}
		}
	}
	return tree.N, nil
}

func parseTree(text, origin string) (tlog.Tree, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != origin || lines[3] != "" {
		return tlog.Tree{}, fmt.Errorf("not a checkpoint of %s", origin)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// An entry bundle: entries behind their lengths, and nothing after the last.
func readBundle(dir string, n, width int64) ([][]byte, error) {
	name := tilePath("tile/entries", n, width)
	rest, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	entries := make([][]byte, 0, width)
	for len(rest) >= 2 {
		length := int(binary.BigEndian.Uint16(rest))
		if len(rest) < 2+length {
			break
		}
		entries = append(entries, rest[2:2+length])
		rest = rest[2+length:]
	}
	if len(rest) != 0 || int64(len(entries)) != width {
		return nil, fmt.Errorf("%s: malformed", name)
	}
	return entries, nil
}

type tiles struct{ dir string }

func (tiles) Height() int                         { return 8 }
func (tiles) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(wanted))
	for i, tile := range wanted {
		name := tilePath(fmt.Sprintf("tile/%d", tile.L), tile.N, int64(tile.W))
		bytes, err := os.ReadFile(filepath.Join(t.dir, name))
		if err != nil {
			return nil, err
		}
		if len(bytes) != tile.W*tlog.HashSize {
			return nil, fmt.Errorf("%s: malformed", name)
		}
		data[i] = bytes
	}
	return data, nil
}

// C2SP tlog-tiles names: groups of three digits, all but the last behind an x; `.p/<W>` for a partial tile. (x/mod's own paths have the height in them.)
func tilePath(prefix string, n, width int64) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if width < 256 {
		name += fmt.Sprintf(".p/%d", width)
	}
	return prefix + "/" + name
}
