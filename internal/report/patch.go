package report

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/bluekeyes/go-gitdiff/gitdiff"
)

const fileStart = "diff --git "

// splitPatch cuts a git patch into one piece per file. A line of a hunk begins
// with a sign, and base85 has no space, so that no content can look like the
// start of a file. What stands before the first one is a piece too.
func splitPatch(patch string) []string {
	var pieces []string
	for patch != "" {
		end := strings.Index(patch, "\n"+fileStart)
		if end < 0 {
			return append(pieces, patch)
		}
		pieces = append(pieces, patch[:end+1])
		patch = patch[end+1:]
	}
	return pieces
}

// change is one file of a patch.
type change struct {
	*gitdiff.File
	// binary is what is known of a binary file's content; empty for text.
	binary string
}

// parseChange reads one piece of a patch. Each is read alone, so that one that
// makes no sense is no trouble to the others. It is strict: text that gitdiff
// would step over is an error.
func parseChange(piece string) (change, error) {
	if !strings.HasPrefix(piece, fileStart) {
		return change{}, errors.New("it does not begin like a file of a git patch")
	}
	text, binary := cutBinary(piece)
	files, _, err := gitdiff.Parse(strings.NewReader(text))
	if err != nil {
		return change{}, err
	}
	if len(files) != 1 {
		return change{}, fmt.Errorf("it holds %s", count(len(files), "file"))
	}
	f := files[0]
	if binary == "" && f.IsBinary {
		binary = "binary"
	}
	hunks, lines := 0, 0
	if at := strings.Index(text, "\n@@ "); at >= 0 {
		hunks = strings.Count(text[at+1:], "\n")
		if !strings.HasSuffix(text, "\n") {
			hunks++
		}
		lines = strings.Count(text[at+1:], "\n\\ ")
	}
	for _, h := range f.TextFragments {
		lines += 1 + len(h.Lines)
	}
	if hunks != lines {
		return change{}, errors.New("there are lines that belong to no hunk")
	}
	return change{f, binary}, nil
}

// cutBinary takes a binary content off, and says what it was. It must not be
// unpacked: a kilobyte of it may be a megabyte of zeros.
func cutBinary(piece string) (header, binary string) {
	at := strings.Index(piece, "\nGIT binary patch\n")
	if at < 0 {
		return piece, ""
	}
	var kind string
	var n int64
	if _, err := fmt.Sscanf(piece[at+len("\nGIT binary patch\n"):], "%s %d\n", &kind, &n); err != nil || kind != "literal" || n < 0 {
		return piece[:at+1], "binary"
	}
	return piece[:at+1], "binary, now " + size(n)
}

// name is the path to show.
func (c change) name() string {
	if c.NewName == "" {
		return c.OldName
	}
	return c.NewName
}

// what says in a word what became of the file.
func (c change) what() string {
	switch {
	case c.IsNew:
		return "added"
	case c.IsDelete:
		return "deleted"
	case c.IsRename:
		return "renamed"
	case c.IsCopy:
		return "copied"
	case len(c.TextFragments) == 0 && c.binary == "":
		return "mode"
	}
	return "modified"
}

// notes are what the lines alone do not show.
func (c change) notes() []string {
	var notes []string
	if c.IsRename || c.IsCopy {
		notes = append(notes, "from "+c.OldName)
	}
	if c.binary != "" {
		notes = append(notes, c.binary)
	}
	was, is := modeWord(c.OldMode), modeWord(c.NewMode)
	switch {
	case c.IsNew && is != "" && is != "plain file":
		notes = append(notes, is)
	case c.IsDelete && was != "" && was != "plain file":
		notes = append(notes, "was: "+was)
	case !c.IsNew && !c.IsDelete && was != "" && is != "" && was != is:
		notes = append(notes, was+" → "+is)
	case !c.IsNew && !c.IsDelete && was != "" && was != "plain file":
		notes = append(notes, was)
	}
	return notes
}

// modeWord names git's file modes, which gitdiff keeps as they stand in the patch.
func modeWord(m fs.FileMode) string {
	switch m {
	case 0:
		return ""
	case 0o100644:
		return "plain file"
	case 0o100755:
		return "executable"
	case 0o120000:
		return "symbolic link"
	case 0o160000:
		return "submodule"
	}
	return fmt.Sprintf("mode %o", uint32(m))
}

// share is the most that each may have if all together get total: the small get
// all they need, the large the same.
func share(sizes []int, total int) int {
	sizes = slices.Sorted(slices.Values(sizes))
	for i, n := range sizes {
		if level := total / (len(sizes) - i); n > level {
			return level
		}
		total -= n
	}
	return max(total, 0) + slices.Max(append(sizes, 0))
}
