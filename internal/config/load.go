package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf8"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

// maxFile bounds the file; a real one has 2 KiB.
const maxFile = 1 << 20

// Load reads the configuration of the repository at dir; a repository without
// the file has the Default. Errors are as Parse has them, or one Refusal if the
// file cannot be read.
func Load(dir string) (Config, error) {
	path := filepath.Join(dir, FileName)
	// Stat before Open: opening a named pipe would wait for a writer for ever.
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return Default(), refuse("is a symbolic link that leads nowhere.", "Remove it or mend where it points.")
		}
		return Default(), nil
	}
	if err != nil {
		return Default(), unreadable(err)
	}
	if !info.Mode().IsRegular() {
		return Default(), refuse("is not a regular file.", "Replace it with a JSON file, or remove it to use the defaults.")
	}
	f, err := os.Open(path)
	if err != nil {
		return Default(), unreadable(err)
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return Default(), unreadable(err)
	}
	return Parse(FileName, b)
}

func unreadable(err error) error {
	var p *fs.PathError
	cause := err
	if errors.As(err, &p) {
		cause = p.Err
	}
	return &task.Refusal{
		Where: FileName, What: fmt.Sprintf("cannot be read: %v.", cause),
		Mend: "Make it readable for the user that runs the server.", Err: err,
	}
}

func refuse(what, mend string) error {
	return &task.Refusal{Where: FileName, What: what, Mend: mend}
}

// Parse reads a configuration; name is what the errors call it. What b leaves
// out has its Default. Every problem is a *task.Refusal of its own, in the order
// of the file and joined; its Where is like ".mcp-codex.json: resources.memory".
// The other fields are as they should be all the same, for whoever looks for more.
func Parse(name string, b []byte) (Config, error) {
	if err := checkText(name, b); err != nil {
		return Default(), err
	}
	b = bytes.TrimPrefix(b, []byte("\ufeff"))
	p := problems{name: name, text: string(b)}
	root, duplicates, err := readTree(p.text)
	if err != nil {
		var s *syntaxError
		if !errors.As(err, &s) {
			return Default(), fmt.Errorf("parse %s: %w", name, err)
		}
		p.add(s.at, nil, fmt.Sprintf("cannot be read as JSON: %s", s.what), "Mend the JSON; comments and trailing commas are not allowed.")
		return Default(), p.err()
	}
	for _, d := range duplicates {
		p.add(d.at, d.path, "appears twice", "Keep one of the two.")
	}
	if err := p.checkSchema(root); err != nil {
		return Default(), err
	}
	p.checkSizes(root)
	plain, err := json.Marshal(p.without(root.plain()))
	if err != nil {
		return Default(), fmt.Errorf("parse %s: %w", name, err)
	}
	c := Default()
	if err := json.Unmarshal(plain, &c); err != nil {
		return Default(), fmt.Errorf("parse %s: %w", name, err)
	}
	return c, p.err()
}

// checkText refuses what no JSON parser should see.
func checkText(name string, b []byte) error {
	what, mend := "", ""
	switch {
	case len(b) > maxFile:
		what, mend = "is larger than 1 MiB.", "A configuration is a few KiB: check that it is the right file."
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		what, mend = "is UTF-16.", "Save it as UTF-8."
	case !utf8.Valid(b):
		what, mend = "is not valid UTF-8.", "Save it as UTF-8."
	case len(bytes.TrimSpace(b)) == 0:
		what, mend = "is empty.", "Write {} or remove it to use the defaults."
	default:
		return nil
	}
	return &task.Refusal{Where: name, What: what, Mend: mend}
}
