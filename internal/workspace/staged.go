package workspace

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/codex-mcp-runner/codex-mcp-runner/internal/task"
)

const (
	// maxIndex is more than the index of a million files has.
	maxIndex = 128 << 20
	// maxForced bounds how many files are taken although they are ignored, and
	// with them the time that a made-up index can cost.
	maxForced = 10_000
)

// forced lists files that are ignored, but that Codex has staged all the same, as
// git add --force does. known are the names that are looked at anyway.
//
// Codex's index is not to be trusted, so all that is taken from it are names, and
// of these only such that walk has seen the directory of: who can write an index
// can write a .gitignore that excludes nothing, too. An index that makes no sense
// names nothing from there on.
func (s *staging) forced(ctx context.Context, known map[string]bool) ([]candidate, error) {
	index, err := s.w.readStaged()
	if err != nil {
		s.w.repo.git.log.InfoContext(ctx, "cannot read the index that Codex left", "err", err)
		return nil, nil
	}
	var found []candidate
	looked := 0
	err = indexNames(index, s.w.repo.oidLength(), func(name string) bool {
		_, ofBase := s.w.snapshot[name]
		if ofBase || known[name] || s.w.gitlinks[name] || path.Clean(name) != name || !s.walk.dirs[path.Dir(name)] {
			return ctx.Err() == nil
		}
		if looked++; looked > maxForced {
			s.findings.add("not-collected", task.SeverityError,
				fmt.Sprintf("Codex has staged more than %d files that are ignored; the patch leaves out this one, and those after it.", maxForced), name)
			return false
		}
		if info, err := s.walk.root.Lstat(name); err == nil && (info.Mode().IsRegular() || info.Mode().Type() == fs.ModeSymlink) {
			found = append(found, candidate{name, statOf(info)})
		}
		return ctx.Err() == nil
	})
	if err != nil {
		s.w.repo.git.log.InfoContext(ctx, "cannot read the index that Codex left", "err", err)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return found, nil
}

// readStaged reads the index of the private git directory.
func (w *Workspace) readStaged() (_ []byte, err error) {
	root, err := os.OpenRoot(w.layout.private())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	// A pipe must not make us wait, so look before opening: nobody else is there
	// any more to change it between.
	info, err := root.Lstat("index")
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxIndex {
		return nil, fmt.Errorf("it is %s of %d bytes", info.Mode(), info.Size())
	}
	f, err := root.Open("index")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, maxIndex))
}

// oidLength is how many bytes an object's name has.
func (r *Repository) oidLength() int {
	if r.objectFormat == "sha256" {
		return 32
	}
	return 20
}

var errIndex = errors.New("it is no index that git writes")

// indexNames calls yield with each name in an index, until that returns false
// or the index makes no sense. go-git's decoder knows no SHA-256, and keeps all
// names at once, which version 4 can make of a small file thousands of times its
// size. See gitformat-index(5).
func indexNames(index []byte, oidLength int, yield func(name string) bool) error {
	if len(index) < 12 || string(index[:4]) != "DIRC" {
		return errIndex
	}
	version, count := binary.BigEndian.Uint32(index[4:]), binary.BigEndian.Uint32(index[8:])
	if version < 2 || version > 4 {
		return errIndex
	}
	rest := index[12:]
	var name []byte
	for range count {
		// Ten numbers, among them times, mode and size; the object; flags.
		head := 40 + oidLength + 2
		if len(rest) < head {
			return errIndex
		}
		if extended := rest[head-2]&0x40 != 0; extended {
			head += 2
		}
		kept := 0
		if version == 4 {
			cut, n := offset(rest[min(head, len(rest)):])
			if n == 0 || cut > len(name) {
				return errIndex
			}
			kept = len(name) - cut
			head += n
		}
		end := bytes.IndexByte(rest[min(head, len(rest)):], 0)
		if end < 0 || kept+end >= maxPath {
			return errIndex
		}
		next := append(bytes.Clone(name[:kept]), rest[head:head+end]...)
		if c := bytes.Compare(name, next); c > 0 {
			return errIndex
		} else if c < 0 && !yield(string(next)) { // equal: the sides of a conflict
			return nil
		}
		name = next
		size := head + end + 1
		if version < 4 {
			size = (size + 7) &^ 7
		}
		if len(rest) < size {
			return errIndex
		}
		rest = rest[size:]
	}
	return nil
}

// offset reads a number as git's packs and indexes write it, and says how many
// bytes it took; 0 if it is none of use.
func offset(b []byte) (value, n int) {
	for n < len(b) && n < 4 {
		c := b[n]
		n++
		value = value<<7 | int(c&0x7f)
		if c&0x80 == 0 {
			return value, n
		}
		value++
	}
	return 0, 0
}
